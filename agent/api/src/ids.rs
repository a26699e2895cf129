//! Names of runs, orders and nodes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest id in characters.
const MAX_LENGTH: usize = 64;

/// An id of another form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: 1 to 64 of a-z, 0-9 and -")]
pub struct IdError(String);

/// Fit for file and unit names: no dot, no slash, no escape.
fn checked(text: String) -> Result<String, IdError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && text.len() <= MAX_LENGTH && text.chars().all(fits) {
        Ok(text)
    } else {
        Err(IdError(text.chars().take(MAX_LENGTH).collect()))
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text: `[a-z0-9-]`, 64 at most.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                checked(text).map(Self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                checked(text.to_owned()).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// One run on one node. All nodes of a window's firing name it alike.
    RunId
}
id! {
    /// Options of a patch-now, placed by an administrator.
    OrderId
}
id! {
    /// A node.
    NodeId
}

impl RunId {
    /// The run of one task in one firing of a window: the same on every node of the fleet.
    pub fn of_window(fleet: &str, window: &str, start: DateTime<Utc>, task: &str) -> Self {
        let start = start.timestamp().to_string();
        Self(format!("w-{}", digest(&[fleet, window, &start, task])))
    }

    /// The look and the download ahead of that run.
    pub fn of_ahead(fleet: &str, window: &str, start: DateTime<Utc>, task: &str) -> Self {
        let start = start.timestamp().to_string();
        Self(format!("a-{}", digest(&["ahead", fleet, window, &start, task])))
    }

    /// The one run of an order.
    pub fn of_order(order: &OrderId) -> Self {
        Self(format!("r-{}", digest(&["order", order.as_str()])))
    }

    /// The run of a request without an order, which only looks; `seed` is what makes it unique.
    pub fn of_request(seed: &str) -> Self {
        Self(format!("r-{}", digest(&[seed])))
    }
}

impl OrderId {
    /// The order with this content: placing it twice is placing it once.
    pub fn of(content: &str) -> Self {
        Self(format!("o-{}", digest(&[content])))
    }
}

/// 96 bits of SHA-256 over the parts, each with its length before it.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fit_for_file_and_unit_names() {
        for good in ["a", "w-0123456789abcdef", "0"] {
            assert_eq!(good.parse::<RunId>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "../x", "A", "a b", "a.b", "a\n", &"a".repeat(65)] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
        }
        assert!(serde_json::from_str::<RunId>("\"../../etc\"").is_err());
    }

    #[test]
    fn an_order_has_one_run_and_no_request_can_be_named_like_it() {
        let order = |text: &str| OrderId::of(text);
        assert_eq!(RunId::of_order(&order("a")), RunId::of_order(&order("a")));
        assert_ne!(RunId::of_order(&order("a")), RunId::of_order(&order("b")));
        assert_ne!(RunId::of_order(&order("a")), RunId::of_request(order("a").as_str()));
    }

    #[test]
    fn a_run_of_a_window_is_named_alike_everywhere_and_differs_by_each_part() {
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        let one = RunId::of_window("f", "w", at(60), "t");
        assert_eq!(one, RunId::of_window("f", "w", at(60), "t"));
        assert_eq!(one.as_str().parse::<RunId>().unwrap(), one);
        for other in [
            RunId::of_window("g", "w", at(60), "t"),
            RunId::of_window("f", "x", at(60), "t"),
            RunId::of_window("f", "w", at(61), "t"),
            RunId::of_window("f", "w", at(60), "u"),
            RunId::of_window("fw", "", at(60), "t"),
        ] {
            assert_ne!(one, other);
        }
    }
}
