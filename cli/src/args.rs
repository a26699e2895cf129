//! The command line, as clap reads it. Help texts, completions and man pages come from here.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use patchflock_baselines::os::OperatingSystem;

const AFTER_HELP: &str = "\
Exit status: 0 fine, 1 your input (usage errors too), 2 our failure, 3 not compliant.
Standard output is data, standard error is talk.";

/// Look at a machine, see what a patch baseline approves on it today and why, and patch it once.
#[derive(Debug, Parser)]
#[command(name = "patchflock", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which machine is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct MachineArgs {
    /// Look at the system in this directory instead of the running one (needs root)
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    /// What the machine is, where its os-release does not say so: DEBIAN, ROCKY_LINUX …
    #[arg(long, global = true, value_name = "OS", value_parser = operating_system)]
    pub(crate) operating_system: Option<OperatingSystem>,
}

fn operating_system(text: &str) -> Result<OperatingSystem, String> {
    OperatingSystem::ALL.into_iter().find(|os| os.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let known: Vec<&str> = OperatingSystem::ALL.iter().map(|os| os.as_str()).collect();
        format!("not one of {}", known.join(", "))
    })
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See what is missing on this machine, what a baseline approves today, and why (read-only, no root)
    Try(TryArgs),
    /// Patch this machine once, exactly as approved (root)
    Once(OnceArgs),
    /// Print everything that was read from this machine, as JSON
    Inventory(InventoryArgs),
    /// Judge a saved inventory by a baseline at any time
    Evaluate(EvaluateArgs),
    /// Maintenance windows: when would this one open?
    Window(WindowArgs),
    /// Turn the JSON that the AWS CLI prints into a Patchflock document
    Import(ImportArgs),
    /// Check documents and report every problem with its place
    Validate(ValidateArgs),
    /// The baselines that come with Patchflock
    Predefined(PredefinedArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the man pages into a directory
    Man(ManArgs),
}

/// Form of the data on standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// Stable, for programs
    Json,
    /// Stable, for programs
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct BaselineArgs {
    /// Baseline document [default: the predefined baseline of the operating system]
    #[arg(short = 'f', long = "baseline", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) baseline: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TryArgs {
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
    /// Show every offered version, not only the decisive one of each package
    #[arg(long)]
    pub(crate) all: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct OnceArgs {
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
    /// Install exactly what this list names, whatever the baseline says; compliance is still judged by the baseline
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) install_override_list: Option<PathBuf>,
    /// Do not ask before installing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show exactly what would change, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Use the repository metadata as they are, do not fetch newer ones
    #[arg(long)]
    pub(crate) no_refresh: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct InventoryArgs {
    /// Form of the output; a table shows counts only
    #[arg(short, long, value_enum, default_value = "json")]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
    /// Inventory that `patchflock inventory` printed; `-` reads standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) inventory: PathBuf,
    /// Instant to judge for, as 2026-12-24T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<DateTime<Utc>>,
    /// Show every offered version, not only the decisive one of each package
    #[arg(long)]
    pub(crate) all: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct WindowArgs {
    #[command(subcommand)]
    pub(crate) command: WindowCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WindowCommand {
    /// Show the next openings: start, cutoff and end
    Next(WindowNextArgs),
}

#[derive(Debug, Args)]
pub(crate) struct WindowNextArgs {
    /// Maintenance window document
    #[arg(short = 'f', long = "window", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) window: PathBuf,
    /// Instant to start from, as 2026-12-24T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<DateTime<Utc>>,
    /// How many
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) command: ImportCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Output of `aws ssm get-patch-baseline` or `get-maintenance-window`; prints our YAML
    Aws {
        /// The JSON file; `-` reads standard input
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Documents; `-` reads standard input
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
    /// List them
    List {
        /// Form of the output
        #[arg(short, long, value_enum, default_value_t)]
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
    /// Shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Directory; made if it is not there
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
}
