//! The privileged half on a machine that runs: real systemd, real apt, who goes away in the middle, and an agent that
//! wants what nobody allowed.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::{OrderId, RunId};
use patchflock_api::order::Order;
use patchflock_api::privileged::{Answer, Basis, Request};
use patchflock_api::run::{HookPoint, RebootChoice, Trouble, TroubleKind};
use patchflock_tests::lab::apt::{AptRepo, Suite};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::machine::Machine;
use patchflock_tests::lab::privileged::{ask_as, client, now, place};
use patchflock_tests::lab::site::{self, MAIN, SECURITY};

/// A machine with the privileged half behind its socket, one package, and its update, whose script waits for `/go`.
fn machine() -> Machine {
    let machine = Machine::boot(&Base::debian().unwrap()).unwrap();
    let mut repo = AptRepo::new(machine.files().at("/srv/debian")).unwrap();
    repo.suite(Suite::debian(MAIN)).suite(Suite::debian_security(MAIN));
    repo.add(MAIN, Deb::new("tool", "1.0")).unwrap();
    repo.publish().unwrap();
    repo.attach(machine.files(), "file:/srv/debian").unwrap();
    machine.ok(&format!("{} && apt-get install -y tool", site::UPDATE)).unwrap();
    let waits = "touch /waiting; until [ -e /go ]; do sleep 0.1; done";
    repo.add(SECURITY, Deb::new("tool", "1.1").script("postinst", waits)).unwrap();
    repo.publish().unwrap();
    let program = door::patchflock().unwrap().with_file_name("patchflock-priv");
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("packaging/systemd");
    let place = |from: &Path, to: &str| {
        let to = machine.files().at(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    };
    place(&program, "/usr/libexec/patchflock/patchflock-priv");
    for unit in ["patchflock-priv.socket", "patchflock-priv@.service"] {
        place(&units.join(unit), &format!("/etc/systemd/system/{unit}"));
    }
    machine
        .ok("groupadd -r patchflock && useradd -r -g patchflock patchflock && systemctl daemon-reload && systemctl start patchflock-priv.socket")
        .unwrap();
    machine
}

/// The user of the agent, where it is not the agent.
const HOSTILE: &str = "patchflock";

fn ask(machine: &Machine, request: &Request) -> Result<Answer, Trouble> {
    ask_as(machine, HOSTILE, request).unwrap()
}

/// A run that an administrator has ordered.
struct Ordered {
    run: RunId,
    order: OrderId,
}

impl Ordered {
    fn new(machine: &Machine, order: Order) -> Self {
        let order = place(machine, order).unwrap();
        Self { run: RunId::of_order(&order), order }
    }

    fn survey(&self) -> Request {
        survey(&self.run, Basis::Order { order: self.order.clone() })
    }

    fn install(&self, token: u64) -> Request {
        Request::Install { run: self.run.clone(), token }
    }
}

fn survey(run: &RunId, basis: Basis) -> Request {
    Request::Survey { run: run.clone(), refresh: true, dry_run: false, basis, attempted: false }
}

fn planned(machine: &Machine, run: &Ordered) -> usize {
    match ask(machine, &run.survey()).unwrap() {
        Answer::Surveyed { survey, .. } => survey.plan.items.len(),
        other => panic!("{other:?}"),
    }
}

fn installed(answer: Result<Answer, Trouble>) -> usize {
    match answer.unwrap() {
        Answer::Installed { installed } => installed.installed,
        other => panic!("{other:?}"),
    }
}

/// Begins a transaction, and hangs up when it is in its middle.
fn begin(machine: &Machine, request: &Request) {
    let line = client(machine, request).unwrap();
    machine.ok(&format!("{line} > /heard 2>&1 & echo $! > /client.pid")).unwrap();
    let waiting = || machine.files().at("/waiting").exists();
    door::wait("the script of the package", Duration::from_secs(120), waiting).unwrap();
    machine.ok("kill $(cat /client.pid)").unwrap();
}

const VERSION: &str = "dpkg-query -W -f '${Version} ${db:Status-Abbrev}' tool";

#[test]
fn a_transaction_outlives_its_caller_and_the_service_that_started_it() {
    let machine = machine();
    let run = Ordered::new(&machine, Order::default());
    assert_eq!(planned(&machine, &run), 1);
    assert_eq!(ask(&machine, &Request::Fetch { run: run.run.clone() }), Ok(Answer::Done {}));
    begin(&machine, &run.install(1));
    machine
        .ok("systemctl stop 'patchflock-priv@*' && systemctl kill --signal=TERM patchflock-txn-1")
        .unwrap();
    assert_eq!(machine.ok("systemctl is-active patchflock-txn-1").unwrap().trim(), "active");
    assert_eq!(ask(&machine, &run.survey()).unwrap_err().kind, TroubleKind::Busy);
    machine.ok("touch /go").unwrap();
    assert_eq!(installed(ask(&machine, &run.install(1))), 1);
    assert_eq!(machine.ok(VERSION).unwrap().trim(), "1.1 ii");
    assert_eq!(planned(&machine, &run), 0);
}

#[test]
fn when_the_guard_is_killed_the_run_is_interrupted_and_a_new_token_finishes_it() {
    let machine = machine();
    let run = Ordered::new(&machine, Order::default());
    assert_eq!(planned(&machine, &run), 1);
    ask(&machine, &Request::Fetch { run: run.run.clone() }).unwrap();
    begin(&machine, &run.install(1));
    machine.ok("systemctl kill --kill-whom=main --signal=KILL patchflock-txn-1").unwrap();
    assert_eq!(ask(&machine, &run.install(1)).unwrap_err().kind, TroubleKind::Interrupted);
    // dpkg goes on without its guard, and is waited for.
    machine.ok("touch /go").unwrap();
    let settled = || machine.ok(VERSION).is_ok_and(|v| v.trim() == "1.1 ii");
    door::wait("dpkg", Duration::from_secs(60), settled).unwrap();
    assert_eq!(planned(&machine, &run), 0, "what it finished is seen");
    let record = format!("/var/lib/patchflock/runs/{}.json", run.run);
    let record = std::fs::read_to_string(machine.files().at(&record)).unwrap();
    assert!(record.contains("\"phase\": \"interrupted\""), "{record}");
}

/// A firing of a window that root publishes: when it starts, how long it lasts and how long before its end nothing starts.
fn window(machine: &Machine, start: DateTime<Utc>, minutes: (u32, u32)) -> (RunId, Basis) {
    let (duration, cutoff) = minutes;
    let text = format!(
        "kind: MaintenanceWindow\nname: lab\nspec:\n  schedule: at({})\n  duration: {duration}m\n  cutoff: {cutoff}m\n  \
         tasks:\n    - {{type: INSTALL, name: patch, targets: [{{key: InstanceIds, values: [\"*\"]}}], \
         max_concurrency: 1, max_errors: 0}}\n",
        start.format("%FT%T")
    );
    ask_as(machine, "root", &Request::Apply { text, dry_run: false }).unwrap().unwrap();
    let basis = Basis::Window { window: "lab".into(), task: "patch".into(), start };
    (RunId::of_window("", "lab", start, "patch"), basis)
}

#[test]
fn a_hostile_agent_disturbs_nothing_that_no_administrator_has_allowed() {
    let machine = machine();
    for point in ["pre-install", "post-install", "pre-reboot", "on-exit"] {
        let place = format!("/etc/patchflock/hooks/{point}.d/1");
        machine.files().script(&place, &format!("#!/bin/sh\necho {point} >> /hooked\n")).unwrap();
    }
    let boot = machine.boot_id().unwrap();
    let now = now(&machine).unwrap();
    // Everything that disturbs, for a run: why the installation is refused.
    let refused = |run: &RunId, token: u64| {
        for point in [HookPoint::PreInstall, HookPoint::PostInstall, HookPoint::PreReboot] {
            assert!(ask(&machine, &Request::Hook { run: run.clone(), point }).is_err(), "{point:?}");
        }
        ask(&machine, &Request::Hook { run: run.clone(), point: HookPoint::OnExit }).unwrap();
        ask(&machine, &Request::Reboot { run: run.clone() }).unwrap_err();
        let why = ask(&machine, &Request::Install { run: run.clone(), token }).unwrap_err().why;
        assert_eq!(machine.ok(VERSION).unwrap().trim(), "1.0 ii", "{why}");
        assert!(!machine.files().at("/hooked").exists(), "{why}");
        why
    };
    let own: RunId = "r-own".parse().unwrap();
    assert!(refused(&own, 1).contains("survey the machine first"));
    ask(&machine, &survey(&own, Basis::Look {})).unwrap();
    ask(&machine, &Request::Fetch { run: own.clone() }).unwrap();
    assert!(refused(&own, 1).contains("only looks"));
    // An order that it places itself, and a window.
    let order = Order { expires: now + TimeDelta::hours(1), ..Order::default() };
    assert!(ask(&machine, &Request::Place { order }).unwrap_err().why.contains("for administrators alone"));
    let apply = Request::Apply { text: "kind: MaintenanceWindow\n".into(), dry_run: false };
    assert!(ask(&machine, &apply).unwrap_err().why.contains("for administrators alone"));
    // A window that is not open yet: what it will need may be fetched, and no more. One past its cutoff, and past its end.
    for (start, minutes, words) in [
        (now + TimeDelta::days(1), (60, 30), "no firing"),
        (now - TimeDelta::minutes(30), (60, 40), "too late"),
        (now - TimeDelta::minutes(30), (20, 10), "too late"),
    ] {
        let (run, basis) = window(&machine, start, minutes);
        ask(&machine, &survey(&run, basis)).unwrap();
        ask(&machine, &Request::Fetch { run: run.clone() }).unwrap();
        let why = refused(&run, 1);
        assert!(why.contains(words), "{why}");
    }
    // An order for a dry run, and the name of another run.
    let dry = Ordered::new(&machine, Order { dry_run: true, ..Order::default() });
    assert!(ask(&machine, &dry.survey()).unwrap_err().why.contains("for a dry run"));
    refused(&dry.run, 1);
    let real = Ordered::new(&machine, Order { reboot: RebootChoice::Never, ..Order::default() });
    let stolen = survey(&own, Basis::Order { order: real.order.clone() });
    assert!(ask(&machine, &stolen).unwrap_err().why.contains("is not the run of"));
    let mistaken = ask(&machine, &real.install(u64::MAX)).unwrap_err();
    assert!(mistaken.why.contains("larger than any slot gives"), "{}", mistaken.why);
    // What was ordered is done: once, and without the reboot that it leaves out.
    machine.ok("touch /go").unwrap();
    assert_eq!(planned(&machine, &real), 1);
    assert_eq!(installed(ask(&machine, &real.install(1))), 1);
    assert_eq!(machine.ok(VERSION).unwrap().trim(), "1.1 ii");
    planned(&machine, &real);
    assert!(ask(&machine, &real.install(2)).unwrap_err().why.contains("is over"));
    let reboot = ask(&machine, &Request::Reboot { run: real.run.clone() }).unwrap_err();
    assert!(reboot.why.contains("is not to reboot"), "{}", reboot.why);
    assert_eq!(machine.boot_id().unwrap(), boot);
}
