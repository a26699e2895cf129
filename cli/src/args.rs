//! The command line, as clap reads it. Help texts, completions and man pages come from here.

mod groups;
mod node;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use patchflock_baselines::os::OperatingSystem;

pub(crate) use groups::command;
pub(crate) use node::{
    ApplyArgs, ComplianceArgs, DeleteArgs, DescribeArgs, DiffArgs, ExplainArgs, Form, GetArgs, InstallArgs,
    ListingArgs, RunsArgs, RunsCommand, ScanArgs, StatusArgs,
};

const AFTER_HELP: &str = "\
Start with `patchflock try`: it changes nothing and needs no root and no agent.

Exit status: 0 fine; 1 your input: usage errors, a missing permission, a no; 2 our failure or the machine's; 3 the \
machine is not compliant, or that is not known yet. `status` only reports: 3 means that the state is unknown.

Data goes to standard output, everything else to standard error. Tables are for people and may change; \
`-o json` and `-o yaml` are stable. COLUMNS sets the width of tables, NO_COLOR turns colours off.";

const SCAN_HELP: &str = "\
Exit status: 0 compliant (with --detach: started), 1 refused, 2 it failed, 3 not compliant, or not known: also after \
Ctrl-C, which leaves the scan running.";

const INSTALL_HELP: &str = "\
Without --yes it looks first, shows what would change (packages, reboot, hooks) and asks. Where standard input is no \
terminal it refuses and changes nothing.

Exit status: 0 compliant, or there was nothing to install (with --detach: started); 1 refused, cancelled or not \
confirmed; 2 it failed; 3 the machine is not compliant, or something was not installed, or the end is not known yet: \
the run reboots this machine, or Ctrl-C left it running.";

const STATUS_HELP: &str = "\
Exit status: 0 the state is known, compliant or not; 2 the agent does not answer; 3 the state is unknown. `patchflock \
compliance` ends with 3 where the machine is not compliant.";

const COMPLIANCE_HELP: &str = "\
Exit status: 0 compliant, 2 the agent does not answer, 3 not compliant or unknown.";

/// Patch this machine by baselines and maintenance windows; see what is approved, why, and when it will be installed.
#[derive(Debug, Parser)]
#[command(name = "patchflock", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which machine is meant; only for commands that look at one.
#[derive(Debug, Clone, Args)]
pub(crate) struct MachineArgs {
    /// Use the system in this directory instead of the running one (needs root)
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    /// What the machine is, if its /etc/os-release does not tell: DEBIAN, ROCKY_LINUX …
    #[arg(long, value_name = "OS", value_parser = operating_system)]
    pub(crate) operating_system: Option<OperatingSystem>,
}

fn operating_system(text: &str) -> Result<OperatingSystem, String> {
    OperatingSystem::ALL.into_iter().find(|os| os.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let known: Vec<&str> = OperatingSystem::ALL.iter().map(|os| os.as_str()).collect();
        format!("not one of {}", known.join(", "))
    })
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .map_err(|e| format!("{e}; write it as 2026-12-24T18:00:00Z or 2026-12-24T18:00:00+01:00"))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Adopt documents: baselines, windows, patch groups, defaults
    Apply(ApplyArgs),
    /// List the adopted documents
    Get(GetArgs),
    /// Look for missing patches now
    #[command(after_help = SCAN_HELP)]
    Scan(ScanArgs),
    /// Install what is approved now, after showing it and asking; no window is waited for
    #[command(visible_alias = "patch-now", after_help = INSTALL_HELP)]
    Install(InstallArgs),
    /// Show this machine: baseline, compliance, what runs and what comes next
    #[command(after_help = STATUS_HELP)]
    Status(StatusArgs),
    /// Say why a patch is installed or not, and when it will be
    Explain(ExplainArgs),
    /// Show what was done and when
    #[command(visible_alias = "history")]
    Runs(RunsArgs),
    /// Show which patches are missing, failed, or wait for a reboot
    #[command(after_help = COMPLIANCE_HELP)]
    Compliance(ComplianceArgs),
    /// Show one document, and of a window its next openings
    Describe(DescribeArgs),
    /// Show what `apply` would change
    Diff(DiffArgs),
    /// Delete a document
    Delete(DeleteArgs),
    /// Approve a patch in a baseline
    Approve(ListingArgs),
    /// Reject a patch in a baseline
    Reject(ListingArgs),
    /// Show what is missing here, what a baseline approves today, and why (changes nothing, no root)
    Try(TryArgs),
    /// Install what a baseline approves, after showing it and asking (needs root)
    Once(OnceArgs),
    /// Print what is installed and what is offered here, as JSON (changes nothing, no root)
    Inventory(InventoryArgs),
    /// As `try`, for a saved inventory and for any day: what would be approved then?
    Evaluate(EvaluateArgs),
    /// Show when a maintenance window opens
    Window(WindowArgs),
    /// Turn what the AWS CLI prints into a Patchflock document
    Import(ImportArgs),
    /// Check baselines and windows, and name every problem with its line
    Validate(ValidateArgs),
    /// Show the baselines that come with Patchflock
    Predefined(PredefinedArgs),
    /// Print a completion script for your shell
    Completions(CompletionsArgs),
    /// Write the man pages into a directory
    Man(ManArgs),
}

/// Form of the data on standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people; may change
    #[default]
    Table,
    /// For programs; stable
    Json,
    /// For programs; stable
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineArgs {
    /// Baseline: which patches are approved, and when [default: the predefined one of the operating system]
    #[arg(short = 'f', long = "baseline", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) baseline: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TryArgs {
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
    /// Show every offered version of a package, not only the one that decides
    #[arg(long)]
    pub(crate) all: bool,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OnceArgs {
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
    /// Install exactly what this list names, whatever the baseline says; compliance is still judged by it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) install_override_list: Option<PathBuf>,
    /// Install without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show what would be installed, and install nothing (no root)
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not fetch newer repository metadata first
    #[arg(long)]
    pub(crate) no_refresh: bool,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InventoryArgs {
    /// Form of the output; a table shows only counts
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value = "json")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
    /// What `patchflock inventory` printed, on any machine; `-` reads standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) inventory: PathBuf,
    /// Moment to judge for, as 2026-12-24T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) at: Option<DateTime<Utc>>,
    /// Show every offered version of a package, not only the one that decides
    #[arg(long)]
    pub(crate) all: bool,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct WindowArgs {
    #[command(subcommand)]
    pub(crate) command: WindowCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WindowCommand {
    /// Show its next openings: start, cutoff (nothing new begins) and end
    Next(WindowNextArgs),
}

#[derive(Debug, Args)]
pub(crate) struct WindowNextArgs {
    /// Maintenance window document
    #[arg(short = 'f', long = "window", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) window: PathBuf,
    /// Moment to start from, as 2026-12-24T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) from: Option<DateTime<Utc>>,
    /// How many openings
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) command: ImportCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Read what `aws ssm get-patch-baseline`, `get-maintenance-window` or `describe-patch-groups` prints, print YAML
    Aws {
        /// The JSON file; `-` reads standard input
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Documents to check; `-` reads standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true, num_args = 1.., value_hint = clap::ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PredefinedArgs {
    #[command(subcommand)]
    pub(crate) command: PredefinedCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PredefinedCommand {
    /// List their names and what they approve
    List {
        /// Form of the output
        #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
        output: Format,
    },
    /// Print one as YAML, ready to be edited
    Show {
        /// Its name, as `patchflock predefined list` shows it
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Your shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Directory; made if it does not exist
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
}
