//! Finds the matches in a stretch of text, and how far that stretch is decided.

use crate::class::Runs;
use crate::kind::Kind;
use crate::literals::{Hit, Literals, Owner};
use crate::pattern::{PATTERNS, Verdict, View};
use crate::tail::Tail;

/// A match: it covers `from..to`, and from `to` on what its tail says.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    /// Where it was recognised; before `from` when its prefix stays readable.
    at: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: Kind,
    pub(crate) tail: Option<Tail>,
}

/// What a stretch of text holds.
pub(crate) struct Findings {
    /// The matches recognised before `settled`. What they cover may begin later.
    pub(crate) matches: Vec<Match>,
    /// No match that is still open begins before this index. What comes from here on has to be scanned again, together
    /// with what follows.
    pub(crate) settled: usize,
}

/// Scans a stretch. All that is decided here is decided by the text alone, not by where the stretch ends.
pub(crate) fn scan(literals: &Literals, view: &View<'_>) -> Findings {
    let mut settled = if view.complete { view.text.len() } else { literals.unfinished(view.text) };
    let mut runs = Runs::new(view.text);
    let mut matches = Vec::new();
    for hit in literals.hits(view.text) {
        if hit.at >= settled {
            break;
        }
        match examine(hit, view, &mut runs) {
            (kind, Verdict::Token { from, to, tail }) => {
                matches.push(Match { at: hit.at, from, to, kind, tail });
            }
            (_, Verdict::Nothing) => {}
            (_, Verdict::Undecided) => settled = hit.at,
        }
    }
    matches.retain(|found| found.at < settled);
    Findings { matches, settled }
}

fn examine(hit: Hit, view: &View<'_>, runs: &mut Runs<'_>) -> (Kind, Verdict) {
    match hit.owner {
        Owner::Known => (Kind::Known, Verdict::Token { from: hit.at, to: hit.at + hit.length, tail: None }),
        Owner::Pattern(index) => {
            let pattern = &PATTERNS[index];
            (pattern.kind, pattern.examine(view, runs, hit.at, hit.length))
        }
    }
}
