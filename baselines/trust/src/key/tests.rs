//! Keys and their names as text.

use super::*;

fn key(n: u8) -> SecretKey {
    SecretKey::from_entropy(&[n; 32])
}

#[test]
fn a_key_id_key_and_signature_are_read_as_they_are_written() {
    let public = key(1).public();
    assert_eq!(public.to_string().parse(), Ok(public.clone()));
    assert!(public.to_string().starts_with("MCowBQYDK2VwAyEA"));
    assert_eq!(public.id().to_string().parse(), Ok(public.id()));
    assert_ne!(public.id(), key(2).public().id());
    let signature = key(1).sign(b"text");
    assert_eq!(signature.to_string().parse(), Ok(signature));
    assert!(public.verifies(b"text", &signature));
    assert!(!public.verifies(b"Text", &signature) && !key(2).public().verifies(b"text", &signature));
}

#[test]
fn what_is_no_key_is_refused() {
    let good = key(1).public().to_string();
    let last = |c: &str| format!("{}{c}=", &good[..58]);
    // The last digit before the padding has two bits that carry nothing; only one spelling is taken.
    let spellings =
        ["A", "B", "C", "D"].map(last).into_iter().filter(|t| t.parse::<PublicKey>().is_ok()).count();
    assert!(spellings <= 1);
    for bad in ["", "MCowBQYDK2VwAyEA", &good[1..], &format!("{good}="), &good.replace("MCow", "MCox")] {
        assert_eq!(bad.parse::<PublicKey>(), Err(KeyError::Public), "{bad}");
    }
    for bad in ["", "ed25519:", "ed25519:00", &format!("ED25519:{}", "0".repeat(32)), &"0".repeat(40)] {
        assert_eq!(bad.parse::<KeyId>(), Err(KeyError::Id), "{bad}");
    }
}

#[test]
fn a_key_that_verifies_everything_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(PublicKey::from_bytes(&identity), Err(KeyError::Weak));
    assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Weak));
}

#[test]
fn a_secret_does_not_show_itself() {
    let shown = format!("{:?}", key(7));
    assert!(shown.starts_with("SecretKey(ed25519:") && !shown.contains("0707"), "{shown}");
}
