//! The version orders against the real `dpkg` and `rpm`: one process answers thousands of generated pairs.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helper functions of tests: a broken assumption must end the test"
)]

use std::cmp::Ordering;
use std::io::Write;
use std::process::{Command, Stdio};

use patchflock_baselines::os::Family;
use patchflock_baselines::version::compare;

/// A small deterministic generator: the oracle needs variety, not quality, and failures must repeat.
struct Generator(u64);

impl Generator {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % n
    }

    fn text(&mut self, alphabet: &[u8], longest: usize) -> String {
        (0..self.below(longest)).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    /// A version and a neighbour that shares most of it, since random pairs differ in the first character.
    fn pair(&mut self, alphabet: &[u8], separators: &[u8]) -> (String, String) {
        let a = self.version(alphabet, separators);
        if self.below(3) == 0 {
            return (a, self.version(alphabet, separators));
        }
        let mut b = a.clone();
        for _ in 0..=self.below(2) {
            let at = self.below(b.len() + 1);
            let c = char::from(alphabet[self.below(alphabet.len())]);
            match self.below(3) {
                0 => b.insert(at, c),
                1 if at > 1 => drop(b.remove(at - 1)),
                _ if at > 1 => b.replace_range(at - 1..at, &c.to_string()),
                _ => b.push(c),
            }
        }
        (a, b)
    }

    fn version(&mut self, alphabet: &[u8], separators: &[u8]) -> String {
        let mut out = format!("{}", self.below(12));
        for _ in 0..self.below(4) {
            out.push(char::from(separators[self.below(separators.len())]));
            out.push_str(&self.text(alphabet, 5));
        }
        out
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test asks the real tool; the crate itself starts no process"
)]
fn ask(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let text = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("the tool ends");
    writer.join().expect("the writer ends").expect("the tool reads its input");
    String::from_utf8(output.stdout).expect("the tool answers in ASCII")
}

fn check(family: Family, pairs: &[(String, String)], answers: &str) {
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), pairs.len(), "one answer per pair");
    let mut seen = [0usize; 3];
    for ((a, b), answer) in pairs.iter().zip(answers) {
        let wanted = match answer.trim() {
            "-1" => Ordering::Less,
            "0" => Ordering::Equal,
            "1" => Ordering::Greater,
            other => panic!("no answer for {a} and {b}: {other}"),
        };
        seen[(wanted as i8 + 1) as usize] += 1;
        assert_eq!(compare(family, a, b), wanted, "{family:?}: {a} and {b}");
    }
    assert!(seen.iter().all(|&n| n > 20), "the pairs cover all three answers: {seen:?}");
}

#[test]
fn dpkg_orders_four_thousand_generated_pairs_the_same_way() {
    let mut generator = Generator(1);
    let mut pairs = Vec::new();
    while pairs.len() < 4000 {
        let (mut a, mut b) = generator.pair(b"0012ab.+~9Z", b".+~-");
        for v in [&mut a, &mut b] {
            match generator.below(12) {
                0 => *v = format!("{}:{v}", generator.below(3)),
                1 => v.push_str("-1"),
                2 => v.push_str("-0ubuntu0.1"),
                3 => v.push('.'),
                _ => {}
            }
        }
        // dpkg refuses a version that does not start with a digit or whose revision is empty.
        let valid = |v: &str| {
            let rest = v.split_once(':').map_or(v, |(_, rest)| rest);
            rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.ends_with('-')
        };
        if valid(&a) && valid(&b) {
            pairs.push((a, b));
        }
    }
    let input: String = pairs.iter().map(|(a, b)| format!("{a} {b}\n")).collect();
    let script = "while read -r a b; do \
        if dpkg --compare-versions \"$a\" lt \"$b\"; then echo -1; \
        elif dpkg --compare-versions \"$a\" eq \"$b\"; then echo 0; \
        elif dpkg --compare-versions \"$a\" gt \"$b\"; then echo 1; else echo refused; fi; done";
    check(Family::Apt, &pairs, &ask("sh", &["-c", script], &input));
}

#[test]
fn rpm_orders_twenty_thousand_generated_pairs_the_same_way() {
    let mut generator = Generator(2);
    let mut pairs = Vec::new();
    while pairs.len() < 20_000 {
        let (a, b) = generator.pair(b"0012ab._+~^9Z", b"._+~^");
        let release = |g: &mut Generator| format!("{}.el{}", g.below(3) + 1, g.below(2) + 8);
        let with = |g: &mut Generator, v: String| {
            let release = release(g);
            if g.below(6) == 0 { format!("{}:{v}-{release}", g.below(3)) } else { format!("{v}-{release}") }
        };
        let (a, b) = if generator.below(2) == 0 {
            let tail = release(&mut generator);
            (format!("{a}-{tail}"), format!("{b}-{tail}"))
        } else {
            (with(&mut generator, a), with(&mut generator, b))
        };
        pairs.push((a, b));
    }
    let input: String = pairs.iter().map(|(a, b)| format!("{a} {b}\n")).collect();
    // rpm's Lua reads the pairs from its standard input: one process for all of them.
    let script = "%{lua: for l in io.lines('/dev/stdin') do local a, b = l:match('(%S+) (%S+)') \
                  print(rpm.vercmp(a, b) .. '\\n') end}";
    let answers = ask("rpm", &["--eval", script], &input);
    let answers: String = answers.lines().filter(|l| !l.is_empty()).map(|l| format!("{l}\n")).collect();
    check(Family::Rpm, &pairs, &answers);
}
