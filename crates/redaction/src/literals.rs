//! The fixed byte strings to search for, in one automaton: forms of known values and prefixes of tokens.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::pattern::PATTERNS;

/// Above this many bytes of literals the automaton is built for size, below for speed.
const FAST_UP_TO: usize = 16 * 1024;

/// The literals, searchable in both directions: where they stand in a text, and whether a text ends inside one.
pub(crate) struct Literals {
    automaton: AhoCorasick,
    owners: Vec<Owner>,
    sorted: Vec<Vec<u8>>,
    first_bytes: [bool; 256],
    longest: usize,
}

/// What a literal belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A known value.
    Known,
    /// The pattern of [`PATTERNS`] at this index.
    Pattern(usize),
}

/// A literal found in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) at: usize,
    pub(crate) length: usize,
    pub(crate) owner: Owner,
}

impl Literals {
    /// Forms of known values, and the prefixes of tokens.
    pub(crate) fn new(forms: BTreeSet<Vec<u8>>) -> Self {
        let prefixes = PATTERNS.iter().enumerate().flat_map(|(index, pattern)| {
            pattern.prefixes.iter().map(move |prefix| (prefix.as_bytes().to_vec(), Owner::Pattern(index)))
        });
        Self::of(known(forms).chain(prefixes))
    }

    /// Forms of known values alone.
    pub(crate) fn of_known(forms: BTreeSet<Vec<u8>>) -> Self {
        Self::of(known(forms))
    }

    fn of(literals: impl Iterator<Item = (Vec<u8>, Owner)>) -> Self {
        let (mut sorted, owners): (Vec<_>, Vec<_>) = literals.unzip();
        let automaton = build(&sorted);
        sorted.sort();
        sorted.dedup();
        let mut first_bytes = [false; 256];
        for first in sorted.iter().filter_map(|literal| literal.first()) {
            first_bytes[usize::from(*first)] = true;
        }
        let longest = sorted.iter().map(Vec::len).max().unwrap_or(0);
        Self { automaton, owners, sorted, first_bytes, longest }
    }

    /// The length of the longest literal.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Lists every literal that stands in the text, also overlapping ones, by place.
    pub(crate) fn hits(&self, text: &[u8]) -> Vec<Hit> {
        let found = self.automaton.find_overlapping_iter(text);
        let mut hits: Vec<Hit> = found
            .map(|hit| Hit {
                at: hit.start(),
                length: hit.len(),
                owner: self.owners[hit.pattern().as_usize()],
            })
            .collect();
        hits.sort_by_key(|hit| hit.at);
        hits
    }

    /// Returns where the longest end of the text begins that is the beginning of a literal and not yet all of it; the
    /// length of the text if there is none.
    pub(crate) fn unfinished(&self, text: &[u8]) -> usize {
        let earliest = text.len().saturating_sub(self.longest.saturating_sub(1));
        (earliest..text.len()).find(|start| self.is_beginning(&text[*start..])).unwrap_or(text.len())
    }

    fn is_beginning(&self, end: &[u8]) -> bool {
        let Some(first) = end.first() else { return false };
        if !self.first_bytes[usize::from(*first)] {
            return false;
        }
        let after = self.sorted.partition_point(|literal| literal.as_slice() <= end);
        self.sorted.get(after).is_some_and(|literal| literal.starts_with(end))
    }
}

fn known(forms: BTreeSet<Vec<u8>>) -> impl Iterator<Item = (Vec<u8>, Owner)> {
    forms.into_iter().map(|form| (form, Owner::Known))
}

fn build(literals: &[Vec<u8>]) -> AhoCorasick {
    let size: usize = literals.iter().map(Vec::len).sum();
    let kind = if size <= FAST_UP_TO { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
    AhoCorasick::builder()
        .kind(Some(kind))
        .match_kind(MatchKind::Standard)
        .build(literals)
        .expect("literals have a bounded length, and fewer than 2^31 states in all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_literals_are_seen_at_the_end() {
        let literals = Literals::new(BTreeSet::from([b"hunter2-hunter2".to_vec(), b"hunter2-".to_vec()]));
        for (text, kept) in [
            ("say hunter2-hunter", "hunter2-hunter"),
            ("say hunter2-", "hunter2-"),
            ("say hunter2-hunter2", "hunter2"),
            ("say hunter2-h!", ""),
            ("see http", ""),
            ("say hunter2-hunter2.", ""),
            ("see http:/", ":/"),
            ("", ""),
            ("a Bear", "Bear"),
            ("gith", "gith"),
            ("moon", ""),
        ] {
            assert_eq!(&text[literals.unfinished(text.as_bytes())..], kept, "{text}");
        }
    }
}
