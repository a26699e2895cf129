//! Where an entry goes in a list as people lay lists out, and how it comes out again.
//!
//! Nothing here has to be right for every YAML: the caller reads the result again. It has to be right for what people
//! write, and to leave every other character where it is.

use std::fmt;

use super::source::{Item, Source, What};
use crate::document::write::scalar;

/// Why a text is not edited in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unfit(pub(super) &'static str);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const NO_SPEC: Unfit = Unfit("the document has no `spec`, so it is AWS's and must be imported first");
const UNUSUAL: Unfit = Unfit("the list is laid out in an unusual way");
const COMMENT: Unfit = Unfit("a comment stands between the entries");

fn blank(c: char) -> bool {
    c == ' ' || c == '\t' || c == '\r'
}

/// The text with an entry added to the list `field` of the spec; `other` is the list beside which a new one goes.
pub(super) fn add(source: &Source, field: &str, other: &str, patch: &str) -> Result<String, Unfit> {
    let (spec_key, spec) = source.root.field("spec").ok_or(NO_SPEC)?;
    // Whoever quotes names writes JSON, where everything is quoted.
    let json = source.chars.get(spec_key.start) == Some(&'"');
    let entry = if json { serde_json::Value::from(patch).to_string() } else { scalar(patch) };
    let Some((key, value)) = spec.field(field) else {
        let name = if json { format!("\"{field}\"") } else { field.to_owned() };
        return add_field(source, spec, other, &format!("{name}: [{entry}]"));
    };
    match &value.what {
        What::List { flow: true, items } => match items.last() {
            Some(last) => append(source, value.end, last.start, last.end, &entry),
            None => {
                let after = value.start + 1;
                let space = if source.chars.get(after) == Some(&'#') { " " } else { "" };
                Ok(source.spliced(vec![(after, after, entry + space)]))
            }
        },
        What::List { flow: false, items } => {
            let last = items.last().ok_or(UNUSUAL)?;
            let line = source.line_start(last.start);
            let lead = dashed(source, last)?;
            let at = ends_its_line(source, last.end)?;
            let lead: String = source.slice(line, lead).iter().collect();
            Ok(source.spliced(vec![(at, at, format!("{}{lead}{entry}", source.line_break()))]))
        }
        // Nothing, written as nothing or as `null`.
        What::Scalar { block: false, .. } if value.start == value.end => {
            let after = after_colon(source, key)?;
            Ok(source.spliced(vec![(after, after, format!(" [{entry}]"))]))
        }
        What::Scalar { block: false, .. } => {
            Ok(source.spliced(vec![(value.start, value.end, format!("[{entry}]"))]))
        }
        _ => Err(UNUSUAL),
    }
}

/// A field more in the spec: beside the other list, else below the operating system, which every baseline has.
fn add_field(source: &Source, spec: &Item, other: &str, text: &str) -> Result<String, Unfit> {
    if let What::Map { flow: true, entries } = &spec.what {
        let (key, value) = entries.last().ok_or(UNUSUAL)?;
        return append(source, spec.end, key.start, value.end, text);
    }
    let end_of = |value: &Item| match &value.what {
        What::List { flow: true, .. } => Some(value.end),
        What::List { flow: false, items } => items.last().map(|item| item.end),
        _ => None,
    };
    let beside = spec.field(other).and_then(|(key, value)| Some((key, end_of(value)?)));
    let (key, end) = match beside {
        Some(found) => found,
        None => spec.field("operating_system").map(|(key, value)| (key, value.end)).ok_or(UNUSUAL)?,
    };
    let line = source.line_start(key.start);
    let indent = source.slice(line, key.start);
    if !indent.iter().all(|c| *c == ' ') {
        return Err(UNUSUAL);
    }
    let at = ends_its_line(source, end)?;
    let indent: String = indent.iter().collect();
    Ok(source.spliced(vec![(at, at, format!("{}{indent}{text}", source.line_break()))]))
}

/// Something more before the closing bracket of a list or mapping in flow style, behind its last entry: on a line of
/// its own where that one has a line of its own.
fn append(source: &Source, closed: usize, start: usize, end: usize, text: &str) -> Result<String, Unfit> {
    let line = source.line_start(start);
    let indent = source.slice(line, start);
    let line_end = source.line_end(end);
    if !indent.iter().all(|c| blank(*c)) || closed <= line_end {
        return Ok(source.spliced(vec![(end, end, format!(", {text}"))]));
    }
    let indent: String = indent.iter().collect();
    let comma = comma_after(source, end).is_some();
    let trailing = if comma { "," } else { "" };
    let mut edits = vec![(line_end, line_end, format!("{}{indent}{text}{trailing}", source.line_break()))];
    if !comma {
        edits.insert(0, (end, end, ",".to_owned()));
    }
    Ok(source.spliced(edits))
}

/// The text without one entry of the list `field` of the spec.
pub(super) fn remove(source: &Source, field: &str, patch: &str) -> Result<String, Unfit> {
    let (_, spec) = source.root.field("spec").ok_or(NO_SPEC)?;
    let (key, value) = spec.field(field).ok_or(UNUSUAL)?;
    let What::List { flow, items } = &value.what else { return Err(UNUSUAL) };
    let index = items.iter().position(|item| item.is_text(patch)).ok_or(UNUSUAL)?;
    let item = items.get(index).ok_or(UNUSUAL)?;
    let before = index.checked_sub(1).and_then(|index| items.get(index));
    let after = items.get(index + 1);
    if *flow {
        return remove_flow(source, value, before, item, after);
    }
    dashed(source, item)?;
    let mut edits = vec![whole_line(source, item)?];
    if items.len() == 1 {
        // An empty list rather than nothing, and what stands around it stays.
        let colon = after_colon(source, key)?;
        edits.push((colon, colon, " []".to_owned()));
    }
    Ok(source.spliced(edits))
}

fn remove_flow(
    source: &Source,
    list: &Item,
    before: Option<&Item>,
    item: &Item,
    after: Option<&Item>,
) -> Result<String, Unfit> {
    let lead = source.slice(source.line_start(item.start), item.start);
    let behind = comma_after(source, item.end).map_or(item.end, |comma| comma + 1);
    let alone = lead.iter().all(|c| blank(*c)) && ends_its_line(source, behind).is_ok();
    if before.is_none() && after.is_none() {
        // The parser does not read empty brackets over several lines.
        let others = [(list.start, item.start), (source.line_end(item.end).min(list.end), list.end)];
        if others.iter().any(|(start, end)| source.slice(*start, *end).contains(&'#')) {
            return Err(COMMENT);
        }
        return Ok(source.spliced(vec![(list.start, list.end, "[]".to_owned())]));
    }
    if alone && list.end > source.line_end(item.end) {
        let mut edits = vec![whole_line(source, &Item { end: behind, ..item.clone() })?];
        // The comma before it separates nothing any more.
        if behind == item.end
            && after.is_none()
            && let Some(comma) = before.and_then(|before| comma_after(source, before.end))
        {
            edits.push((comma, comma + 1, String::new()));
        }
        return Ok(source.spliced(edits));
    }
    let gaps = [
        before.map(|before| ((before.end, item.start), (before.end, item.end))),
        after.map(|after| ((item.end, after.start), (item.start, after.start))),
    ];
    // With one neighbour goes the comma between them; rather the neighbour in the same line.
    let has = |gap: (usize, usize), c: char| source.slice(gap.0, gap.1).contains(&c);
    let usable = || gaps.iter().flatten().filter(|(gap, _)| !has(*gap, '#'));
    let (_, (start, end)) =
        usable().find(|(gap, _)| !has(*gap, '\n')).or_else(|| usable().next()).ok_or(COMMENT)?;
    Ok(source.spliced(vec![(*start, *end, String::new())]))
}

/// The lines of an item, which nothing else shares, with their line break.
fn whole_line(source: &Source, item: &Item) -> Result<(usize, usize, String), Unfit> {
    ends_its_line(source, item.end)?;
    let (start, next) = (source.line_start(item.start), source.next_line(item.end));
    // Without line break at the end of the text, the one before goes.
    let last = source.slice(0, next).last() != Some(&'\n');
    let start = if last && start > 0 { source.line_end(start.saturating_sub(1)) } else { start };
    let start = if last && source.slice(0, start).last() == Some(&'\r') { start - 1 } else { start };
    Ok((start, next, String::new()))
}

/// Where the text of an item with a dash begins: there is nothing before the dash in its line.
fn dashed(source: &Source, item: &Item) -> Result<usize, Unfit> {
    let lead: String = source.slice(source.line_start(item.start), item.start).iter().collect();
    let is_dash = lead.trim() == "-" && lead.ends_with(' ');
    match item.what {
        What::Scalar { block: false, .. } if is_dash => Ok(item.start),
        _ => Err(UNUSUAL),
    }
}

/// The end of the line of a place, if nothing but a comment follows in it.
fn ends_its_line(source: &Source, at: usize) -> Result<usize, Unfit> {
    let end = source.line_end(at);
    let rest = source.slice(at, end);
    match rest.iter().find(|c| !blank(**c)) {
        None | Some('#') => Ok(end),
        Some(_) => Err(UNUSUAL),
    }
}

/// The place after the colon of a field.
fn after_colon(source: &Source, key: &Item) -> Result<usize, Unfit> {
    let rest = source.slice(key.end, source.chars.len());
    let gap = rest.iter().position(|c| !blank(*c)).ok_or(UNUSUAL)?;
    if rest.get(gap) == Some(&':') { Ok(key.end + gap + 1) } else { Err(UNUSUAL) }
}

/// The comma that follows a place in its line.
fn comma_after(source: &Source, at: usize) -> Option<usize> {
    let rest = source.slice(at, source.chars.len());
    let gap = rest.iter().position(|c| !blank(*c))?;
    (rest.get(gap) == Some(&',')).then_some(at + gap)
}
