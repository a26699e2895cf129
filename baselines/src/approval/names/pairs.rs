//! Which pairs of neighbouring bytes a text has: a quick way to see that it does not contain another.

/// A set of pairs, each known by one of 256 numbers. Two pairs may share a number, so that "contains" is a maybe and
/// "does not contain" is certain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pairs([u64; 4]);

impl Pairs {
    /// The pairs of some texts, each given in parts.
    pub(super) fn of(texts: &[&[&str]]) -> Self {
        let mut pairs = Self::default();
        texts.iter().for_each(|parts| pairs.add(parts));
        pairs
    }

    /// Adds the pairs of a text.
    pub(super) fn add(&mut self, parts: &[&str]) {
        let mut before: Option<u8> = None;
        for byte in parts.iter().flat_map(|part| part.bytes()) {
            if let Some(before) = before {
                // Digits differ in their low bits only; the product spreads them.
                let number = before.wrapping_mul(31) ^ byte;
                if let Some(word) = self.0.get_mut(usize::from(number >> 6)) {
                    *word |= 1 << (number & 63);
                }
            }
            before = Some(byte);
        }
    }

    /// Whether all pairs of `other` are here. If not, no text of these contains all texts of `other`.
    pub(super) fn include(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(own, other)| own & other == other)
    }
}
