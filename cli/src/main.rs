//! `patchflock`: the agent of this machine in one's hands; and, without it, a look at a machine and one patching.
//!
//! Standard output is data, standard error is talk. Exit status: 0 fine, 1 the operator's input (usage errors
//! too), 2 our failure, 3 not compliant or not known yet. The clock is read here and passed on.

mod args;
mod ask;
mod blame;
mod output;

mod machine;
mod node;
mod policy;

mod edit;
mod known;

mod documents;
mod explain;
mod install;
mod preview;
mod runs;
mod service;
mod status;
mod waiting;
mod watch;

mod compare;
mod decisions;
mod look;
mod manual;
mod once;
mod tools;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::FromArgMatches;

use crate::args::{Cli, Command};
use crate::blame::{Failure, Verdict};

fn main() -> ExitCode {
    let cli = match args::command().try_get_matches().and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are answers, everything else is a usage error: the operator's input.
            if e.use_stderr() {
                e.print().ok();
                return ExitCode::from(1);
            }
            // On a terminal clap's own colours; elsewhere through our door, which notices a full disk.
            if std::io::stdout().is_terminal() {
                e.print().ok();
                return ExitCode::SUCCESS;
            }
            return ended(output::data(&e.to_string()).map(|()| Verdict::Fine).map_err(Failure::from));
        }
    };
    ended(run(cli))
}

fn ended(result: Result<Verdict, Failure>) -> ExitCode {
    match result {
        Ok(verdict) => ExitCode::from(verdict.code()),
        Err(failure) => {
            output::talk(&failure.to_string());
            if let Some(advice) = service::advice(&failure) {
                output::talk(&advice);
            }
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Result<Verdict, Failure> {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let now = chrono::Utc::now();
    match cli.command {
        Command::Apply(args) => documents::apply(&args),
        Command::Get(args) => documents::get(&args, now),
        Command::Scan(args) => install::scan(&args),
        Command::Install(args) => install::install(&args, now),
        Command::Status(args) => status::status(&args, now),
        Command::Explain(args) => explain::explain(&args, now),
        Command::Runs(args) => runs::runs(&args, now),
        Command::Compliance(args) => status::compliance(&args, now),
        Command::Describe(args) => documents::describe(&args, now),
        Command::Diff(args) => documents::diff(&args),
        Command::Delete(args) => documents::delete(&args),
        Command::Approve(args) => documents::listing(&args, edit::approve, now),
        Command::Reject(args) => documents::listing(&args, edit::reject, now),
        Command::Try(args) => look::try_machine(&args, now),
        Command::Once(args) => once::once(&args, now),
        Command::Inventory(args) => look::inventory(&args, now),
        Command::Evaluate(args) => look::evaluate(&args, now),
        Command::Window(args) => tools::window(&args, now),
        Command::Import(args) => tools::import(&args),
        Command::Validate(args) => tools::validate(&args),
        Command::Predefined(args) => tools::predefined(&args),
        Command::Completions(args) => tools::completions(&args),
        Command::Man(args) => tools::man(&args),
    }
}
