//! A machine: systemd booted in a container with its own network, process and host names, disk and boot id.
//!
//! What a chroot cannot show is tested here: services, timers, reboots, a killed process, a power cut, a cut link.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use patchflock_machine::exec::{Command, Output};
use patchflock_machine::root::Root;

use super::base::{Base, Family};
use super::claim::{Claim, PREFIX};
use super::door;
use super::host::{self, make_namespace};
use super::network::Network;
use super::root::RootDir;

/// A boot takes seconds; two cores that compile meanwhile stretch it.
const BOOT: Duration = Duration::from_secs(300);

/// A machine that runs until it is dropped, unless it is kept.
#[derive(Debug)]
pub struct Machine {
    root: RootDir,
    own_network: Option<Network>,
}

impl Machine {
    /// Boots a machine alone on a switch of its own, and waits until all its services run.
    ///
    /// # Errors
    /// Not root, a program is missing, or it does not come up: the message has its last words.
    pub fn boot(base: &Base) -> Result<Self> {
        let network = Network::new()?;
        let mut machine = Self::boot_in(&network, base)?;
        machine.own_network = Some(network);
        Ok(machine)
    }

    /// Boots a machine on a switch that others are plugged into.
    ///
    /// # Errors
    /// As [`Machine::boot`].
    pub fn boot_in(network: &Network, base: &Base) -> Result<Self> {
        Self::start(network, base, Claim::new("m")?)
    }

    /// Boots a machine with a name that a person chose, and leaves it running when this process ends.
    ///
    /// # Errors
    /// The name is taken, or as [`Machine::boot`].
    pub fn boot_kept(network: &Network, base: &Base, name: &str) -> Result<Self> {
        let mut machine = Self::start(network, base, Claim::named(name)?)?;
        machine.root.claim_mut().keep()?;
        Ok(machine)
    }

    /// A kept machine.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn open(name: &str) -> Result<Self> {
        let claim = Claim::open(name)?;
        if fs::read_to_string(claim.dir().join("kind")).unwrap_or_default() != "machine" {
            bail!("{name} is not a machine; `./lab list` shows those there are");
        }
        let rpm = fs::read_to_string(claim.dir().join("family")).unwrap_or_default() == "rpm";
        let family = if rpm { Family::Rpm } else { Family::Debian };
        Ok(Self { root: RootDir::open(family, claim), own_network: None })
    }

    fn start(network: &Network, base: &Base, claim: Claim) -> Result<Self> {
        let name = claim.name().to_owned();
        let machine = Self { root: RootDir::layer(base, claim)?, own_network: None };
        let family = if base.family() == Family::Rpm { "rpm" } else { "debian" };
        machine.note("family", family)?;
        machine.note("kind", "machine")?;
        machine.root.write("/etc/hostname", format!("{name}\n"))?;
        make_namespace(&format!("{PREFIX}{name}"))?;
        let (port, address) = network.plug(&name)?;
        machine.note("port", &format!("{} {port}", network.namespace()))?;
        machine.note("address", &address)?;
        machine.power_on()?;
        Ok(machine)
    }

    /// Its name, host name and name in `./lab`.
    pub fn name(&self) -> &str {
        self.root.claim().name()
    }

    /// Its files, seen from the host. What is under `/run` and `/tmp` is not among them.
    pub fn files(&self) -> &RootDir {
        &self.root
    }

    /// What manages its packages.
    pub fn family(&self) -> Family {
        self.root.family()
    }

    /// Its address on the switch.
    ///
    /// # Errors
    /// The note about it is gone.
    pub fn address(&self) -> Result<String> {
        self.noted("address")
    }

    /// The switch it was given by [`Machine::boot`].
    pub fn network(&self) -> Option<&Network> {
        self.own_network.as_ref()
    }

    /// Runs a shell line inside, whatever its exit code. Ten minutes at most.
    ///
    /// # Errors
    /// The machine is off, or the line hangs.
    pub fn run(&self, line: &str) -> Result<Output> {
        Ok(self.shell(line, Duration::from_secs(600))?.run()?)
    }

    /// Runs a shell line inside, demands exit code 0 and returns what it printed.
    ///
    /// # Errors
    /// As [`Machine::run`], or it fails.
    pub fn ok(&self, line: &str) -> Result<String> {
        let command = self.shell(line, Duration::from_secs(600))?;
        Ok(door::ok_command(command)?.stdout_text().into_owned())
    }

    /// The process on the host that is the machine's first, to enter it with `nsenter`. `None` if it is off.
    pub fn leader(&self) -> Option<i32> {
        // The control group also holds nspawn, which lives in the host's process namespace: one number there, two here.
        host::group_processes(self.name()).into_iter().find(|pid| {
            fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|s| {
                s.lines()
                    .find_map(|l| l.strip_prefix("NSpid:"))
                    .is_some_and(|n| n.split_whitespace().skip(1).collect::<Vec<_>>() == ["1"])
            })
        })
    }

    /// What the kernel calls this boot; another one after each reboot.
    ///
    /// # Errors
    /// The machine is off.
    pub fn boot_id(&self) -> Result<String> {
        // Read from outside: a process that enters a machine while it shuts down may be stopped with all others,
        // and then holds the shutdown up.
        let leader = self.leader().context("the machine is off")?;
        let path = format!("/proc/{leader}/root/proc/sys/kernel/random/boot_id");
        Ok(fs::read_to_string(&path).with_context(|| path.clone())?.trim().to_owned())
    }

    /// The command lines of its processes, seen from outside: also while it shuts down, when nobody may enter.
    pub fn command_lines(&self) -> Vec<String> {
        let line = |pid: i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = |raw: Vec<u8>| String::from_utf8_lossy(&raw).replace('\0', " ").trim().to_owned();
        host::group_processes(self.name()).into_iter().map(|pid| words(line(pid))).collect()
    }

    /// Copies a program of the host into `/usr/bin`.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn install(&self, program: &Path) -> Result<()> {
        self.install_in(program, "/usr/bin")
    }

    /// Copies a program of the host into a directory.
    ///
    /// # Errors
    /// As [`Machine::install`].
    pub fn install_in(&self, program: &Path, directory: &str) -> Result<()> {
        let name = program.file_name().context("a program has a file name")?;
        let target = self.root.at(directory).join(name);
        // A running copy must keep its file: the new one takes its place.
        let fresh = target.with_extension("new");
        fs::copy(program, &fresh).with_context(|| program.display().to_string())?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))?;
        Ok(fs::rename(&fresh, &target)?)
    }

    /// Reboots it from inside and waits until all its services run again.
    ///
    /// # Errors
    /// It does not go down or come back in time.
    pub fn reboot(&self) -> Result<()> {
        let before = self.boot_id()?;
        // The answer may be lost with the machine that gave it.
        self.shell("systemctl reboot", Duration::from_secs(60))?.run().ok();
        self.wait_boot_after(&before)
    }

    /// Waits until the machine runs under another boot id than `before`.
    ///
    /// # Errors
    /// It does not in time.
    pub fn wait_boot_after(&self, before: &str) -> Result<()> {
        door::wait("a new boot id", BOOT, || self.boot_id().is_ok_and(|id| id != before))
            .with_context(|| self.last_words())?;
        self.wait_running()
    }

    /// Shuts it down in order and waits until it is off.
    ///
    /// # Errors
    /// It stays on.
    pub fn power_off(&self) -> Result<()> {
        if let Some(leader) = self.leader() {
            // The signal that means "power off" to systemd.
            door::ok("kill", ["-s", "RTMIN+4", &leader.to_string()])?;
        }
        door::wait("the machine to be off", BOOT, || host::group_processes(self.name()).is_empty())
            .with_context(|| self.last_words())
    }

    /// Ends everything in it at once, without a word. The disk keeps what was written.
    ///
    /// # Errors
    /// Something survives.
    pub fn power_cut(&self) -> Result<()> {
        host::kill_group(self.name())
    }

    /// Turns it on and waits until all its services run.
    ///
    /// # Errors
    /// It does not come up in time.
    pub fn power_on(&self) -> Result<()> {
        if self.leader().is_some() {
            bail!("{} is on already", self.name());
        }
        self.supervise()?;
        self.wait_running()
    }

    /// Kills all processes of that name with SIGKILL, as the kernel does when memory is short.
    ///
    /// # Errors
    /// There is none.
    pub fn kill9(&self, process: &str) -> Result<()> {
        self.ok(&format!("pkill -KILL -x '{process}'")).map(drop)
    }

    /// Pulls the cable.
    ///
    /// # Errors
    /// The switch is gone.
    pub fn cut_network(&self) -> Result<()> {
        self.set_port("down")
    }

    /// Plugs the cable in again.
    ///
    /// # Errors
    /// The switch is gone.
    pub fn heal_network(&self) -> Result<()> {
        self.set_port("up")
    }

    fn set_port(&self, state: &str) -> Result<()> {
        let noted = self.noted("port")?;
        let (space, port) = noted.split_once(' ').context("the note about the port is torn")?;
        door::ok("ip", ["-n", space, "link", "set", port, state]).map(drop)
    }

    fn shell(&self, line: &str, limit: Duration) -> Result<Command> {
        let leader = self.leader().with_context(|| format!("{} is off", self.name()))?;
        let args = ["-t", &leader.to_string(), "-a", "--wdns=/", "--", "sh", "-c", line].map(str::to_owned);
        Ok(Command::new(&Root::host(), "nsenter").args(args).deadline(limit))
    }

    /// Starts the shell that starts the machine again whenever it ends with a wish to reboot. A process of its own
    /// in the machine's control group: it outlives `./lab up`, and a power cut takes it along.
    fn supervise(&self) -> Result<()> {
        let (name, dir) = (self.name(), self.root.claim().dir());
        host::make_nspawn_places()?;
        let groups = host::make_cgroups(name)?;
        let mut script = String::new();
        for group in groups {
            script.push_str(&format!("echo $$ > {}/cgroup.procs || exit 1\n", group.display()));
        }
        // 133 is how nspawn says that the system inside wants to reboot; without a system bus on the host it has
        // nobody else to tell, hence also --register=no and --keep-unit.
        script.push_str(&format!(
            "while :; do\nsystemd-nspawn -q --register=no --keep-unit -D {} -M {name} \
             --network-namespace-path=/run/netns/{PREFIX}{name} --console=pipe --boot\n\
             code=$?\n[ $code = 133 ] || exit $code\ndone\n",
            self.root.path().display()
        ));
        fs::write(dir.join("supervise"), script)?;
        let start = format!("setsid --fork sh {0}/supervise >> {0}/console 2>&1 < /dev/null", dir.display());
        door::ok("sh", ["-c", &start]).map(drop)
    }

    fn wait_running(&self) -> Result<()> {
        let mut state = String::new();
        door::wait("all services to run", BOOT, || {
            state = self
                .shell("systemctl is-system-running", Duration::from_secs(30))
                .and_then(|c| Ok(c.run()?))
                .map(|o| o.stdout_text().trim().to_owned())
                .unwrap_or_default();
            matches!(state.as_str(), "running" | "degraded")
        })
        .with_context(|| self.last_words())?;
        if state == "degraded" {
            bail!("services of {} failed: {}", self.name(), self.ok("systemctl --failed --no-legend")?);
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let console = fs::read(self.root.claim().dir().join("console")).unwrap_or_default();
        let text = String::from_utf8_lossy(&console);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(20)).copied().collect::<Vec<_>>().join("\n");
        format!("machine {}; end of its console:\n{tail}", self.name())
    }

    fn note(&self, what: &str, text: &str) -> Result<()> {
        let path = self.root.claim().dir().join(what);
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    fn noted(&self, what: &str) -> Result<String> {
        let path = self.root.claim().dir().join(what);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}
