//! The privileged half on a machine that runs: real systemd, real apt, and who goes away in the middle.
#![cfg(feature = "lab")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends at the first thing that fails, and so do its preparations"
)]

use std::path::Path;
use std::time::Duration;

use patchflock_api::privileged::{Answer, Reply, Request};
use patchflock_api::run::{Trouble, TroubleKind};
use patchflock_tests::lab::apt::{AptRepo, Suite};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::deb::Deb;
use patchflock_tests::lab::door;
use patchflock_tests::lab::machine::Machine;
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
    machine.files().write("/client.pl", CLIENT).unwrap();
    machine
        .ok("groupadd -r patchflock && systemctl daemon-reload && systemctl start patchflock-priv.socket")
        .unwrap();
    machine
}

/// Says a request from inside: the kernel names no process of another namespace. Prints what it hears.
const CLIENT: &str = r#"use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!;
connect($s, sockaddr_un("/run/patchflock/priv.sock")) or die $!;
syswrite($s, "$ARGV[0]\n"); while (sysread($s, my $b, 65536)) { syswrite(STDOUT, $b) }"#;

fn client(request: &Request) -> String {
    format!("perl /client.pl '{}'", serde_json::to_string(request).unwrap())
}

fn ask(machine: &Machine, request: &Request) -> Result<Answer, Trouble> {
    let said = machine.ok(&client(request)).unwrap();
    match said.lines().map(|line| serde_json::from_str(line).unwrap()).next_back() {
        Some(Reply::Done { answer }) => Ok(answer),
        Some(Reply::Trouble { trouble }) => Err(trouble),
        other => panic!("{other:?}"),
    }
}

fn survey() -> Request {
    Request::Survey {
        run: "r-lab".parse().unwrap(),
        refresh: true,
        dry_run: false,
        order: None,
        attempted: false,
    }
}

fn install(token: u64) -> Request {
    Request::Install { run: "r-lab".parse().unwrap(), token, not_after: None }
}

fn planned(machine: &Machine) -> usize {
    match ask(machine, &survey()).unwrap() {
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
fn begin(machine: &Machine, token: u64) {
    machine.ok(&format!("{} > /heard 2>&1 & echo $! > /client.pid", client(&install(token)))).unwrap();
    let waiting = || machine.files().at("/waiting").exists();
    door::wait("the script of the package", Duration::from_secs(120), waiting).unwrap();
    machine.ok("kill $(cat /client.pid)").unwrap();
}

const VERSION: &str = "dpkg-query -W -f '${Version} ${db:Status-Abbrev}' tool";

#[test]
fn a_transaction_outlives_its_caller_and_the_service_that_started_it() {
    let machine = machine();
    assert_eq!(planned(&machine), 1);
    assert_eq!(ask(&machine, &Request::Fetch { run: "r-lab".parse().unwrap() }), Ok(Answer::Done {}));
    begin(&machine, 1);
    machine
        .ok("systemctl stop 'patchflock-priv@*' && systemctl kill --signal=TERM patchflock-txn-1")
        .unwrap();
    assert_eq!(machine.ok("systemctl is-active patchflock-txn-1").unwrap().trim(), "active");
    assert_eq!(ask(&machine, &survey()).unwrap_err().kind, TroubleKind::Busy);
    machine.ok("touch /go").unwrap();
    assert_eq!(installed(ask(&machine, &install(1))), 1);
    assert_eq!(machine.ok(VERSION).unwrap().trim(), "1.1 ii");
    assert_eq!(planned(&machine), 0);
}

#[test]
fn when_the_guard_is_killed_the_run_is_interrupted_and_a_new_token_finishes_it() {
    let machine = machine();
    assert_eq!(planned(&machine), 1);
    ask(&machine, &Request::Fetch { run: "r-lab".parse().unwrap() }).unwrap();
    begin(&machine, 1);
    machine.ok("systemctl kill --kill-whom=main --signal=KILL patchflock-txn-1").unwrap();
    assert_eq!(ask(&machine, &install(1)).unwrap_err().kind, TroubleKind::Interrupted);
    // dpkg goes on without its guard, and is waited for.
    machine.ok("touch /go").unwrap();
    let settled = || machine.ok(VERSION).is_ok_and(|v| v.trim() == "1.1 ii");
    door::wait("dpkg", Duration::from_secs(60), settled).unwrap();
    assert_eq!(planned(&machine), 0, "what it finished is seen");
    let record = std::fs::read_to_string(machine.files().at("/var/lib/patchflock/runs/r-lab.json")).unwrap();
    assert!(record.contains("\"phase\": \"interrupted\""), "{record}");
}
