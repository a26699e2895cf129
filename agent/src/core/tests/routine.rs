//! The agent's own scans, and which policy a survey is of.

use super::*;

#[test]
fn the_routine_scan_comes_at_the_start_and_after_its_interval() {
    let policy = Policy { scan_interval_hours: 24, ..Policy::default() };
    let mut core = Core::new("n-1".parse().unwrap(), policy, Journal::default());
    let effects = core.on(noon(), Event::Started);
    assert_eq!(doing(&effects).unwrap().1, Act::Survey { refresh: true, attempted: false });
    answer(&mut core, noon(), surveyed(&["a"], None));
    assert!(doing(&core.on(noon() + TimeDelta::hours(23), Event::Woke)).is_none());
    assert!(doing(&core.on(noon() + TimeDelta::hours(24), Event::Woke)).is_some());
}

#[test]
fn the_routine_scan_gives_way_to_a_request_and_new_documents_are_looked_at_by_a_scan() {
    let policy = Policy { scan_interval_hours: 24, ..Policy::default() };
    let mut core = Core::new("n-1".parse().unwrap(), policy.clone(), Journal::default());
    core.on(noon(), Event::Started);
    let effects = request(&mut core, noon(), "r-1", install());
    assert_eq!(entry(&effects).map(|e| e.ending), Some(Ending::Cancelled));
    assert_eq!(core.journal().active.as_ref().map(|a| a.spec.id.clone()), Some(run_id("r-1")));
    answer(&mut core, noon(), surveyed(&[], Some(false)));
    assert!(core.journal().active.is_none(), "the next scan is a day away");
    assert_eq!(doing(&core.on(noon(), Event::PolicyRead { policy: policy.clone() })), None, "nothing is new");
    let policy = Policy { fingerprint: "new".into(), ..policy };
    let effects = core.on(noon(), Event::PolicyRead { policy });
    assert_eq!(doing(&effects).unwrap().1, Act::Survey { refresh: true, attempted: false });
}

#[test]
fn a_survey_of_an_older_policy_is_told_as_such_and_replaced_at_once_also_after_a_restart() {
    let policy =
        |print: &str| Policy { scan_interval_hours: 24, fingerprint: print.into(), ..Policy::default() };
    let restarted = |journal: &Journal, policy: Policy| {
        let mut core = Core::new("n-1".parse().unwrap(), policy, journal.clone());
        let effects = core.on(noon(), Event::Started);
        (core, effects)
    };
    let (mut core, _) = restarted(&Journal::default(), policy("a"));
    answer(&mut core, noon(), surveyed(&["x"], None));
    assert!(!core.view(noon()).outdated);
    let (same, effects) = restarted(core.journal(), policy("a"));
    assert_eq!((doing(&effects), same.view(noon()).outdated), (None, false), "a restart alone scans nothing");

    let (mut other, effects) = restarted(core.journal(), policy("b"));
    assert!(doing(&effects).is_some() && other.view(noon()).outdated);
    // The policy changes once more while the machine is looked at: the answer is of what was asked under.
    other.on(noon(), Event::PolicyRead { policy: policy("c") });
    let effects = answer(&mut other, noon(), surveyed(&["x"], None));
    assert!(doing(&effects).is_some() && other.view(noon()).outdated);
    // A scan that fails is not begun again and again.
    let effects = answer(&mut other, noon(), Answer::Surveyed(Err(trouble(TroubleKind::Failed))));
    assert_eq!((doing(&effects), other.view(noon()).outdated), (None, true));
    // A journal of a version that kept no fingerprints.
    let old = Journal { survey_policy: None, last_scan_policy: None, ..core.journal().clone() };
    assert!(doing(&restarted(&old, policy("a")).1).is_some());
}
