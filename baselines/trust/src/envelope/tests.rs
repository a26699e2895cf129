//! Envelopes: what is read, what holds, what is refused.

use super::*;

fn key(n: u8) -> SecretKey {
    SecretKey::from_entropy(&[n; 32])
}

fn sealed(keys: &[&SecretKey]) -> Envelope {
    Envelope::seal(Purpose::Document, b"text".to_vec(), keys)
}

fn signers(envelope: &Envelope, known: &[PublicKey]) -> Result<BTreeSet<KeyId>, EnvelopeError> {
    let find = |id: &KeyId| known.iter().find(|key| key.id() == *id);
    envelope.verify(Purpose::Document, find).map(|verified| verified.signers())
}

#[test]
fn an_envelope_is_read_as_it_is_written() {
    let envelope = sealed(&[&key(1), &key(2)]);
    let json = envelope.to_json().unwrap();
    assert_eq!(Envelope::from_json(json.as_bytes()).unwrap(), envelope);
    assert!(
        json.starts_with(r#"{"payloadType":"application/vnd.patchflock.document.v1","payload":"dGV4dA==","#)
    );
}

#[test]
fn what_is_signed_is_the_encoding_of_dsse() {
    let expected = b"DSSEv1 38 application/vnd.patchflock.document.v1 4 text";
    assert_eq!(sealed(&[]).encoding(), expected);
    assert_eq!(sealed(&[]).digest(), Hash::of(expected));
}

#[test]
fn signatures_of_known_keys_count_and_others_are_passed_over() {
    let (one, two) = (key(1), key(2));
    let envelope = sealed(&[&one, &two]);
    let ids = |keys: &[&SecretKey]| keys.iter().map(|key| key.public().id()).collect::<BTreeSet<_>>();
    assert_eq!(signers(&envelope, &[one.public(), two.public()]), Ok(ids(&[&one, &two])));
    assert_eq!(signers(&envelope, &[two.public(), key(3).public()]), Ok(ids(&[&two])));
    assert_eq!(signers(&envelope, &[key(3).public()]), Err(EnvelopeError::Unsigned));
    assert_eq!(signers(&sealed(&[]), &[one.public()]), Err(EnvelopeError::Unsigned));
}

#[test]
fn duplicate_signatures_by_one_key_count_once() {
    let one = key(1);
    let mut envelope = sealed(&[&one, &one]);
    assert_eq!(envelope.signatures.len(), 1);
    let again = envelope.signatures[0];
    envelope.signatures.push(again);
    assert_eq!(signers(&envelope, &[one.public()]).unwrap().len(), 1);
}

#[test]
fn a_key_id_that_names_another_key_does_not_hold() {
    let (one, two) = (key(1), key(2));
    let mut envelope = sealed(&[&one]);
    envelope.signatures[0].0 = two.public().id();
    let known = [one.public(), two.public()];
    assert_eq!(signers(&envelope, &known), Err(EnvelopeError::BadSignature(two.public().id())));
    // Nor does it help that the reader itself files a key under the wrong name.
    let mixed = |_: &KeyId| Some(&known[0]);
    let opened = envelope.verify(Purpose::Document, mixed);
    assert_eq!(opened.unwrap_err(), EnvelopeError::BadSignature(two.public().id()));
}

#[test]
fn a_changed_text_and_another_purpose_do_not_hold() {
    let one = key(1);
    let mut envelope = sealed(&[&one]);
    let find = one.public();
    let other = envelope.verify(Purpose::SetDigest, |_| Some(&find)).unwrap_err();
    assert_eq!(other, EnvelopeError::WrongPurpose { found: Purpose::Document, wanted: Purpose::SetDigest });
    let moved = Envelope { purpose: Purpose::SetDigest, ..envelope.clone() };
    let moved = moved.verify(Purpose::SetDigest, |_| Some(&find)).unwrap_err();
    assert_eq!(moved, EnvelopeError::BadSignature(find.id()));
    envelope.payload[0] ^= 1;
    assert_eq!(signers(&envelope, &[one.public()]), Err(EnvelopeError::BadSignature(one.public().id())));
}

#[test]
fn oversize_and_malformed_envelopes_are_refused() {
    use EnvelopeError::{Malformed, TooLong, TooManySignatures, UnknownPurpose};
    let read = |json: &str| Envelope::from_json(json.as_bytes()).unwrap_err();
    assert_eq!(read(&" ".repeat(MAX_BYTES + 1)), TooLong);
    let big = Envelope::seal(Purpose::Document, vec![b'x'; MAX_PAYLOAD + 1], &[]);
    assert_eq!(big.to_json(), Err(TooLong));
    let good = sealed(&[&key(1)]).to_json().unwrap();
    assert_eq!(read(&good.replace("document.v1", "document.v2")), UnknownPurpose);
    let entry = good.split_once('[').unwrap().1.trim_end_matches("]}");
    let many = good.replace(entry, &[entry; MAX_SIGNATURES + 1].join(","));
    assert_eq!(read(&many), TooManySignatures);
    for bad in [
        "",
        "null",
        "{}",
        &good.replace("dGV4dA==", "dGV4dA"),
        &good.replace("dGV4dA==", "dGV4dB=="),
        &good.replace("dGV4dA==", "dGV4\\ndA=="),
        &good.replace("ed25519:", "rsa:"),
        &good.replace("{\"payloadType\"", "{\"more\":1,\"payloadType\""),
        &good.replace("\"payload\":", "\"payload\":\"\",\"payload\":"),
        &good.replace("==\"}]", "\"}]"),
    ] {
        assert!(matches!(read(bad), Malformed(_)), "{bad}");
    }
}

#[test]
fn deep_nesting_ends_at_the_first_unexpected_bracket() {
    let deep = "[".repeat(MAX_BYTES / 2);
    for json in [deep.clone(), format!("{{\"payload\":{deep}"), format!("{{\"signatures\":{deep}")] {
        assert!(matches!(Envelope::from_json(json.as_bytes()), Err(EnvelopeError::Malformed(_))));
    }
}
