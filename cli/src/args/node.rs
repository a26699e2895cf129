//! Arguments of the commands that talk to the agent of this machine.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use patchflock_api::ids::RunId;
use patchflock_api::run::RebootChoice;

use super::Format;

/// Kinds of documents, and the words that people type for them.
const KINDS: [(&str, &[&str]); 4] = [
    ("PatchBaseline", &["baseline", "baselines", "patchbaseline", "patchbaselines", "pb"]),
    ("MaintenanceWindow", &["window", "windows", "maintenancewindow", "maintenancewindows", "mw"]),
    ("PatchGroup", &["group", "groups", "patchgroup", "patchgroups", "pg"]),
    ("DefaultBaselines", &["default", "defaults", "defaultbaselines"]),
];

/// The kind that a word means.
pub(crate) fn kind(word: &str) -> Result<String, String> {
    let plain = word.to_ascii_lowercase().replace(['-', '_'], "");
    let found = KINDS.into_iter().find(|(_, words)| words.contains(&plain.as_str()));
    found.map(|(kind, _)| kind.to_owned()).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        format!(
            "not a kind of document; there are {} (short: baseline, window, group, defaults)",
            known.join(", ")
        )
    })
}

/// Form of the data.
#[derive(Debug, Clone, Args)]
pub(crate) struct Form {
    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// Documents to adopt; `-` reads standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true, num_args = 1.., value_hint = clap::ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
    /// Only show what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Documents to compare with what is adopted; `-` reads standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true, num_args = 1.., value_hint = clap::ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Only this kind: baseline, window, group, defaults
    #[arg(value_parser = kind)]
    pub(crate) kind: Option<String>,
    /// Only this one
    #[arg(requires = "kind")]
    pub(crate) name: Option<String>,
    /// Deleted ones, too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// Kind: baseline, window, group, defaults
    #[arg(value_parser = kind)]
    pub(crate) kind: String,
    /// Name
    pub(crate) name: String,
    /// An older version
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Kind: baseline, window, group, defaults
    #[arg(value_parser = kind)]
    pub(crate) kind: String,
    /// Name
    pub(crate) name: String,
    /// Delete without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListingArgs {
    /// The patch, as in `approved_patches` and `rejected_patches`
    pub(crate) patch: String,
    /// The baseline to change
    #[arg(long, value_name = "NAME")]
    pub(crate) baseline: String,
    /// Do not ask, whatever the newest survey says of the name
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Only show what would change
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Do not wait for the end
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// When to reboot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reboot {
    /// When the machine shows that it needs one
    IfNeeded,
    /// In any case
    Always,
    /// Never; what needs a reboot stays not compliant until one
    Never,
}

impl From<Reboot> for RebootChoice {
    fn from(reboot: Reboot) -> Self {
        match reboot {
            Reboot::IfNeeded => Self::IfNeeded,
            Reboot::Always => Self::Always,
            Reboot::Never => Self::Never,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct InstallArgs {
    /// Install without showing the plan and asking; needed where standard input is no terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Reboot afterwards
    #[arg(long, value_name = "WHEN", value_enum, default_value = "if-needed")]
    pub(crate) reboot: Reboot,
    /// Judge by this baseline, or list of baselines, instead of the one in force; for this run only
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) baseline_override: Option<PathBuf>,
    /// Install exactly what this list names, whatever the baseline says; compliance is still judged by it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) install_override_list: Option<PathBuf>,
    /// Leave these patches out of this run, and what depends on them
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) exclude: Vec<String>,
    /// Only show what would change
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Words for the history
    #[arg(long, value_name = "WORDS")]
    pub(crate) reason: Option<String>,
    /// Do not wait for the end
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct ComplianceArgs {
    /// Show every patch, not only what makes the machine not compliant
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A package, an advisory or a CVE [default: every package with updates]
    pub(crate) patch: Option<String>,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    /// Only runs that touched this package
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Only runs that fixed this CVE
    #[arg(long, value_name = "CVE")]
    pub(crate) cve: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Show the whole story of a run: steps, packages, hooks, reboot, compliance
    Show {
        /// The run, or the beginning of its name
        id: RunId,
        #[command(flatten)]
        form: Form,
    },
    /// Follow a run until it ends
    Watch {
        /// The run, or the beginning of its name
        id: RunId,
        #[command(flatten)]
        form: Form,
    },
    /// End a run that has not changed anything yet
    Cancel {
        /// The run, or the beginning of its name
        id: RunId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_answer_to_their_short_names_and_others_get_the_list() {
        for (word, wanted) in [
            ("baseline", "PatchBaseline"),
            ("PatchBaseline", "PatchBaseline"),
            ("maintenance-windows", "MaintenanceWindow"),
            ("PATCH_GROUP", "PatchGroup"),
            ("defaults", "DefaultBaselines"),
        ] {
            assert_eq!(kind(word).unwrap(), wanted);
        }
        assert!(kind("node").unwrap_err().contains("MaintenanceWindow"));
    }
}
