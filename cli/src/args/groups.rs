//! The commands in the groups that `--help` shows: what is needed every day comes first.

use clap::CommandFactory;

use super::Cli;
use crate::output;

/// Headings and commands; a command that is in none would not be shown, which a test prevents.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Every day", &["apply", "get", "scan", "install", "status", "explain", "runs", "compliance"]),
    ("Documents", &["describe", "diff", "delete", "approve", "reject"]),
    (
        "Without the agent",
        &["try", "once", "inventory", "evaluate", "window", "import", "validate", "predefined"],
    ),
    ("This program", &["completions", "man", "help"]),
];
/// Width of the help where it is not shown on a terminal; clap's own choice.
const USUAL_WIDTH: usize = 100;

/// The program, with its help in groups.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let groups = groups(&command);
    command.help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\nOptions:\n{{options}}{{after-help}}"
    ))
}

fn groups(command: &clap::Command) -> String {
    let width = output::width().map_or(USUAL_WIDTH, |w| w.min(USUAL_WIDTH));
    let column =
        GROUPS.iter().flat_map(|(_, names)| names.iter()).map(|n| n.len()).max().unwrap_or_default() + 4;
    let mut text = String::new();
    for (heading, names) in GROUPS {
        text += &format!("\n{heading}:\n");
        for name in names {
            let found = command.get_subcommands().find(|c| c.get_name() == *name);
            let about = found.and_then(clap::Command::get_about).map(ToString::to_string);
            let about = about.unwrap_or_else(|| "Print help for a command".into());
            let aliases: Vec<&str> = found.map(|c| c.get_visible_aliases().collect()).unwrap_or_default();
            let about =
                if aliases.is_empty() { about } else { format!("{about} [also: {}]", aliases.join(", ")) };
            let lines = output::wrapped(&about, width.saturating_sub(column).max(20));
            let rest = format!("\n{}", " ".repeat(column));
            text += &format!("  {name:<0$}{1}\n", column - 2, lines.join(&rest));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_exactly_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut command = Cli::command();
        command.build();
        let mut real: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        real.sort_unstable();
        assert_eq!(grouped, real);
    }
}
