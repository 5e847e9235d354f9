//! Runs that sleep, and what wakes them.

use super::*;

/// What a case wants and alters, and the phase, reason and action that follow.
type Sleeper = (&'static str, Value, fn(&mut Observed<'_>), (Phase, &'static str, &'static str));

fn sleeping(change: impl FnOnce(&mut Observed<'_>), spec: Value) -> SessionPlan {
    let status = json!({"run": 1, "attempt": 1, "phase": "Running"});
    with(spec, status, |observed| {
        observed.ledger = claimed_ours();
        observed.pinned = observed.candidate.clone().unwrap();
        observed.slept = Slept::attempts([1]);
        change(observed);
    })
}

#[test]
fn a_run_that_sleeps_waits_until_it_is_woken() {
    let wake = |attempt: i32| json!({"wake": {"run": 1, "attempt": attempt}});
    let attempts = |observed: &mut Observed<'_>| observed.slept = Slept::attempts([1, 2]);
    let cases: [Sleeper; 9] = [
        ("nothing is wanted", json!({}), |_| {}, (Phase::Pending, "Idle", "nothing")),
        ("woken", json!({"wake": {"run": 1}}), |_| {}, (Phase::Creating, "Creating", "start")),
        ("woken by number", wake(2), |_| {}, (Phase::Creating, "Creating", "start")),
        ("another run is", json!({"wake": {"run": 2}}), |_| {}, (Phase::Pending, "Idle", "nothing")),
        (
            "woken, and no slot is free",
            wake(2),
            |observed| observed.waiting = Some(Waiting::Slot("2 are before it".to_owned())),
            (Phase::Pending, "Queued", "look-again"),
        ),
        (
            "its last pod has not gone",
            wake(2),
            |observed| observed.leaving = true,
            (Phase::Pending, "Idle", "look-again"),
        ),
        (
            "stopped: a runner takes what is there",
            json!({"desiredPhase": "Stopped"}),
            |_| {},
            (Phase::Stopping, "Stopping", "start"),
        ),
        (
            "its Job is there yet, and its runner is let go",
            wake(2),
            |observed| {
                observed.attempt = attempt(ready());
                observed.progress.pursued = true;
            },
            (Phase::Pending, "Idle", "nothing"),
        ),
        (
            "its Job is there yet",
            json!({}),
            |observed| observed.attempt = attempt(ready()),
            (Phase::Pending, "Idle", "withdraw"),
        ),
    ];
    for (name, spec, change, expected) in cases {
        assert_eq!(words(&sleeping(change, spec)), expected, "{name}");
    }
    let again = |spec: Value| {
        with(spec, json!({"run": 1, "attempt": 2, "phase": "Running"}), |observed| {
            observed.ledger = claimed_ours();
            observed.pinned = observed.candidate.clone().unwrap();
            attempts(observed);
        })
    };
    assert_eq!(words(&again(wake(2))), (Phase::Pending, "Idle", "nothing"), "that was the time before");
    let third = again(wake(3));
    assert!(matches!(third.action, Action::Start { attempt: 3, .. }), "{third:?}");
}

#[test]
fn a_woken_run_that_is_stopped_waits_for_its_runner_and_one_that_is_lost_has_its_retries() {
    let second = |pod: PodState| Some(AttemptState { number: 2, ..attempt(pod).unwrap() });
    let starting = PodState::Starting { reason: String::new(), message: String::new() };
    let stopped =
        sleeping(|observed| observed.attempt = second(starting), json!({"desiredPhase": "Stopped"}));
    assert_eq!(stopped.phase, Phase::Stopping);
    assert_ne!(stopped.action.name(), "conclude", "what is in the workspace would be lost");
    for (limit, action) in [(0, "conclude"), (1, "start")] {
        let over = PodState::Ended { reason: "Error".to_owned(), message: "exit code 3".to_owned() };
        let lost = sleeping(
            |observed| {
                observed.attempt = second(over);
                observed.progress.claim = ClaimState::Acknowledged;
            },
            json!({"retry": {"limit": limit}}),
        );
        assert_eq!(lost.action.name(), action, "the attempt that slept is none that failed");
    }
}
