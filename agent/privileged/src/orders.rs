//! Orders: the options of a patch-now, checked when they are placed and judged again when they are used.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::OrderId;
use patchflock_api::order::Order;
use patchflock_api::privileged::Answer;
use patchflock_api::run::Trouble;
use patchflock_baselines::approval::names;
use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::document::override_list::{parse_baseline_override, parse_override_list};
use patchflock_baselines::document::{self, Document};
use patchflock_baselines::os::OperatingSystem;
use patchflock_machine::system::Wishes;
use serde::{Deserialize, Serialize};

use crate::Desk;
use crate::trouble::failed;

/// Each is judged on its own against everything that is offered.
const MAX_EXCLUDES: usize = 100;
/// Characters of one of them.
const MAX_NAME: usize = 256;
/// Characters of a reason.
const MAX_REASON: usize = 1024;

/// An order as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placed {
    order: Order,
    by: String,
    placed_at: DateTime<Utc>,
}

fn path(id: &OrderId) -> String {
    format!("{}/orders/{id}.json", crate::STATE)
}

/// Keeps an order that can be carried out.
pub(crate) fn place(desk: &Desk, by: &str, order: Order) -> Result<Answer, Trouble> {
    let now = desk.now();
    alive(&order, now)?;
    if order.expires > now + TimeDelta::hours(24) {
        return Err(failed("an order is good for 24 hours at most: let it expire earlier"));
    }
    read(&order)?;
    let bounded = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
    if order.exclude.len() > MAX_EXCLUDES || !order.exclude.iter().all(|name| bounded(name, MAX_NAME)) {
        return Err(failed(format!("exclude takes {MAX_EXCLUDES} names of 1 to {MAX_NAME} characters")));
    }
    if !order.reason.as_ref().is_none_or(|reason| bounded(reason, MAX_REASON)) {
        return Err(failed(format!("a reason has 1 to {MAX_REASON} characters")));
    }
    let content = serde_json::to_string(&(&order, by)).map_err(|e| failed(e.to_string()))?;
    let id = OrderId::of(&content);
    desk.write(&path(&id), &Placed { order, by: by.to_owned(), placed_at: now })?;
    Ok(Answer::Placed { order: id })
}

/// An order that is used now, with who placed it.
pub(crate) fn get(desk: &Desk, id: Option<&OrderId>) -> Result<Option<(Order, String)>, Trouble> {
    let Some(id) = id else { return Ok(None) };
    let placed: Placed =
        desk.read(&path(id))?.ok_or_else(|| failed(format!("there is no order {id}: place it again")))?;
    alive(&placed.order, desk.now())?;
    Ok(Some((placed.order, placed.by)))
}

fn alive(order: &Order, now: DateTime<Utc>) -> Result<(), Trouble> {
    if order.expires > now {
        return Ok(());
    }
    Err(failed(format!(
        "the order expired at {}: place a new one",
        order.expires.format("%Y-%m-%d %H:%M:%S UTC")
    )))
}

/// What an order means.
#[derive(Debug)]
pub(crate) struct Meaning {
    pub(crate) wishes: Wishes,
    /// Baselines in the place of those in force, one for each operating system.
    baselines: Option<Vec<Baseline>>,
}

impl Meaning {
    /// The baseline that takes the place of the one in force here (reference 2.7).
    pub(crate) fn baseline(&self, os: OperatingSystem) -> Option<&Baseline> {
        self.baselines.iter().flatten().find(|b| b.operating_system == os)
    }
}

/// Reads an order's texts.
pub(crate) fn read(order: &Order) -> Result<Meaning, Trouble> {
    let problems =
        |text: &str, problems: Vec<_>| failed(document::render(text, &problems).trim_end().to_owned());
    names::check_overrides(order.baseline_override.is_some(), order.install_override_list.is_some())
        .map_err(|e| failed(e.to_string()))?;
    let list = match &order.install_override_list {
        None => None,
        Some(text) => Some(
            parse_override_list("install-override list", text.as_bytes()).map_err(|p| problems(text, p))?,
        ),
    };
    let baselines = match &order.baseline_override {
        None => None,
        Some(text) if text.trim_start().starts_with('[') => {
            let read = parse_baseline_override("baseline override", text.as_bytes());
            Some(read.map_err(|p| problems(text, p))?.baselines)
        }
        Some(text) => {
            let read =
                document::parse("baseline override", text.as_bytes()).map_err(|p| problems(text, p))?;
            match <[Document; 1]>::try_from(read.documents) {
                Ok([Document::PatchBaseline(one)]) => Some(vec![one]),
                _ => {
                    return Err(failed(
                        "a baseline override is a JSON list or one document of kind PatchBaseline",
                    ));
                }
            }
        }
    };
    Ok(Meaning { wishes: Wishes { list, exclude: order.exclude.clone() }, baselines })
}

#[cfg(test)]
mod tests;
