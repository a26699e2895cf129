//! Damaged inputs from good ones, the same ones in every run.
//!
//! Blind, unlike libFuzzer's: it only has to keep the targets honest in a test of seconds.

/// Longest input it makes: long inputs cost time and find little that short ones do not.
const LONGEST: usize = 8 << 10;

/// Pieces on which parsers of our formats turn.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\n\n",
    b"\r\n",
    b"\t",
    b"\"",
    b"'",
    b"\\",
    b":",
    b"-",
    b"*",
    b"%",
    b"#",
    b"[",
    b"{",
    b"]",
    b"}",
    b"(",
    b")",
    b"<",
    b"&#x0;",
    b"<!--",
    b"<![CDATA[",
    b"<!DOCTYPE x>",
    b"---\n",
    b"&a ",
    b"*a",
    b"!!str ",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"00",
    b"1e999",
    b"NaN",
    b"inf",
    b"255",
    b"256",
    b"65536",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551616",
    b"9999-12-31T23:59:59Z",
    b"-262143-01-01T00:00:00Z",
    b"\xff",
    b"\xc3\xa9",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x92\xa9",
    b"\xed\xa0\x80",
];

/// Makes inputs out of seeds; the same number gives the same sequence (splitmix64).
#[derive(Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// A sequence of its own for each number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// One input made of `seeds`, of which there is at least one, by one to eight changes.
    pub fn next(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
        let mut input = self.pick(seeds).to_vec();
        // Few changes are more likely: most inputs should still be taken for what they were.
        let most = 1 + self.below(8);
        for _ in 0..=self.below(most) {
            self.change(&mut input, seeds);
            input.truncate(LONGEST);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[&[u8]]) {
        let at = self.below(input.len() + 1);
        match self.below(8) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = self.random() as u8;
                }
            }
            2 => input.truncate(at),
            3 => drop(input.drain(self.range(input.len()))),
            4 => {
                let part = input[self.range(input.len())].to_vec();
                for _ in 0..=self.below(4) {
                    input.splice(at..at, part.iter().copied());
                }
            }
            5 => {
                let other = self.pick(seeds);
                let part = &other[self.range(other.len())];
                input.splice(at..at, part.iter().copied());
            }
            6 => {
                let other = self.pick(seeds);
                input.truncate(at);
                input.extend(&other[self.below(other.len() + 1)..]);
            }
            _ => {
                let token = self.pick(TOKENS);
                input.splice(at..at, token.iter().copied());
            }
        }
    }

    fn random(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is at least one.
    fn below(&mut self, end: usize) -> usize {
        (self.random() % end as u64) as usize
    }

    /// A short range inside so many bytes.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        let most = if self.below(4) == 0 { len } else { 64 };
        start..(start + self.below(most + 1)).min(len)
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_gives_the_same_inputs_and_another_one_others() {
        let seeds: [&[u8]; 2] = [b"kind: PatchBaseline", b"name: x"];
        let inputs = |number| {
            let mut mutator = Mutator::new(number);
            (0..50).map(|_| mutator.next(&seeds)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
        assert!(inputs(3).iter().all(|i| i.len() <= LONGEST));
    }

    #[test]
    fn an_empty_seed_is_a_seed() {
        let mut mutator = Mutator::new(1);
        let seen: std::collections::BTreeSet<_> = (0..200).map(|_| mutator.next(&[b""])).collect();
        assert!(seen.len() > 20);
    }
}
