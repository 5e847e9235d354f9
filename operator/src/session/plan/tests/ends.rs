//! What has ended, until its object may go.

use super::*;

/// After a restart nothing is known but the status, and the pod does not answer the first probe.
#[test]
fn what_has_ended_stays_so_until_it_is_recorded() {
    let unready = || PodState::Unready { address: "10.0.0.1".to_owned() };
    let starting = || PodState::Starting { reason: String::new(), message: String::new() };
    let wishes =
        [json!({}), json!({"desiredPhase": "Stopped"}), json!({"stop": {"run": 1}}), json!({"timeout": 1})];
    for phase in ["Completed", "Failed", "Stopped"] {
        for spec in &wishes {
            for (pod, action) in [(unready(), "pursue"), (ready(), "pursue"), (starting(), "nothing")] {
                let status = json!({"run": 1, "attempt": 1, "phase": phase, "startTime": "2026-11-21T09:00:00Z",
                    "conditions": [{"type": "ResultRecorded", "status": "False", "reason": "PushFailed", "message": "",
                        "lastTransitionTime": "2026-11-21T10:00:00Z"}]});
                let plan = with(spec.clone(), status, |moment| {
                    moment.ledger = claimed_ours();
                    moment.pinned = moment.candidate.clone().unwrap();
                    moment.attempt = attempt(pod.clone());
                });
                let told = (plan.phase.as_str(), plan.action.name());
                assert_eq!(told, (phase, action), "{phase}, {spec}, {pod:?}");
                assert!(!matches!(plan.action, Action::Pursue { stop: Some(_), .. }), "{plan:?}");
            }
        }
    }
}

#[test]
fn a_result_that_cannot_be_recorded_is_given_up_when_a_person_says_so() {
    let plan = |stop: Value| {
        with(json!({"stop": stop}), json!({"run": 1, "attempt": 1, "phase": "Completed"}), |moment| {
            moment.ledger = claimed_ours();
            moment.pinned = moment.candidate.clone().unwrap();
            moment.attempt = attempt(ready());
            moment.progress = Progress {
                claim: ClaimState::Acknowledged,
                outcome: Some(outcome(ExitReason::Completed)),
                ..Progress::default()
            };
        })
    };
    assert_eq!(words(&plan(json!({"run": 1}))), (Phase::Completed, "Completed", "pursue"));
    let given_up = plan(json!({"run": 1, "reason": "abandon"}));
    assert_eq!(words(&given_up), (Phase::Completed, "Abandoned", "conclude"));
}

#[test]
fn a_deleted_session_goes_when_its_run_is_settled() {
    let deleting = |change: fn(&mut Observed<'_>)| {
        let mut session = session(&json!({}), &json!({"run": 1, "attempt": 1, "phase": "Running"}));
        session.metadata.deletion_timestamp = serde_json::from_value(json!("2026-11-21T10:00:00Z")).unwrap();
        let candidate = effective(&session);
        let mut observed = Observed {
            session: &session,
            run: current_run(&session),
            project: ProjectState::Ready,
            ledger: claimed_ours(),
            pinned: Some(candidate.clone()),
            candidate: Ok(Some(candidate)),
            attempt: attempt(ready()),
            leaving: false,
            slept: Slept::default(),
            has_volume: false,
            loss: None,
            progress: Progress {
                claim: ClaimState::Acknowledged,
                started_at: Some("2026-11-21T10:00:10Z".parse().unwrap()),
                ..Progress::default()
            },
            waiting: None,
            namespace_terminating: false,
            has_broker: false,
            now: "2026-11-21T10:00:55Z".parse().unwrap(),
        };
        change(&mut observed);
        plan(&observed)
    };
    let cancelled = deleting(|_| {});
    assert!(
        matches!(cancelled.action, Action::Pursue { stop: Some(StopCause::Wanted), .. }),
        "{cancelled:?}"
    );
    assert_eq!(cancelled.phase, Phase::Stopping);
    let recorded = deleting(|moment| {
        moment.progress.recorded = Some(Box::new(Recorded { ending: ending(), commit: "abc".to_owned() }));
    });
    assert_eq!(recorded.action, Action::Release);
    assert_eq!(deleting(|moment| moment.namespace_terminating = true).action, Action::Release, "rule 17");
    let never_ran = deleting(|moment| {
        moment.attempt = None;
        moment.ledger = LedgerView::Absent;
    });
    assert_eq!(never_ran.action, Action::Release);
}
