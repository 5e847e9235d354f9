//! Writes text with its covered runs replaced, and carries what is still open over to the next stretch.

use crate::kind::Counts;
use crate::scan::{Findings, Match};
use crate::tail::{Step, Tail};

/// What earlier matches still cover.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cover {
    /// Matches whose covered part begins after what has been written, since their prefix stays readable.
    waiting: Vec<Match>,
    /// Bytes before this index are covered.
    to: usize,
    /// Matches that go on; each covers from its index.
    tails: Vec<(usize, Tail)>,
    /// Whether the marker of the current covered run has been written.
    open: bool,
}

impl Cover {
    /// Writes the settled part of `text` to `output`. Indexes then count from the end of that part.
    pub(crate) fn write(
        &mut self,
        text: &[u8],
        findings: Findings,
        output: &mut Vec<u8>,
        counts: &mut Counts,
    ) {
        let settled = findings.settled;
        let mut matches = std::mem::take(&mut self.waiting);
        matches.extend(findings.matches);
        matches.sort_by_key(|found| (found.from, found.kind));
        let mut matches = matches.into_iter().peekable();
        let mut position = 0;
        while position < settled {
            let mut kind = None;
            while let Some(found) = matches.next_if(|found| found.from == position) {
                kind.get_or_insert(found.kind);
                self.begin(&found);
            }
            let next = matches.peek().map_or(settled, |found| found.from.min(settled));
            let (end, covered) = self.stretch(text, position, next);
            if !covered {
                output.extend_from_slice(&text[position..end]);
            } else if let (false, Some(kind)) = (self.open, kind) {
                output.extend_from_slice(kind.marker().as_bytes());
                counts.add(kind);
            }
            self.open = covered;
            position = end;
        }
        self.waiting = matches.collect();
        self.rebase(settled);
    }

    fn begin(&mut self, found: &Match) {
        self.to = self.to.max(found.to);
        if let Some(tail) = found.tail {
            self.add_tail(found.to, tail);
        }
    }

    /// Equal tails cover the same bytes, so that few are ever alive.
    fn add_tail(&mut self, from: usize, tail: Tail) {
        if !self.tails.contains(&(from, tail)) {
            self.tails.push((from, tail));
        }
    }

    /// Returns the end of the stretch from `position`, `next` at most, that is covered or not as a whole.
    fn stretch(&mut self, text: &[u8], position: usize, next: usize) -> (usize, bool) {
        if self.tails.is_empty() {
            return if position < self.to { (self.to.min(next), true) } else { (next, false) };
        }
        let covered = self.step(position, text[position]);
        (position + 1, covered || position < self.to)
    }

    /// Moves all tails over one byte; says whether one of them covers it.
    fn step(&mut self, position: usize, byte: u8) -> bool {
        let mut covered = false;
        for (from, tail) in std::mem::take(&mut self.tails) {
            if from > position {
                self.add_tail(from, tail);
                continue;
            }
            match tail.step(byte) {
                Step::Covered(tail) => {
                    covered = true;
                    self.add_tail(position + 1, tail);
                }
                Step::Last => covered = true,
                Step::Outside => {}
            }
        }
        covered
    }

    fn rebase(&mut self, settled: usize) {
        self.to = self.to.saturating_sub(settled);
        for (from, _) in &mut self.tails {
            *from = from.saturating_sub(settled);
        }
        for found in &mut self.waiting {
            found.from -= settled;
            found.to -= settled;
        }
    }
}
