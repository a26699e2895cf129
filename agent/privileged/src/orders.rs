//! Orders: a patch-now with its options, checked when it is placed and judged again when it is used.

use chrono::{DateTime, TimeDelta, Utc};
use patchflock_api::ids::OrderId;
use patchflock_api::order::{Meaning, Order};
use patchflock_api::privileged::Answer;
use patchflock_api::run::{Operation, Trouble};
use serde::{Deserialize, Serialize};

use crate::Desk;
use crate::trouble::failed;

/// Each is judged on its own against everything that is offered.
const MAX_EXCLUDES: usize = 100;
/// Characters of one of them.
const MAX_NAME: usize = 256;
/// Digits of a nonce.
const MAX_NONCE: usize = 64;
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
    // Whoever asks for longer gets this: clocks may differ, and an order that waits for days surprises.
    let order = Order { expires: order.expires.min(now + TimeDelta::hours(24)), ..order };
    read(&order)?;
    let bounded = |text: &str, most: usize| !text.is_empty() && text.chars().count() <= most;
    if order.exclude.len() > MAX_EXCLUDES || !order.exclude.iter().all(|name| bounded(name, MAX_NAME)) {
        return Err(failed(format!("exclude takes {MAX_EXCLUDES} names of 1 to {MAX_NAME} characters")));
    }
    if order.operation != Operation::Install {
        return Err(failed("only an installation needs an order: a scan can be asked for without one"));
    }
    let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if !bounded(&order.nonce, MAX_NONCE) || !order.nonce.chars().all(digit) {
        return Err(failed(format!("a nonce has 1 to {MAX_NONCE} of 0-9 and a-f")));
    }
    if !order.reason.as_ref().is_none_or(|reason| bounded(reason, MAX_REASON)) {
        return Err(failed(format!("a reason has 1 to {MAX_REASON} characters")));
    }
    let content = serde_json::to_string(&(&order, by)).map_err(|e| failed(e.to_string()))?;
    let id = OrderId::of(&content);
    desk.write(&path(&id), &Placed { order, by: by.to_owned(), placed_at: now })?;
    Ok(Answer::Placed { order: id })
}

/// An order, with who placed it. Whether it is still good is another question.
pub(crate) fn get(desk: &Desk, id: Option<&OrderId>) -> Result<Option<(Order, String)>, Trouble> {
    let Some(id) = id else { return Ok(None) };
    let placed: Placed =
        desk.read(&path(id))?.ok_or_else(|| failed(format!("there is no order {id}: place it again")))?;
    Ok(Some((placed.order, placed.by)))
}

/// Nothing begins by an order that has expired.
pub(crate) fn alive(order: &Order, now: DateTime<Utc>) -> Result<(), Trouble> {
    if order.expires > now {
        return Ok(());
    }
    Err(failed(format!(
        "the order expired at {}: place a new one",
        order.expires.format("%Y-%m-%d %H:%M:%S UTC")
    )))
}

/// What an order means.
pub(crate) fn read(order: &Order) -> Result<Meaning, Trouble> {
    order.read().map_err(failed)
}

#[cfg(test)]
mod tests;
