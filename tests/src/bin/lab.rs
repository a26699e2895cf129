//! `./lab`: the machines of the tests, for a person to look at. Run through the script of that name, which builds
//! `patchflock` first.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use patchflock_tests::lab::base::Base;
use patchflock_tests::lab::claim;
use patchflock_tests::lab::door;
use patchflock_tests::lab::machine::Machine;
use patchflock_tests::lab::mirror;
use patchflock_tests::lab::network::Network;
use patchflock_tests::lab::package;

/// All kept machines are plugged into one switch, so that they see each other.
const SWITCH: &str = "lan";

const HELP: &str = "\
Machines to try Patchflock on: systemd booted in containers, with real apt and dnf. Needs root.

Usage: ./lab COMMAND

  up debian|rpm NAME   boot a machine and install the freshly built package: the agent runs in it
  run NAME COMMAND...  run a command in it; the exit code is the command's
  shell NAME           open a shell in it
  install NAME         put the freshly built programs in the places of those of the package
  mirror NAME          copy the mirror's signed indexes and all upgrades into a debian machine, since it has no
                       internet: it can then install its genuine security updates
  reboot NAME          reboot it and wait until its services run
  cut NAME             pull its network cable        heal NAME   plug it in again
  power-cut NAME       end it without a word         on NAME     turn it on again
  down NAME            end it and remove its disk
  list                 what there is, with addresses
  clean [--all]        remove what killed tests left; with --all also the machines and the cached bases

A debian machine is the host's release without its security updates; an rpm machine has dnf 4 and says it is
Rocky Linux 9. Machines see each other at 10.77.0.x and nothing else.

Example:
  ./lab up debian web1
  ./lab run web1 patchflock status
  ./lab down web1
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match act(&words) {
        Ok(code) => code,
        Err(e) => {
            tell(&format!("lab: {e:#}"));
            ExitCode::FAILURE
        }
    }
}

fn act(words: &[&str]) -> Result<ExitCode> {
    match *words {
        [] | ["help" | "--help" | "-h"] => print(HELP.trim_end()),
        ["up", kind, name] => up(kind, name)?,
        ["run", name, ref command @ ..] if !command.is_empty() => return run(name, command),
        ["shell", name] => {
            let machine = Machine::open(name)?;
            return Err(enter(&machine, &["bash", "-l"]).into());
        }
        ["install", name] => install(&Machine::open(name)?)?,
        ["mirror", name] => mirror::copy_into(Machine::open(name)?.files())?,
        ["reboot", name] => Machine::open(name)?.reboot()?,
        ["cut", name] => Machine::open(name)?.cut_network()?,
        ["heal", name] => Machine::open(name)?.heal_network()?,
        ["power-cut", name] => Machine::open(name)?.power_cut()?,
        ["on", name] => Machine::open(name)?.power_on()?,
        ["down", name] => down(name)?,
        ["list"] => list()?,
        ["clean"] => clean(false)?,
        ["clean", "--all"] => clean(true)?,
        _ => bail!("`{}` is not understood; see `./lab --help`", words.join(" ")),
    }
    Ok(ExitCode::SUCCESS)
}

fn up(kind: &str, name: &str) -> Result<()> {
    let base = match kind {
        "debian" => Base::debian()?,
        "rpm" => Base::rpm()?,
        _ => bail!("there are debian and rpm machines, no `{kind}`"),
    };
    let machine = Machine::boot_kept(&Network::kept(SWITCH)?, &base, name)?;
    package::install(&machine)?;
    print(&format!("{name} {}", machine.address()?));
    Ok(())
}

/// The freshly built programs in the places of those of the package.
fn install(machine: &Machine) -> Result<()> {
    let built = door::patchflock()?;
    for (program, place) in [
        ("patchflock", "/usr/bin"),
        ("patchflockd", "/usr/sbin"),
        ("patchflock-priv", "/usr/libexec/patchflock"),
    ] {
        machine.install_in(&built.with_file_name(program), place)?;
    }
    machine.ok("systemctl restart patchflockd").map(drop)
}

fn run(name: &str, command: &[&str]) -> Result<ExitCode> {
    Err(enter(&Machine::open(name)?, command).into())
}

/// Becomes the command inside the machine, with our terminal. Returns only if that fails.
fn enter(machine: &Machine, command: &[&str]) -> std::io::Error {
    let Some(leader) = machine.leader() else {
        return std::io::Error::other(format!("{0} is off; `./lab on {0}`", machine.name()));
    };
    #[expect(clippy::disallowed_methods, reason = "replaces this process: a person's terminal, no deadline")]
    std::process::Command::new("nsenter")
        .args(["-t", &leader.to_string(), "-a", "--wdns=/root", "--"])
        .args(command)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", std::env::var_os("TERM").unwrap_or_else(|| "dumb".into()))
        .exec()
}

fn down(name: &str) -> Result<()> {
    if !claim::kept()?.iter().any(|n| n == name) {
        bail!("nothing in the lab is called {name}; `./lab list` shows what there is");
    }
    claim::undo(name)?;
    // The switch goes with the last machine.
    if claim::kept()? == [SWITCH] {
        claim::undo(SWITCH)?;
    }
    Ok(())
}

fn list() -> Result<()> {
    for name in claim::kept()?.iter().filter(|n| *n != SWITCH) {
        let machine = Machine::open(name)?;
        let state = if machine.leader().is_some() { "on" } else { "off" };
        print(&format!(
            "{name:20} {:8} {:14} {state}",
            format!("{:?}", machine.family()),
            machine.address()?
        ));
    }
    Ok(())
}

fn clean(all: bool) -> Result<()> {
    for name in claim::sweep(all)? {
        print(&format!("removed {name}"));
    }
    if all {
        let (cache, state) = (claim::cache_dir(), claim::state_dir());
        let in_use = std::fs::read_dir(&state)
            .is_ok_and(|mut d| d.any(|e| e.is_ok_and(|e| e.file_type().is_ok_and(|t| t.is_dir()))));
        if in_use {
            bail!("the cached bases stay: a running test uses the lab");
        }
        for dir in [cache, state] {
            if dir.exists() {
                std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
                print(&format!("removed {}", dir.display()));
            }
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a command line")]
fn print(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "this is a command line")]
fn tell(line: &str) {
    eprintln!("{line}");
}
