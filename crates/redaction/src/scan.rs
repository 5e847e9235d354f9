//! Finds the matches in a stretch of text, and how far that stretch is decided.

use crate::class::Runs;
use crate::kind::Kind;
use crate::literals::{Hit, Literals, Owner};
use crate::pattern::{PATTERNS, Verdict, View};
use crate::redactor::Redactor;
use crate::tail::Tail;
use crate::unwrapped::Unwrapped;

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
pub(crate) fn scan(redactor: &Redactor, view: &View<'_>) -> Findings {
    let literals = redactor.literals();
    let mut settled = if view.complete { view.text.len() } else { literals.unfinished(view.text) };
    let mut runs = Runs::new(view.text);
    let mut matches = Vec::new();
    if let Some(unwrapped) = Unwrapped::of(view.text, view.before[1]) {
        let wrapped = redactor.wrapped();
        matches = broken_over_lines(wrapped, &unwrapped);
        if !view.complete {
            settled = settled.min(unwrapped.place(wrapped.unfinished(&unwrapped.bytes)));
        }
    }
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

/// What is found without line breaks and not with them.
fn broken_over_lines(wrapped: &Literals, unwrapped: &Unwrapped) -> Vec<Match> {
    let hits = wrapped.hits(&unwrapped.bytes).into_iter();
    let found = hits.filter_map(|hit| {
        let at = unwrapped.place(hit.at);
        let to = unwrapped.place(hit.at + hit.length - 1) + 1;
        (to - at > hit.length).then_some(Match { at, from: at, to, kind: Kind::Known, tail: None })
    });
    found.collect()
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
