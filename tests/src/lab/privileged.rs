//! Asking the privileged half from inside of a machine, as whoever is in it: the kernel names no process of another
//! namespace.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::OrderId;
use patchflock_api::order::Order;
use patchflock_api::privileged::{Answer, Reply, Request};
use patchflock_api::run::Trouble;

use super::machine::Machine;

/// Says a request and prints what it hears.
const CLIENT: &str = r#"use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!;
connect($s, sockaddr_un("/run/patchflock/priv.sock")) or die $!;
syswrite($s, "$ARGV[0]\n"); while (sysread($s, my $b, 65536)) { syswrite(STDOUT, $b) }"#;

/// The shell line that says a request.
///
/// # Errors
/// The machine's disk refuses.
pub fn client(machine: &Machine, request: &Request) -> Result<String> {
    machine.files().write("/client.pl", CLIENT)?;
    let request = serde_json::to_string(request)?;
    Ok(format!("perl /client.pl '{}'", request.replace('\'', r"'\''")))
}

/// What it answers to this user of the machine.
///
/// # Errors
/// It does not answer.
pub fn ask_as(machine: &Machine, user: &str, request: &Request) -> Result<Result<Answer, Trouble>> {
    let said = machine.ok(&format!("runuser -u {user} -- {}", client(machine, request)?))?;
    let last = said.lines().next_back().context("it said nothing")?;
    match serde_json::from_str(last)? {
        Reply::Done { answer } => Ok(Ok(answer)),
        Reply::Trouble { trouble } => Ok(Err(trouble)),
        Reply::Progress { what } => bail!("it ended with {what}"),
    }
}

/// Has root place an order that is good for an hour.
///
/// # Errors
/// It is refused.
pub fn place(machine: &Machine, order: Order) -> Result<OrderId> {
    let expires = now(machine)? + TimeDelta::hours(1);
    match ask_as(machine, "root", &Request::Place { order: Order { expires, ..order } })? {
        Ok(Answer::Placed { order }) => Ok(order),
        other => bail!("{other:?}"),
    }
}

/// The clock of the machine, in whole seconds.
///
/// # Errors
/// It has none.
pub fn now(machine: &Machine) -> Result<DateTime<Utc>> {
    Ok(machine.ok("date -u +%FT%TZ")?.trim().parse()?)
}
