//! Rate control: how many nodes at once, and after how many errors to stop (reference 7.2, 7.3).

use serde::{Deserialize, Serialize};

/// A number of nodes, or a percentage of a task's targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// So many nodes.
    Count(u32),
    /// So many per cent of the target set.
    Percent(u8),
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// Not a number or percentage that the field takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a limit: write {wanted}")]
pub struct LimitError {
    /// What was written, shortened.
    pub text: String,
    /// What would be right.
    pub wanted: &'static str,
}

/// Reads what AWS's patterns take, apart from zero: 1-7 characters, no sign, no leading zero, at most 100%.
fn parse(text: &str, zero: bool) -> Option<Limit> {
    let (digits, percent) = match text.strip_suffix('%') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let plain = !digits.is_empty() && text.len() <= 7 && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain || (digits.starts_with('0') && !(zero && digits == "0")) {
        return None;
    }
    let value: u32 = digits.parse().ok()?;
    match percent {
        false => Some(Limit::Count(value)),
        true if value <= 100 => Some(Limit::Percent(u8::try_from(value).ok()?)),
        true => None,
    }
}

/// Accepts `2`, `"2"` and `"10%"`: in YAML a bare number is what people write.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl Written {
    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

macro_rules! limit_type {
    ($(#[$doc:meta])* $name:ident, zero: $zero:literal, wanted: $wanted:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Written", into = "String")]
        pub struct $name(Limit);

        impl $name {
            /// Reads the AWS form.
            ///
            /// # Errors
            /// Anything that AWS's pattern does not match.
            pub fn parse(text: &str) -> Result<Self, LimitError> {
                parse(text, $zero).map(Self).ok_or_else(|| LimitError {
                    text: text.chars().take(20).collect(),
                    wanted: $wanted,
                })
            }

            /// The number or percentage.
            #[must_use]
            pub fn limit(self) -> Limit {
                self.0
            }
        }

        impl TryFrom<Written> for $name {
            type Error = LimitError;

            fn try_from(written: Written) -> Result<Self, LimitError> {
                Self::parse(&written.into_text())
            }
        }

        impl std::str::FromStr for $name {
            type Err = LimitError;

            fn from_str(text: &str) -> Result<Self, LimitError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.to_string()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

limit_type! {
    /// How many nodes may work at once: `^([1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%)$`, 1-7 characters.
    MaxConcurrency, zero: false, wanted: "a number from 1 (at most 7 digits) or 1% to 100%"
}

limit_type! {
    /// How many errors are borne: `^([1-9][0-9]*|[0]|[1-9][0-9]%|[0-9]%|100%)$`, 1-7 characters.
    MaxErrors, zero: true, wanted: "a number from 0 (at most 7 digits) or 0% to 100%"
}

impl MaxConcurrency {
    /// Nodes that may work at once, out of so many targets. A percentage is rounded down, but never to none:
    /// AWS leaves rounding open (reference 7.2), and down is the side on which fewer machines fail together.
    #[must_use]
    pub fn allowed_concurrency(self, targets: u32) -> u32 {
        match self.0 {
            Limit::Count(count) => count,
            Limit::Percent(percent) => share(percent, targets).max(1),
        }
    }
}

impl MaxErrors {
    /// Errors that are borne: the run stops at the next one.
    #[must_use]
    pub fn allowed_errors(self, targets: u32) -> u32 {
        match self.0 {
            Limit::Count(count) => count,
            Limit::Percent(percent) => share(percent, targets),
        }
    }

    /// Whether a run must stop: errors *exceed* the allowed number, so 10% of 50 stops on the sixth
    /// (reference 7.3).
    #[must_use]
    pub fn errors_exceed(self, targets: u32, errors: u32) -> bool {
        errors > self.allowed_errors(targets)
    }
}

/// So many per cent of a number, rounded down.
fn share(percent: u8, of: u32) -> u32 {
    let part = u64::from(of) * u64::from(percent.min(100)) / 100;
    u32::try_from(part).unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_takes_exactly_what_the_pattern_takes() {
        for good in ["1", "50", "9999999", "1%", "10%", "99%", "100%"] {
            assert_eq!(MaxConcurrency::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "", "0", "0%", "%", "01", "007", "101%", "100%%", "10000000", "-1", "+1", "1.5", " 1", "1 %", "१",
        ] {
            assert!(MaxConcurrency::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn errors_take_zero_as_well() {
        for good in ["0", "0%", "3", "5%", "100%"] {
            assert_eq!(MaxErrors::parse(good).unwrap().to_string(), good);
        }
        for bad in ["00", "00%", "01%", "101%", "x"] {
            assert!(MaxErrors::parse(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_percentage_rounds_down_but_never_to_nobody() {
        let table =
            [("10%", 50, 5), ("10%", 59, 5), ("10%", 9, 1), ("1%", 0, 1), ("100%", 7, 7), ("3", 2, 3)];
        for (limit, targets, wanted) in table {
            assert_eq!(MaxConcurrency::parse(limit).unwrap().allowed_concurrency(targets), wanted, "{limit}");
        }
        let all = MaxConcurrency::parse("100%").unwrap();
        assert_eq!(all.allowed_concurrency(u32::MAX), u32::MAX);
    }

    #[test]
    fn a_run_stops_when_errors_exceed_the_limit() {
        // (limit, targets, the error that stops)
        for (limit, targets, stops) in
            [("0", 50, 1), ("3", 50, 4), ("10%", 50, 6), ("10%", 59, 6), ("0%", 9, 1)]
        {
            let limit = MaxErrors::parse(limit).unwrap();
            assert!(!limit.errors_exceed(targets, stops - 1), "{limit} of {targets} stopped early");
            assert!(limit.errors_exceed(targets, stops), "{limit} of {targets} went on");
        }
    }

    #[test]
    fn limits_are_read_from_numbers_and_texts() {
        let read = |json| serde_json::from_str::<MaxErrors>(json);
        assert_eq!(read("0").unwrap(), MaxErrors(Limit::Count(0)));
        assert_eq!(read("\"10%\"").unwrap(), MaxErrors(Limit::Percent(10)));
        assert!(read("-1").is_err());
        let error = serde_json::from_str::<MaxConcurrency>("0").unwrap_err();
        assert!(error.to_string().contains("a number from 1"), "{error}");
    }
}
