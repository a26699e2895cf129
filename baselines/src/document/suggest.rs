//! "Did you mean": the nearest allowed word, across spelling mistakes and AWS's names.

/// The candidate that somebody who typed `word` most likely meant.
///
/// Letter case and word separators do not count, so that AWS's `ApproveAfterDays` finds `approve_after_days` and
/// `critical` finds `CRITICAL`; beyond that it must be similar (Jaro-Winkler) and not merely begin alike.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are nobody's typing mistake, and similarity costs the product of the lengths.
    if word.len() > 100 {
        return None;
    }
    let wanted = folded(word);
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        // Cheap first: there are 600 time zones.
        if candidate.len().abs_diff(word.len()) > word.len().max(candidate.len()) / 2 {
            continue;
        }
        let known = folded(candidate);
        let score = if known == wanted { 2.0 } else { strsim::jaro_winkler(&known, &wanted) };
        let close = strsim::damerau_levenshtein(&known, &wanted) <= known.len().max(3) / 3;
        if close && score > 0.8 && best.is_none_or(|(previous, _)| score > previous) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// As [`nearest`], as a hint.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

fn folded(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 5] =
        ["approve_after_days", "approve_until_date", "approve", "filters", "compliance_level"];

    #[test]
    fn names_of_aws_find_ours() {
        assert_eq!(nearest("ApproveAfterDays", FIELDS), Some("approve_after_days"));
        assert_eq!(nearest("complianceLevel", FIELDS), Some("compliance_level"));
        assert_eq!(nearest("critical", ["LOW", "CRITICAL"]), Some("CRITICAL"));
    }

    #[test]
    fn typing_mistakes_are_found_and_other_words_are_not() {
        assert_eq!(nearest("aprove_after_day", FIELDS), Some("approve_after_days"));
        assert_eq!(nearest("filter", FIELDS), Some("filters"));
        assert_eq!(nearest("banana", FIELDS), None);
        assert_eq!(nearest("", FIELDS), None);
        assert_eq!(nearest(&"filters".repeat(1000), FIELDS), None);
    }
}
