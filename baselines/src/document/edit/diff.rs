//! What differs between two texts, as people read it.

use similar::TextDiff;

/// Lines around each difference.
const CONTEXT: usize = 3;

/// Lines on both sides together from which the difference is not searched line by line: the search takes the product
/// of lines and differences, and the texts may be a stranger's. A baseline with a thousand entries has a thousand.
const MAX_LINES: usize = 20_000;

/// The unified diff from `old` to `new`, with three lines of context; empty if they are the same.
#[must_use]
pub fn diff(old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let count = |text: &str| text.lines().count();
    if count(old) + count(new) > MAX_LINES {
        return replaced(old, new);
    }
    TextDiff::from_lines(old, new).unified_diff().context_radius(CONTEXT).header("old", "new").to_string()
}

/// Everything out, everything in: true, and not short.
fn replaced(old: &str, new: &str) -> String {
    let head = |text: &str| format!("{},{}", usize::from(!text.is_empty()), text.lines().count());
    let mut out = format!("--- old\n+++ new\n@@ -{} +{} @@\n", head(old), head(new));
    for (sign, text) in [('-', old), ('+', new)] {
        for line in text.split_inclusive('\n') {
            out.push(sign);
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_the_changed_lines_with_three_around_them() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\n";
        insta::assert_snapshot!(diff(old, &old.replace("e\n", "E\nE2\n")), @r"
        --- old
        +++ new
        @@ -2,7 +2,8 @@
         b
         c
         d
        -e
        +E
        +E2
         f
         g
         h
        ");
        insta::assert_snapshot!(diff("a\n", "a"), @r"
        --- old
        +++ new
        @@ -1 +1 @@
        -a
        +a
        \ No newline at end of file
        ");
        assert_eq!(diff(old, old), "");
    }

    #[test]
    fn texts_of_very_many_lines_are_replaced_as_a_whole() {
        let old: String = (0..24_000).map(|n| format!("{n}\n")).collect();
        let found = diff(&old, "x");
        assert!(found.starts_with("--- old\n+++ new\n@@ -1,24000 +1,1 @@\n-0\n-1\n"), "{found:.60}");
        assert!(found.ends_with("-23999\n+x\n\\ No newline at end of file\n"));
    }
}
