//! What to look at when the agent, or its privileged half, does not answer.

use std::time::Duration;

use patchflock_api::client::ClientError;
use patchflock_api::config::Config;
use patchflock_machine::exec::Command;
use patchflock_machine::root::Root;

use crate::blame::Failure;
use crate::output;

/// Looking is a courtesy: it must not keep anybody waiting.
const PATIENCE: Duration = Duration::from_secs(3);
/// What is shown of a line of the journal.
const LINE_CAP: usize = 4 << 10;

/// The next steps for somebody whose command found nobody to talk to.
pub(crate) fn advice(failure: &Failure) -> Option<String> {
    let (Failure::Operator(e) | Failure::Ours(e)) = failure;
    let unit = e.chain().find_map(|cause| match cause.downcast_ref::<ClientError>()? {
        ClientError::NotRunning { unit, .. } | ClientError::NotAnswering { unit, .. } => Some(*unit),
        ClientError::TooSlow { .. } | ClientError::Broken { .. } => Some("patchflockd"),
        _ => None,
    })?;
    let named = e.chain().any(|cause| cause.to_string().contains("systemctl status"));
    let root = Root::host();
    let settings = Config::load(&root).err().map(|e| e.to_string());
    let failed = settings.is_some() || has_failed(&root, unit);
    // What is wrong with the settings is what it said last.
    let last = if failed && settings.is_none() { last_words(&root, unit) } else { None };
    Some(words(unit, named, failed, settings.as_deref(), last.as_deref()))
}

/// The advice as it is said; `named`: the failure names the first step already.
fn words(unit: &str, named: bool, failed: bool, settings: Option<&str>, last: Option<&str>) -> String {
    let status = if named { String::new() } else { format!("look at it: `systemctl status {unit}`; ") };
    let mut text = format!("  {status}what it said: `journalctl -u {unit} -n 20`");
    if let Some(why) = settings {
        text += &format!("\n  its settings cannot be used: {}", why.trim_end().replace('\n', "\n    "));
    } else if failed {
        text += &format!("\n  {unit} has failed");
    }
    if let Some(last) = last {
        text += &format!("\n  its last words: {}", output::one_line(last));
    }
    if failed {
        text += &format!(
            "\n  when the cause is gone: `systemctl reset-failed {unit} && systemctl restart {unit}` as root"
        );
    }
    text
}

fn said(root: &Root, program: &str, args: &[&str]) -> Option<String> {
    let ran = Command::new(root, program).args(args).deadline(PATIENCE).output_cap(LINE_CAP).run().ok()?;
    ran.success().then(|| ran.stdout_text().into_owned())
}

/// Whether systemd gave the unit up, or starts it again and again.
fn has_failed(root: &Root, unit: &str) -> bool {
    let shown = said(root, "systemctl", &["show", "-p", "ActiveState", "-p", "SubState", unit]);
    shown.is_some_and(|text| text.lines().any(|l| l == "ActiveState=failed" || l == "SubState=auto-restart"))
}

/// The last line that the unit itself wrote, as far as we may read it.
fn last_words(root: &Root, unit: &str) -> Option<String> {
    let unit = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    let of_unit = format!("_SYSTEMD_UNIT={unit}");
    said(root, "journalctl", &["-q", "--no-pager", "-o", "cat", "-n", "1", &of_unit])
        .filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_is_only_stopped_is_to_be_looked_at() {
        assert_eq!(
            words("patchflockd", false, false, None, None),
            "  look at it: `systemctl status patchflockd`; what it said: `journalctl -u patchflockd -n 20`"
        );
        // Nothing is said twice.
        assert_eq!(
            words("patchflockd", true, false, None, None),
            "  what it said: `journalctl -u patchflockd -n 20`"
        );
    }

    #[test]
    fn a_unit_that_failed_says_why_and_how_it_comes_back() {
        let text = words("patchflockd", true, true, None, Some("patchflockd: no space left\n"));
        assert!(
            text.contains("patchflockd has failed\n  its last words: patchflockd: no space left\n"),
            "{text}"
        );
        assert!(
            text.contains("`systemctl reset-failed patchflockd && systemctl restart patchflockd`"),
            "{text}"
        );
        let text = words("patchflockd", true, true, Some("/etc/patchflock/patchflock.toml: line 3"), None);
        assert!(
            text.contains("its settings cannot be used: /etc/patchflock/patchflock.toml: line 3\n"),
            "{text}"
        );
        assert!(text.contains("reset-failed"), "{text}");
    }

    #[test]
    fn only_absence_is_advised_about() {
        let absent = ClientError::NotRunning { program: "x", unit: "patchflockd", socket: "/x".into() };
        assert!(advice(&absent.into()).is_some_and(|text| text.contains("journalctl -u patchflockd")));
        assert_eq!(advice(&ClientError::Refused { status: 404, why: "x".into() }.into()), None);
        assert_eq!(advice(&Failure::operator("x")), None);
    }
}
