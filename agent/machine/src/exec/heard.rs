//! What a child said: kept up to a bound, and cut into lines for whoever looks on.

use super::{Output, Stream};

/// Longest line that is passed on whole; the rest of a longer line is dropped: 64 KiB.
pub(super) const LINE_CAP: usize = 64 << 10;

/// Collects the output of one child.
pub(super) struct Heard<F> {
    pub(super) out: Output,
    cap: usize,
    stdout: Line,
    stderr: Line,
    /// `None`: nobody looks on, and cutting package indexes of 50 MB into lines is for nothing.
    on_line: Option<F>,
}

#[derive(Default)]
struct Line {
    begun: Vec<u8>,
    /// The stream has passed its cap: a later, shorter piece would stand where it does not belong.
    full: bool,
}

impl<F: FnMut(Stream, &[u8])> Heard<F> {
    pub(super) fn new(cap: usize, on_line: Option<F>) -> Self {
        let out = Output { code: 0, stdout: Vec::new(), stderr: Vec::new(), truncated: false };
        Self { out, cap, stdout: Line::default(), stderr: Line::default(), on_line }
    }

    /// Takes the next piece of a stream.
    pub(super) fn take(&mut self, stream: Stream, piece: &[u8]) {
        let (kept, line) = match stream {
            Stream::Stdout => (&mut self.out.stdout, &mut self.stdout),
            Stream::Stderr => (&mut self.out.stderr, &mut self.stderr),
        };
        if !line.full {
            let room = self.cap.saturating_sub(kept.len());
            kept.extend_from_slice(piece.get(..room).unwrap_or(piece));
            line.full = piece.len() > room;
            self.out.truncated |= line.full;
        }
        let Some(on_line) = &mut self.on_line else { return };
        for part in piece.split_inclusive(|b| *b == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE_CAP.saturating_sub(line.begun.len());
            line.begun.extend_from_slice(text.get(..room).unwrap_or(text));
            if text.len() < part.len() {
                on_line(stream, &line.begun);
                line.begun.clear();
            }
        }
    }

    /// Nothing comes any more: shows what has no line end.
    pub(super) fn finish(mut self) -> Output {
        if let Some(on_line) = &mut self.on_line {
            for (stream, line) in [(Stream::Stdout, &self.stdout), (Stream::Stderr, &self.stderr)] {
                if !line.begun.is_empty() {
                    on_line(stream, &line.begun);
                }
            }
        }
        self.out
    }
}
