//! `explain` where no baseline is in effect: what is known of a package, and that nothing is decided about it.

use chrono::{DateTime, Utc};
use patchflock_api::answer::SurveyFile;
use patchflock_baselines::inventory::{Candidate, Installed};
use serde::Serialize;

use super::{is_called, nowhere};
use crate::args::{ExplainArgs, Format};
use crate::blame::{Failure, Verdict};
use crate::output::{count, paragraph};
use crate::runs::story;
use crate::{node, output};

/// A version that is installed or offered. Stable.
#[derive(Debug, Serialize)]
struct Known<'a> {
    name: &'a str,
    arch: &'a str,
    version: &'a str,
    /// It is the installed one.
    installed: bool,
    /// Sources that offer it.
    sources: &'a [String],
}

/// What is known; why nothing is decided is said once, by the line about the baseline.
pub(super) fn explain(
    survey: &SurveyFile,
    args: &ExplainArgs,
    now: DateTime<Utc>,
) -> Result<Verdict, Failure> {
    let inventory = &survey.inventory;
    let offered: Vec<&Candidate> = inventory.candidates.iter().filter(|c| is_offered(c, args)).collect();
    let installed: Vec<&Installed> = match &args.patch {
        None => Vec::new(),
        Some(patch) => inventory
            .installed
            .iter()
            .filter(|i| {
                is_called(&i.name, &i.arch, &i.version, patch) || offered.iter().any(|c| c.name == i.name)
            })
            .collect(),
    };
    if let (Some(patch), true, true) = (&args.patch, offered.is_empty(), installed.is_empty()) {
        return Err(nowhere(survey, patch));
    }
    if args.form.output != Format::Table {
        let of = |name, arch, version, installed, sources| Known { name, arch, version, installed, sources };
        let known: Vec<Known<'_>> = installed
            .iter()
            .map(|i| of(&i.name, &i.arch, &i.version, true, &[]))
            .chain(offered.iter().map(|c| of(&c.name, &c.arch, &c.version, false, &c.sources)))
            .collect();
        output::structured(args.form.output, &known)?;
        return Ok(Verdict::Fine);
    }
    let mut text = story::choice(&survey.choice);
    text += &format!("looked at {}\n\n", node::ago(survey.taken_at(), now));
    if args.patch.is_none() {
        let newer = count(offered.len(), "newer version", "newer versions");
        text += &format!("{newer} offered, and nothing is decided about any of them\n");
        output::data(&text)?;
        return Ok(Verdict::Fine);
    }
    for i in &installed {
        text += &paragraph("", &format!("{} {} ({}) is installed", i.name, i.version, i.arch));
    }
    for c in &offered {
        let security = if c.security { ", a security update" } else { "" };
        let sources = c.sources.join(", ");
        text += &paragraph(
            "",
            &format!("{} {} ({}) is offered by {sources}{security}", c.name, c.version, c.arch),
        );
    }
    if offered.is_empty() {
        text += "nothing newer of it is offered\n";
    } else {
        text += "nothing is decided about it, because no baseline is in effect\n";
    }
    output::data(&text)?;
    Ok(Verdict::Fine)
}

fn is_offered(c: &Candidate, args: &ExplainArgs) -> bool {
    let Some(patch) = &args.patch else { return true };
    let ids = c.advisories.iter().flat_map(|a| std::iter::once(&a.id).chain(&a.cves));
    is_called(&c.name, &c.arch, &c.version, patch) || ids.into_iter().any(|id| id.eq_ignore_ascii_case(patch))
}
