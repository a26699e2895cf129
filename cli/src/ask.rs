//! Asking a person before something is changed: one way of asking for all commands.

use std::io::{BufRead, IsTerminal};

use anyhow::Context;

use crate::blame::Failure;
use crate::output;

/// What to add where packages would be installed.
pub(crate) const INSTALL: &str = "add --yes to install without asking, or --dry-run to look only";

/// Refuses where nobody can answer: before anything is done, so that a script finds out at once and not half-way.
///
/// `what` would have to be confirmed; `remedy` says what to add.
pub(crate) fn somebody(what: &str, remedy: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::operator(format!(
        "nobody is there to confirm {what} (standard input is no terminal), so nothing was done: {remedy}"
    )))
}

/// Asks on standard error; anything but a yes, the end of the input included, is a no, and `otherwise` says what that
/// means.
pub(crate) fn confirm(question: &str, otherwise: &str) -> Result<(), Failure> {
    output::ask(&format!("{question} [y/N]"));
    if answered(&mut std::io::stdin().lock())? {
        return Ok(());
    }
    Err(Failure::operator(format!("not confirmed; {otherwise}")))
}

fn answered(input: &mut impl BufRead) -> Result<bool, Failure> {
    let mut answer = String::new();
    input.read_line(&mut answer).context("reading the answer")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_confirms() {
        let answer = |text: &str| answered(&mut text.as_bytes()).unwrap();
        for yes in ["y\n", "Y\n", "yes\n", "  YES  \r\n"] {
            assert!(answer(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "no\n", "yep\n", "y y\n", "\u{0}y\n", "j\n"] {
            assert!(!answer(no), "{no:?}");
        }
    }
}
