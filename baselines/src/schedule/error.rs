//! Why a schedule is not understood: which field, what was written, what to write instead.

/// Part of a schedule expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the field it names")]
pub enum Field {
    Schedule,
    Seconds,
    Minutes,
    Hours,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
    Rate,
    At,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Schedule => "schedule",
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
            Self::Year => "year",
            Self::Rate => "rate",
            Self::At => "at",
        })
    }
}

/// A schedule that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} `{text}`: {hint}")]
pub struct ScheduleError {
    /// Where.
    pub field: Field,
    /// What was written there, shortened.
    pub text: String,
    /// What is wrong and what to write.
    pub hint: String,
}

impl ScheduleError {
    pub(super) fn new(field: Field, text: &str, hint: impl Into<String>) -> Self {
        Self { field, text: text.chars().take(60).collect(), hint: hint.into() }
    }
}
