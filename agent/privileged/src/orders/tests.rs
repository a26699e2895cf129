//! Orders are checked when they are placed, and again when they are used.

use super::*;
use crate::bench::{Bench, baseline};

fn order(change: impl FnOnce(&mut Order)) -> Order {
    let mut order = Order { expires: "2026-11-24T13:00:00Z".parse().unwrap(), ..Order::default() };
    change(&mut order);
    order
}

fn placed(bench: &Bench, order: Order) -> Result<OrderId, Trouble> {
    match bench.ask(patchflock_api::privileged::Request::Place { order })? {
        Answer::Placed { order } => Ok(order),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_is_kept_until_it_expires_and_with_a_nonce_of_its_own_it_is_another_one() {
    let bench = Bench::ready();
    let id = placed(&bench, order(|o| o.exclude.push("jq".into()))).unwrap();
    assert_eq!(placed(&bench, order(|o| o.exclude.push("jq".into()))).unwrap(), id);
    let other = order(|o| {
        o.exclude.push("jq".into());
        o.nonce = "1".into();
    });
    assert_ne!(placed(&bench, other).unwrap(), id);
    let (found, by) = get(&bench.desk, Some(&id)).unwrap().unwrap();
    assert_eq!((found.exclude.clone(), by), (vec!["jq".into()], "tester".into()));
    alive(&found, "2026-11-24T12:59:59Z".parse().unwrap()).unwrap();
    let why = alive(&found, "2026-11-24T13:00:00Z".parse().unwrap()).unwrap_err().why;
    assert!(why.contains("expired at 2026-11-24 13:00:00 UTC"), "{why}");
    let other: OrderId = "o-0".parse().unwrap();
    assert!(get(&bench.desk, Some(&other)).unwrap_err().why.contains("there is no order o-0"));
}

#[test]
fn what_cannot_be_carried_out_is_refused_on_arrival() {
    let bench = Bench::ready();
    type Change = fn(&mut Order);
    let bad: [(Change, &str); 12] = [
        (|o| o.expires = "2026-11-24T12:00:00Z".parse().unwrap(), "expired"),
        (|o| o.install_override_list = Some("patches: []".into()), "patches"),
        (|o| o.baseline_override = Some("kind: Nonsense".into()), "unknown kind"),
        (|o| o.baseline_override = Some("[]".into()), "list of baselines"),
        (|o| o.baseline_override = Some(baseline("a", 1) + "---\n" + &baseline("b", 1)), "one document"),
        (|o| o.exclude = vec!["x".into(); 101], "100 names"),
        (|o| o.exclude = vec![String::new()], "1 to 256 characters"),
        (|o| o.reason = Some("x".repeat(2000)), "1024 characters"),
        (|o| o.operation = Operation::Scan, "only an installation needs an order"),
        (|o| o.nonce = String::new(), "1 to 64 of 0-9 and a-f"),
        (|o| o.nonce = "0".repeat(65), "1 to 64 of 0-9 and a-f"),
        (|o| o.nonce = "xyz".into(), "1 to 64 of 0-9 and a-f"),
    ];
    for (change, words) in bad {
        let why = placed(&bench, order(change)).unwrap_err().why;
        assert!(why.contains(words), "{words}: {why}");
    }
    let both = order(|o| {
        o.baseline_override = Some(baseline("a", 1));
        o.install_override_list = Some("patches: [{id: jq}]".into());
    });
    assert!(placed(&bench, both).is_err());
    assert!(!bench.path("/var/lib/patchflock/orders").exists());
}

#[test]
fn an_order_is_good_for_a_day_at_most_whatever_it_says() {
    let bench = Bench::ready();
    let later =
        Order { expires: "2026-12-31T00:00:00Z".parse().unwrap(), nonce: "a".into(), ..Order::default() };
    let Answer::Placed { order } = place(&bench.desk, "root", later).unwrap() else {
        unreachable!("it was placed")
    };
    let (kept, _) = get(&bench.desk, Some(&order)).unwrap().unwrap();
    assert_eq!(kept.expires, bench.time() + TimeDelta::hours(24));
}
