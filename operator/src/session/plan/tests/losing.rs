//! Attempts that left no outcome.

use super::super::super::remains::Loss;
use super::*;

fn loss(attempt: u32) -> Option<Loss> {
    let at = "2026-11-21T10:00:00Z".parse().unwrap();
    Some(Loss {
        attempt,
        phase: EndPhase::Failed,
        reason: "Evicted".to_owned(),
        message: "no memory".to_owned(),
        at,
    })
}

fn ended() -> PodState {
    PodState::Ended { reason: "Evicted".to_owned(), message: "no memory".to_owned() }
}

/// A name, the attempt, what is altered, and the phase, reason and action that follow.
type Moment = (&'static str, u32, Box<dyn Fn(&mut Observed<'_>)>, (Phase, &'static str, &'static str));

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_loss_is_noted_then_what_was_left_is_taken() {
    let step = |number: u32, change: &dyn Fn(&mut Observed<'_>)| {
        with(json!({}), json!({"run": 1, "attempt": number, "phase": "Running"}), |moment| {
            moment.ledger = claimed_ours();
            moment.pinned = moment.candidate.clone().unwrap();
            moment.has_volume = true;
            moment.attempt = Some(AttemptState {
                number,
                job_name: String::new(),
                pod: ended(),
                is_going: false,
                is_unexplained: false,
            });
            moment.progress.claim = ClaimState::Acknowledged;
            change(moment);
        })
    };
    let cases: Vec<Moment> = vec![
        ("it is noted", 1, Box::new(|_| {}), (Phase::Stopping, "Evicted", "note-loss")),
        (
            "there is no volume",
            1,
            Box::new(|moment| moment.has_volume = false),
            (Phase::Failed, "Evicted", "conclude"),
        ),
        (
            "the namespace goes",
            1,
            Box::new(|moment| moment.namespace_terminating = true),
            (Phase::Failed, "Evicted", "conclude"),
        ),
        (
            "a runner is started",
            1,
            Box::new(|moment| moment.loss = loss(1)),
            (Phase::Stopping, "Evicted", "start"),
        ),
        (
            "an agent goes on without its runner",
            1,
            Box::new(|moment| {
                moment.loss = loss(1);
                moment.attempt.as_mut().unwrap().is_going = true;
            }),
            (Phase::Stopping, "Evicted", "withdraw"),
        ),
        (
            "its pod is still ending",
            1,
            Box::new(|moment| {
                moment.loss = loss(1);
                moment.attempt = None;
                moment.leaving = true;
            }),
            (Phase::Stopping, "Evicted", "look-again"),
        ),
        (
            "the runner serves",
            2,
            Box::new(|moment| {
                moment.loss = loss(1);
                moment.attempt.as_mut().unwrap().pod = ready();
            }),
            (Phase::Stopping, "Evicted", "pursue"),
        ),
        (
            "it has taken what there was",
            2,
            Box::new(|moment| {
                moment.loss = loss(1);
                moment.attempt.as_mut().unwrap().pod = ready();
                moment.progress.outcome =
                    Some(Box::new(Outcome { attempt: 2, ..*outcome(ExitReason::AgentLost) }));
            }),
            (Phase::Failed, "Evicted", "pursue"),
        ),
        (
            "it has found how the run had ended",
            2,
            Box::new(|moment| {
                moment.loss = loss(1);
                moment.attempt.as_mut().unwrap().pod = ready();
                moment.progress.outcome = Some(outcome(ExitReason::Completed));
            }),
            (Phase::Completed, "Completed", "pursue"),
        ),
        (
            "its end was told, and its runner went before all of it was recorded",
            1,
            Box::new(|moment| {
                moment.progress.outcome = Some(outcome(ExitReason::Completed));
                moment.progress.unserved = true;
            }),
            (Phase::Completed, "Completed", "note-loss"),
        ),
        (
            "all of it was read, and is on its way to the remote",
            1,
            Box::new(|moment| moment.progress.outcome = Some(outcome(ExitReason::Completed))),
            (Phase::Completed, "Completed", "nothing"),
        ),
        (
            "it is lost too",
            2,
            Box::new(|moment| moment.loss = loss(1)),
            (Phase::Failed, "Evicted", "conclude"),
        ),
    ];
    for (name, number, change, expected) in cases {
        assert_eq!(words(&step(number, &*change)), expected, "{name}");
    }
}

/// By a process that has seen nothing of it: with its Job, and without.
#[test]
fn an_end_that_the_status_tells_is_no_loss() {
    let condition = json!({"type": "Ready", "status": "False", "reason": "Stopped", "message": "drained",
        "lastTransitionTime": "2026-11-21T10:00:00Z"});
    let status = json!({"run": 1, "attempt": 1, "phase": "Stopped", "conditions": [condition]});
    let retry = json!({"retry": {"limit": 3}});
    for attempt in [None, attempt(ended())] {
        for (noted, action) in [(None, "note-loss"), (loss(1), "start")] {
            let plan = with(retry.clone(), status.clone(), |moment| {
                moment.ledger = claimed_ours();
                moment.pinned = moment.candidate.clone().unwrap();
                moment.has_volume = true;
                moment.attempt.clone_from(&attempt);
                moment.loss.clone_from(&noted);
            });
            assert_eq!((plan.phase, plan.action.name()), (Phase::Stopped, action));
            if let Action::NoteLoss(noted) = plan.action {
                assert_eq!((noted.phase, noted.reason.as_str()), (EndPhase::Stopped, "Stopped"));
            }
        }
    }
}
