//! Runs the program in a directory of its own, never as root.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use patchflock_machine::exec::{Command, Output};
use patchflock_machine::root::Root;
use tempfile::TempDir;

/// An instant after which every fixture has something approved and something waiting.
pub(crate) const AT: &str = "--at 2026-11-25T00:00:00Z";
/// Nobody, where a test runs as root: `once` must never be able to act on the machine of who tests.
const NOBODY: &str = "65534";

/// A directory with the documents of a test, and the program.
pub(crate) struct Bench {
    dir: TempDir,
    program: PathBuf,
    env: Vec<(String, String)>,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path());
        if root() {
            // The program may write where its operator may.
            let nobody = NOBODY.parse().ok();
            std::os::unix::fs::chown(dir.path(), nobody, nobody).unwrap();
        }
        let mut program = built().to_owned();
        // Where the target directory is closed to others, nobody gets a copy.
        if root() && !as_nobody(&format!("test -x '{}'", program.display())).run().unwrap().success() {
            let copy = dir.path().join("patchflock-copy");
            std::fs::copy(&program, &copy).unwrap();
            program = copy;
        }
        let bench = Self { dir, program, env: Vec::new() };
        for name in ["apt.json", "rpm.json"] {
            bench.file(name, fixture(name));
        }
        bench.file("window.yaml", WINDOW);
        bench.file("baseline.yaml", BASELINE);
        bench
    }

    /// Sets a variable for all runs.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Puts a file into the directory, which is the working directory of all runs.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.dir.path().join(name), content).unwrap();
        open(&self.dir.path().join(name));
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `patchflock` with these words.
    pub(crate) fn run(&self, words: &str) -> Ran {
        self.shell(&format!("patchflock {words}"))
    }

    /// Runs a line of shell in which `patchflock` is the program.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let line = format!(
            "patchflock() {{ '{}' \"$@\"; }}; cd '{}' && {line}",
            self.program.display(),
            self.dir.path().display()
        );
        let mut command = as_nobody(&line).deadline(Duration::from_secs(120));
        for (key, value) in &self.env {
            command = command.env(key, value);
        }
        let out = command.run().unwrap();
        self.ran(&out)
    }

    /// Runs the program on a terminal of so many columns; what it writes there comes back as `stdout`.
    pub(crate) fn on_terminal(&self, columns: usize, words: &str) -> Ran {
        let inner = format!("stty cols {columns}; '{}' {words}", self.program.display());
        // `script` gives the child a terminal and passes its exit status on.
        let mut ran = self.shell(&format!("TERM=xterm script -qec \"{inner}\" /dev/null"));
        ran.stdout = ran.stdout.replace("\r\n", "\n");
        ran
    }

    /// As [`Self::on_terminal`], with somebody who types this line.
    pub(crate) fn answering(&self, line: &str, words: &str) -> Ran {
        let inner = format!("stty cols 400; '{}' {words}", self.program.display());
        let mut ran = self.shell(&format!("echo '{line}' | TERM=dumb script -qec \"{inner}\" /dev/null"));
        ran.stdout = ran.stdout.replace("\r\n", "\n");
        ran
    }

    fn ran(&self, out: &Output) -> Ran {
        // In the words of a reader: paths of this run and this machine say nothing.
        let dir = self.dir.path().display().to_string();
        let clean = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(&dir, "DIR");
        Ran { code: out.code, stdout: clean(&out.stdout), stderr: clean(&out.stderr) }
    }
}

impl Ran {
    /// Everything about a run, for a snapshot.
    pub(crate) fn all(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }

    /// An error of the operator's: exit 1, no data, and each of these words on standard error.
    pub(crate) fn refused(&self, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{}", self.all());
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {}", self.all());
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.all());
    }
}

pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(tree().join("tests/testdata/cli").join(name)).unwrap()
}

/// The top of the tree.
pub(crate) fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

pub(crate) fn root() -> bool {
    rustix::process::geteuid().is_root()
}

fn as_nobody(line: &str) -> Command {
    let host = Root::host();
    if root() {
        let drop = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "sh", "-c", line];
        Command::new(&host, "setpriv").args(drop)
    } else {
        Command::new(&host, "sh").args(["-c", line])
    }
}

fn open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The program under test, built once: `$PATCHFLOCK_BIN`, else from this tree.
fn built() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(given) = std::env::var_os("PATCHFLOCK_BIN") {
            return given.into();
        }
        // Tests are in TARGET/PROFILE/deps.
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let target = profile.parent().unwrap();
        let mut cargo = Command::new(&Root::host(), env!("CARGO"))
            .args(["build", "--quiet", "-p", "patchflock-cli", "--manifest-path"])
            .arg(tree().join("Cargo.toml"))
            .arg("--target-dir")
            .arg(target)
            .deadline(Duration::from_secs(900));
        if profile.ends_with("release") {
            cargo = cargo.arg("--release");
        }
        for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
            if let Some(value) = std::env::var_os(name) {
                cargo = cargo.env(name, value);
            }
        }
        let out = cargo.run().unwrap();
        assert!(out.success(), "{}", out.stderr_text());
        profile.join("patchflock")
    })
}

const WINDOW: &str = "\
kind: MaintenanceWindow
name: second-tuesday
spec:
  schedule: cron(0 22 ? * TUE#2 *)
  schedule_timezone: Europe/Berlin
  duration: 3h
  cutoff: 1h
  freezes:
    - {dates: 2026-12-01..2026-12-31, reason: end of year}
  targets:
    - name: web
      targets: [{key: 'tag:Patch Group', values: [web]}]
  tasks:
    - type: INSTALL
      targets: [{key: WindowTargetIds, values: [web]}]
      max_concurrency: 10%
      max_errors: 3
";

/// Debian, everything after a week; what is not for security too.
const BASELINE: &str = "\
kind: PatchBaseline
name: careful
spec:
  operating_system: DEBIAN
  rejected_patches: [perl-base]
  approval_rules:
    - filters: {PRIORITY: [Required, Important]}
      approve_after_days: 30
      enable_non_security: true
      compliance_level: HIGH
";
