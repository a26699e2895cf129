//! The man pages, from the same definitions as the help.

use std::path::Path;

use clap::{Arg, Command};

/// Date on the pages: when the command line last changed for its users.
const DATE: &str = "2026-11-24";

/// One page for a command, and one for each command below it.
pub(crate) fn pages(command: Command, dir: &Path) -> std::io::Result<()> {
    for below in command.get_subcommands().filter(|c| !c.is_hide_set()).cloned() {
        pages(below.disable_help_subcommand(true), dir)?;
    }
    let synopsis = synopsis(&command);
    let man = clap_mangen::Man::new(command)
        // Without a date the roff line loses a field. A fixed one keeps the pages the same until the text changes.
        .date(DATE)
        .source(concat!("patchflock ", env!("CARGO_PKG_VERSION")))
        .manual("Patchflock Manual");
    let mut page = Vec::new();
    man.render(&mut page)?;
    std::fs::write(dir.join(man.get_filename()), with(&String::from_utf8_lossy(&page), &synopsis))
}

/// The page with our synopsis: clap_mangen's own leaves out what an option wants.
fn with(page: &str, synopsis: &str) -> String {
    let (head, rest) = page.split_once(".SH SYNOPSIS\n").unwrap_or((page, ""));
    let rest = rest.find(".SH ").and_then(|at| rest.get(at..)).unwrap_or_default();
    // What stands below the help says how commands end, and little else.
    format!("{head}{synopsis}{rest}").replace("\n.SH EXTRA\n", "\n.SH NOTES\n")
}

fn synopsis(command: &Command) -> String {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut parts = vec![format!("\\fB{}\\fR", escaped(name))];
    // `--help` is on each of them, and said below.
    let arguments = command.get_arguments().filter(|a| !a.is_hide_set() && a.get_id() != "help");
    let (placed, named): (Vec<&Arg>, Vec<&Arg>) = arguments.partition(|a| a.is_positional());
    parts.extend(named.into_iter().chain(placed).map(argument));
    if command.get_subcommands().any(|c| !c.is_hide_set()) {
        let wanted = command.is_subcommand_required_set();
        parts.push(optional("\\fICOMMAND\\fR".into(), !wanted));
    }
    format!(".SH SYNOPSIS\n{}\n", parts.join(" "))
}

fn argument(arg: &Arg) -> String {
    let several = arg.get_num_args().is_some_and(|n| n.max_values() > 1);
    let dots = if several { " ..." } else { "" };
    let takes = arg.get_action().takes_values();
    let names = arg.get_value_names().unwrap_or_default();
    let value = names.iter().map(|n| format!("\\fI{}\\fR", escaped(n))).collect::<Vec<_>>().join(" ");
    let short = arg.get_short().map(|s| format!("\\fB\\-{s}\\fR"));
    let long = arg.get_long().map(|l| format!("\\fB\\-\\-{}\\fR", escaped(l)));
    let flag = short.into_iter().chain(long).collect::<Vec<_>>().join("|");
    let text = match (flag.is_empty(), takes) {
        (true, _) => format!("{value}{dots}"),
        (false, true) => format!("{flag} {value}{dots}"),
        (false, false) => flag,
    };
    optional(text, !arg.is_required_set())
}

fn optional(text: String, is_optional: bool) -> String {
    if is_optional { format!("[{text}]") } else { text }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synopsis_says_what_each_option_wants() {
        let mut program = crate::args::command();
        program.build();
        let of = |name: &str| synopsis(program.find_subcommand(name).unwrap());
        assert_eq!(
            of("apply"),
            ".SH SYNOPSIS\n\\fBpatchflock apply\\fR \\fB\\-f\\fR|\\fB\\-\\-file\\fR \\fIFILE\\fR ... \
             [\\fB\\-\\-dry\\-run\\fR] [\\fB\\-o\\fR|\\fB\\-\\-output\\fR \\fIFORMAT\\fR]\n"
        );
        assert!(of("get").ends_with(" [\\fIKIND\\fR] [\\fINAME\\fR]\n"), "{}", of("get"));
        assert!(of("runs").ends_with(" [\\fICOMMAND\\fR]\n"), "{}", of("runs"));
        assert!(of("window").ends_with("\\fR \\fICOMMAND\\fR\n"), "{}", of("window"));
    }
}
