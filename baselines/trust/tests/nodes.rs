//! Nodes: how they join, who believes them, and what they try.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test whose own input is wrong has failed")]

#[path = "sample/fleet.rs"]
mod sample;

use chrono::TimeDelta;
use patchflock_baselines::baseline::ComplianceLevel;
use patchflock_baselines::compliance::{Counts, NodeStatus};
use patchflock_trust::certificate::{Certificate, CertificateError, Member, admit, renew};
use patchflock_trust::claim::{self, ClaimError, Mark, News, Place, Summary, Verdict, news};
use patchflock_trust::enrolment::{EnrolError, Invitation, Terms, judge};
use patchflock_trust::envelope::{Envelope, EnvelopeError, Purpose};
use patchflock_trust::hash::Hash;
use patchflock_trust::node::NodeId;
use patchflock_trust::state::State;
use patchflock_trust::statement::{Body, FORMAT};
use proptest::prelude::*;
use sample::*;

const DAY: TimeDelta = TimeDelta::hours(24);

fn certificate(n: u8) -> Certificate {
    Certificate::new(fleet(), format!("host-{n}"), key(n).public(), at(0), at(24 * 365))
}

fn member(state: &State, n: u8) -> Member {
    admit(state, &certificate(n).sign(&[&key(ENROL)]).unwrap(), at(1)).unwrap()
}

fn invitation(expires: i64, uses: u32) -> Invitation {
    let terms = Terms::new(&[7; 16], at(expires), uses);
    Invitation::new(fleet(), &key(ENROL), terms, vec!["192.0.2.1:7474".into()], None).unwrap()
}

#[test]
fn a_machine_with_one_line_becomes_a_node_of_the_right_fleet() {
    let line = invitation(10, 2).to_line().unwrap();
    assert!(
        line.starts_with("patchflock-join-1.") && !line.contains(char::is_whitespace) && line.len() < 700
    );
    let invited = Invitation::from_line(&format!("  {line}\n")).unwrap();
    let request = invited.request(&key(50), "host-50".into(), at(1)).unwrap();
    let enroller = node();
    let (terms, certificate) = judge(&enroller, &request, &key(ENROL), 1, at(1), DAY).unwrap();
    assert_eq!((terms.uses, certificate.name.as_str()), (2, "host-50"));
    let signed = certificate.sign(&[&key(ENROL)]).unwrap();
    // The machine knows the fleet's id alone, walks its documents, and then believes the answer.
    let mut machine = State::new(invited.fleet);
    assert_eq!(admit(&machine, &signed, at(1)), Err(CertificateError::NoFleetDocument));
    take(&mut machine, &genesis().1, 1);
    let member = admit(&machine, &signed, at(1)).unwrap();
    assert_eq!((member.node(), member.key()), (NodeId::of(&key(50).public()), &key(50).public()));
    assert_eq!(admit(&machine, &signed, at(26)), Err(CertificateError::Expired(at(25))));
}

#[test]
fn an_invitation_is_bounded_in_time_and_uses_and_cannot_be_changed() {
    let state = node();
    let ask = |invitation: &Invitation| invitation.request(&key(50), "host".into(), at(1)).unwrap();
    let judged = |request: &Envelope, used, hours| {
        judge(&state, request, &key(ENROL), used, at(hours), DAY).map(|(terms, _)| terms.uses)
    };
    let request = ask(&invitation(10, 2));
    assert_eq!(judged(&request, 1, 9), Ok(2));
    assert_eq!(judged(&request, 2, 9), Err(EnrolError::UsedUp(2)));
    assert_eq!(judged(&request, 0, 10), Err(EnrolError::Expired(at(10))));
    let mut greedy = invitation(10, 2);
    greedy.terms.uses = 1_000;
    assert_eq!(judged(&ask(&greedy), 2, 9), Err(EnrolError::NotInvited));
    let mut late = invitation(10, 2);
    late.terms.expires = at(1_000);
    assert_eq!(judged(&ask(&late), 0, 11), Err(EnrolError::NotInvited));
    let by_other = Invitation::new(fleet(), &key(ALICE), invitation(10, 2).terms, Vec::new(), None).unwrap();
    assert_eq!(judged(&ask(&by_other), 0, 1), Err(EnrolError::NotInvited));
    // A key that enrols nobody lets nobody in, also with its own invitation.
    let refused = judge(&state, &ask(&by_other), &key(ALICE), 0, at(1), DAY);
    assert_eq!(refused.unwrap_err(), EnrolError::NotEnrolling);
}

#[test]
fn who_overhears_a_join_request_cannot_join_by_it() {
    let state = node();
    let request = invitation(10, 9).request(&key(50), "host".into(), at(1)).unwrap();
    let payload = String::from_utf8(request.unverified_payload().to_vec()).unwrap();
    let swapped = payload.replace(&key(50).public().to_string(), &key(51).public().to_string());
    let mut thief = Envelope::from_parts(Purpose::JoinRequest, swapped.clone().into_bytes(), []);
    thief.cosign(&key(51));
    assert_eq!(judge(&state, &thief, &key(ENROL), 0, at(1), DAY).unwrap_err(), EnrolError::NotInvited);
    let mut unsigned = Envelope::from_parts(Purpose::JoinRequest, payload.into_bytes(), []);
    unsigned.cosign(&key(51));
    let reason = judge(&state, &unsigned, &key(ENROL), 0, at(1), DAY).unwrap_err();
    assert_eq!(reason, EnrolError::Envelope(EnvelopeError::Unsigned));
}

#[test]
fn a_damaged_line_is_refused() {
    let line = invitation(10, 1).to_line().unwrap();
    let wrong = [
        "",
        "patchflock-join-1.",
        &line[..line.len() - 8],
        &line[3..],
        &format!("{line}{}", "A".repeat(5_000)),
        &line.replace("join-1", "join-2"),
    ];
    for bad in wrong {
        assert!(Invitation::from_line(bad).is_err(), "{bad}");
    }
    assert!(!format!("{:?}", invitation(10, 1)).contains("secret"));
}

#[test]
fn a_forged_certificate_is_refused() {
    let mut state = node();
    let forged = |signers: &[u8]| {
        let keys: Vec<_> = signers.iter().map(|n| key(*n)).collect();
        certificate(50).sign(&keys.iter().collect::<Vec<_>>()).unwrap()
    };
    for signers in [&[ALICE][..], &[1, 2, 3], &[50], &[]] {
        let error = admit(&state, &forged(signers), at(1)).unwrap_err();
        assert_eq!(error, CertificateError::Envelope(EnvelopeError::Unsigned), "{signers:?}");
    }
    let other = patchflock_trust::statement::FleetId(Hash::of(b"other"));
    let foreign = Certificate { fleet: other, ..certificate(50) }.sign(&[&key(ENROL)]).unwrap();
    assert_eq!(admit(&state, &foreign, at(1)), Err(CertificateError::WrongFleet));
    // Another's id, and a certificate for ever, are not even signed.
    let id = NodeId::of(&key(51).public());
    assert!(Certificate { node: id, ..certificate(50) }.sign(&[&key(ENROL)]).is_err());
    assert!(Certificate { expires: at(24 * 800), ..certificate(50) }.sign(&[&key(ENROL)]).is_err());
    // With the enrolment key revoked, its certificates count no more.
    let good = forged(&[ENROL]);
    assert!(admit(&state, &good, at(1)).is_ok());
    take(&mut state, &revocation("enrol", &[ENROL], &[], &[1, 2]), 1);
    assert_eq!(admit(&state, &good, at(1)), Err(CertificateError::Threshold { found: 0, needed: 1 }));
}

#[test]
fn a_revoked_node_is_no_member_and_cannot_enrol_again() {
    let mut state = node();
    let (good, id) = (certificate(50).sign(&[&key(ENROL)]).unwrap(), NodeId::of(&key(50).public()));
    take(&mut state, &revocation("lost", &[], &[50], &[ENROL]), 1);
    assert_eq!(admit(&state, &good, at(2)), Err(CertificateError::Revoked(id)));
    let request = invitation(10, 1).request(&key(50), "host".into(), at(1)).unwrap();
    assert_eq!(judge(&state, &request, &key(ENROL), 0, at(1), DAY).unwrap_err(), EnrolError::Revoked(id));
    assert!(admit(&state, &certificate(51).sign(&[&key(ENROL)]).unwrap(), at(2)).is_ok());
}

#[test]
fn a_certificate_is_renewed_while_it_counts() {
    let mut state = node();
    let old = certificate(50).sign(&[&key(ENROL)]).unwrap();
    let renewed = renew(&state, &old, at(100), DAY).unwrap();
    assert_eq!((renewed.issued, renewed.expires), (at(100), at(124)));
    assert_eq!((renewed.key, renewed.name.as_str()), (key(50).public(), "host-50"));
    assert!(matches!(
        renew(&state, &old, at(100), TimeDelta::days(800)),
        Err(CertificateError::Statement(_))
    ));
    assert!(matches!(renew(&state, &old, at(24 * 365), DAY), Err(CertificateError::Expired(_))));
    take(&mut state, &revocation("lost", &[], &[50], &[ENROL]), 1);
    assert!(matches!(renew(&state, &old, at(100), DAY), Err(CertificateError::Revoked(_))));
}

fn summary(n: u8, epoch: u64, seq: u64, failed: usize) -> Summary {
    Summary {
        format: FORMAT,
        fleet: fleet(),
        node: NodeId::of(&key(n).public()),
        place: Place { epoch, seq },
        issued: at(1),
        scanned: at(1),
        baseline: None,
        verdict: Verdict {
            status: NodeStatus::Unknown,
            severity: ComplianceLevel::Unspecified,
            counts: Counts { failed, ..Counts::default() },
        },
        reboot_pending: false,
        report: Hash::of(b"report"),
    }
}

fn mark(state: &State, n: u8, summary: &Summary) -> Result<Mark, ClaimError> {
    let envelope = summary.sign(&[&key(n)]).unwrap();
    claim::open::<Summary>(state, &member(state, n), &envelope, at(1)).map(|genuine| Mark::of(&genuine))
}

#[test]
fn a_forged_report_is_refused() {
    let state = node();
    assert!(mark(&state, 50, &summary(50, 1, 1, 0)).is_ok());
    // About another node, signed by one's own key.
    let about_other = mark(&state, 51, &summary(50, 1, 1, 0));
    assert!(matches!(about_other, Err(ClaimError::NotItsOwn { .. })));
    // In another node's name, signed by another key.
    let envelope = summary(50, 1, 1, 0).sign(&[&key(51)]).unwrap();
    let opened = claim::open::<Summary>(&state, &member(&state, 50), &envelope, at(1));
    assert_eq!(opened.unwrap_err(), ClaimError::Envelope(EnvelopeError::Unsigned));
    let other = patchflock_trust::statement::FleetId(Hash::of(b"other"));
    let foreign = Summary { fleet: other, ..summary(50, 1, 1, 0) };
    assert_eq!(mark(&state, 50, &foreign), Err(ClaimError::WrongFleet));
    // Dated so far ahead that nothing could come after it.
    assert!(matches!(mark(&state, 50, &summary(50, u64::MAX, 1, 0)), Err(ClaimError::FromTheFuture(_))));
    let ahead = Summary { issued: at(48), ..summary(50, 1, 1, 0) };
    assert_eq!(mark(&state, 50, &ahead), Err(ClaimError::FromTheFuture(at(48))));
}

#[test]
fn a_clone_is_noticed_and_forgotten_after_it_begins_anew() {
    let state = node();
    let of = |epoch, seq, failed| mark(&state, 50, &summary(50, epoch, seq, failed)).unwrap();
    let (one, two) = (of(1, 5, 0), of(1, 5, 1));
    assert!(matches!(news(Some(&one), &two), News::Clone { .. }));
    assert_ne!(news(Some(&one), &two), news(Some(&two), &one));
    let both = one.join(two);
    assert_eq!(both, two.join(one));
    assert!(both.is_clone() && !one.is_clone() && both.digest == one.digest.max(two.digest));
    assert!(both.join(of(1, 6, 0)).is_clone());
    assert!(!both.join(of(2, 1, 0)).is_clone());
    assert_eq!(news(Some(&one), &one), News::Known);
    assert_eq!(news(Some(&of(2, 1, 0)), &one), News::Older);
    assert_eq!(news(Some(&one), &of(2, 1, 0)), News::Newer);
    assert_eq!(news(None, &one), News::Newer);
}

proptest! {
    #[test]
    fn marks_join_alike_in_any_order(
        places in prop::collection::vec((0..3_u64, 0..3_u64, 0..3_u8), 1..9),
        shift in 0..9_usize,
    ) {
        let marks: Vec<Mark> = places
            .iter()
            .map(|(epoch, seq, text)| Mark {
                place: Place { epoch: *epoch, seq: *seq },
                digest: Hash::of(&[*text]),
                cloned_in: None,
            })
            .collect();
        let all = |marks: &[Mark]| marks.iter().copied().reduce(Mark::join).unwrap();
        let mut other = marks.clone();
        other.rotate_left(shift % marks.len());
        other.reverse();
        let again: Vec<Mark> = other.iter().chain(&marks).copied().collect();
        prop_assert_eq!(all(&marks).place, all(&other).place);
        prop_assert_eq!(all(&marks).digest, all(&other).digest);
        prop_assert_eq!(all(&other), all(&again));
    }
}
