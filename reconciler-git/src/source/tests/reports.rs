//! What the status says, and when it says nothing.

use ambient_crds::GitSourceStatus;
use ambient_crds::conditions::Reason;
use ambient_crds::git_source::SourceError;
use ambient_kit::conditions::find;
use jiff::Timestamp;

use crate::source::guards::Pending;
use crate::source::plan::Tally;
use crate::source::report::{Outcome, Stage, status};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn stage(commit: &str) -> Stage {
    Stage { commit: Some(commit.to_owned()), ..Stage::default() }
}

fn applied(commit: &str) -> Outcome {
    Outcome {
        fetched: stage(commit),
        validated: stage(commit),
        applied: stage(commit),
        total: 1,
        tally: Tally { ready: 1, ..Tally::default() },
        ..Outcome::default()
    }
}

fn first() -> GitSourceStatus {
    status(&GitSourceStatus::default(), 1, &applied(A), &|_, _| false, at(10)).unwrap()
}

#[test]
fn the_same_is_not_said_twice_and_a_commit_that_moves_nothing_is_no_news() {
    assert_eq!(status(&first(), 1, &applied(A), &|_, _| false, at(20)), None);
    assert_eq!(status(&first(), 1, &applied(B), &|_, _| true, at(20)), None);
    let news = status(&first(), 1, &applied(B), &|_, _| false, at(20)).unwrap();
    assert_eq!(news.applied.unwrap().commit.as_deref(), Some(B));
    assert_eq!(news.history.len(), 2);
    // With other news, the newest commit is named as well.
    let mut other = applied(B);
    other.tally.ready = 0;
    let news = status(&first(), 1, &other, &|_, _| true, at(20)).unwrap();
    assert_eq!(news.fetched.unwrap().commit.as_deref(), Some(B));
    assert_eq!(status(&first(), 2, &applied(A), &|_, _| false, at(20)).unwrap().observed_generation, Some(2));
}

#[test]
fn ready_names_the_first_thing_that_is_wrong() {
    let problem = |reason: Reason| Some((reason, "why".to_owned()));
    let pending =
        Pending { digest: "d".into(), reason: Reason::PruneLimit, message: "m".into(), objects: vec![] };
    for (outcome, ready, held) in [
        (applied(A), "Succeeded", "NotNeeded"),
        (
            Outcome { fetched: Stage { problem: problem(Reason::FetchFailed), ..stage(A) }, ..applied(A) },
            "FetchFailed",
            "NotNeeded",
        ),
        (
            Outcome {
                validated: Stage { problem: problem(Reason::DocumentsRefused), ..stage(A) },
                ..applied(A)
            },
            "DocumentsRefused",
            "NotNeeded",
        ),
        (
            Outcome { applied: Stage { problem: problem(Reason::Deferred), ..stage(A) }, ..applied(A) },
            "Deferred",
            "NotNeeded",
        ),
        (Outcome { pending: Some((None, pending)), ..applied(A) }, "PruneLimit", "PruneLimit"),
        (Outcome { kept: Some("x".into()), ..applied(A) }, "Succeeded", "DocumentsRefused"),
    ] {
        let status = status(&GitSourceStatus::default(), 1, &outcome, &|_, _| false, at(1)).unwrap();
        let reason = |kind: &str| find(&status.conditions, kind).unwrap().reason.clone();
        assert_eq!((reason("Ready").as_str(), reason("Held").as_str()), (ready, held));
    }
}

#[test]
fn a_suspended_source_keeps_what_it_said_of_its_stages() {
    let outcome = Outcome::halted(Reason::Suspended, "resting");
    let status = status(&first(), 1, &outcome, &|_, _| false, at(20)).unwrap();
    assert_eq!((status.applied, status.objects, status.history.len()), (first().applied, first().objects, 1));
    assert_eq!(find(&status.conditions, "Ready").unwrap().reason, "Suspended");
}

#[test]
fn a_status_is_bounded_whatever_goes_wrong() {
    let error = SourceError {
        file: Some("f".repeat(5000)),
        line: Some(i32::MAX),
        column: Some(i32::MAX),
        code: Some("AMB1402".into()),
        message: "m".repeat(5000),
    };
    let errors: Vec<_> = (0..10_000).map(|_| error.clone().bounded()).collect();
    let bad = || Stage {
        errors: errors.clone(),
        problem: Some((Reason::ApplyFailed, "p".repeat(9000))),
        ..stage(A)
    };
    let objects = (0..10_000).map(|count| format!("ConfigMap {}/{count}", "o".repeat(400))).collect();
    let pending = Pending {
        digest: "sha256:".to_owned() + &"d".repeat(64),
        reason: Reason::PruneLimit,
        message: "m".repeat(9000),
        objects,
    };
    let outcome = Outcome {
        fetched: bad(),
        validated: bad(),
        applied: bad(),
        total: usize::MAX,
        pending: Some((Some(A.into()), pending)),
        kept: Some("k".repeat(9000)),
        ..Outcome::default()
    };
    let mut said = GitSourceStatus::default();
    for second in 0..50 {
        let commit = format!("{second:040x}");
        let next = Outcome { applied: Stage { commit: Some(commit), ..bad() }, ..applied(A) };
        said = status(&said, 1, &next, &|_, _| false, at(second)).unwrap();
    }
    let said = status(&said, 1, &outcome, &|_, _| false, at(99)).unwrap();
    let size = serde_json::to_vec(&said).unwrap().len();
    assert!(size <= 32 * 1024, "{size} bytes");
    assert_eq!(said.pending_prune.unwrap().count, 10_000);
}
