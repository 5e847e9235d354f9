use serde_json::{Value, json};

use super::{super::pod::TRACKING, *};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn job(spec: &Value, status: &Value) -> Job {
    let mut spec = spec.clone();
    spec["template"] = json!({});
    let metadata = json!({ "name": "j", "namespace": "n", "uid": "u" });
    serde_json::from_value(json!({ "metadata": metadata, "spec": spec, "status": status })).unwrap()
}

/// A pod in a phase; `Going` is one that runs and is being deleted. Failed ones ended at second 100.
fn pod(name: &str, phase: &str) -> Pod {
    let going = phase == "Going";
    let end = json!({ "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "terminated": { "exitCode": 1, "finishedAt": "1970-01-01T00:01:40Z" } } });
    serde_json::from_value(json!({
        "metadata": {
            "name": name, "uid": name, "finalizers": [TRACKING],
            "deletionTimestamp": going.then_some("1970-01-01T00:01:40Z"),
        },
        "status": { "phase": if going { "Running" } else { phase }, "containerStatuses": if phase == "Failed" { json!([end]) } else { json!([]) } },
    }))
    .unwrap()
}

/// Number of pods made, names of pods deleted, and the Job's conditions that hold, with their reasons.
fn decided(spec: &Value, status: &Value, pods: &[(&str, &str)], second: i64) -> (usize, String, String) {
    let pods: Vec<Pod> = pods.iter().map(|(name, phase)| pod(name, phase)).collect();
    let plan = plan(&job(spec, status), &pods, at(second));
    let status = plan.status.unwrap_or_default();
    let holds = status.conditions.iter().flatten().filter(|one| one.status == "True");
    let words: Vec<String> =
        holds.map(|one| format!("{}:{}", one.type_, one.reason.as_deref().unwrap_or_default())).collect();
    (plan.create, plan.delete.join(" "), words.join(" "))
}

#[test]
fn pods_are_made_until_enough_have_succeeded() {
    let once = json!({ "completions": 1, "parallelism": 1, "backoffLimit": 0 });
    let many = json!({ "completions": 3, "parallelism": 2, "backoffLimit": 1 });
    let queue = json!({ "parallelism": 2 });
    for (name, spec, pods, expected) in [
        ("new", &once, vec![], (1, "", "")),
        ("running", &once, vec![("a", "Running")], (0, "", "")),
        ("succeeded", &once, vec![("a", "Succeeded")], (0, "", "SuccessCriteriaMet:CompletionsReached")),
        ("failed", &once, vec![("a", "Failed")], (0, "", "FailureTarget:BackoffLimitExceeded")),
        ("deleted by somebody", &once, vec![("a", "Going")], (0, "", "FailureTarget:BackoffLimitExceeded")),
        ("two at once", &many, vec![], (2, "", "")),
        ("one is left to make", &many, vec![("a", "Succeeded"), ("b", "Running")], (1, "", "")),
        ("the last one", &many, vec![("a", "Succeeded"), ("b", "Succeeded"), ("c", "Running")], (0, "", "")),
        ("too many", &many, vec![("a", "Running"), ("b", "Running"), ("c", "Running")], (0, "c", "")),
        ("a queue", &queue, vec![], (2, "", "")),
        ("a queue that is done", &queue, vec![("a", "Succeeded"), ("b", "Running")], (0, "", "")),
        (
            "all of a queue",
            &queue,
            vec![("a", "Succeeded")],
            (0, "", "SuccessCriteriaMet:CompletionsReached"),
        ),
    ] {
        let expected = (expected.0, expected.1.to_owned(), expected.2.to_owned());
        assert_eq!(decided(spec, &Value::Null, &pods, 200), expected, "{name}");
    }
}

#[test]
fn failed_pods_are_followed_by_others_after_a_pause() {
    let spec = json!({ "completions": 1, "backoffLimit": 5 });
    let failed = [pod("a", "Failed")];
    let plan_at = |status: &Value, second| plan(&job(&spec, status), &failed, at(second));
    assert_eq!((plan_at(&Value::Null, 109).create, plan_at(&Value::Null, 109).wake_at), (0, Some(at(110))));
    assert_eq!(plan_at(&Value::Null, 110).create, 1);
    let before = json!({ "failed": 2, "startTime": "1970-01-01T00:00:00Z" });
    assert_eq!(plan_at(&before, 110).wake_at, Some(at(140)));
}

#[test]
fn a_deadline_ends_what_runs_and_then_the_job() {
    let spec = json!({ "completions": 1, "activeDeadlineSeconds": 10 });
    let started = json!({ "startTime": "1970-01-01T00:00:00Z" });
    assert_eq!(decided(&spec, &started, &[("a", "Running")], 9), (0, String::new(), String::new()));
    let early = plan(&job(&spec, &started), &[pod("a", "Running")], at(9));
    assert_eq!(early.wake_at, Some(at(10)));
    let target = "FailureTarget:DeadlineExceeded".to_owned();
    assert_eq!(decided(&spec, &started, &[("a", "Running")], 10), (0, "a".to_owned(), target));
    let announced = json!({
        "startTime": "1970-01-01T00:00:00Z",
        "conditions": [{ "type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "m" }],
    });
    let both = "FailureTarget:DeadlineExceeded Failed:DeadlineExceeded".to_owned();
    assert_eq!(decided(&spec, &announced, &[], 11), (0, String::new(), both));
}

#[test]
fn the_end_waits_until_every_pod_is_counted() {
    let spec = json!({ "completions": 1 });
    let mut status = Value::Null;
    let mut pods = vec![pod("a", "Succeeded")];
    let mut steps = Vec::new();
    for _ in 0..4 {
        let plan = plan(&job(&spec, &status), &pods, at(1));
        steps.push((plan.status.is_some(), plan.release.len()));
        status = plan.status.map_or(status, |status| json!(*status));
        if !plan.release.is_empty() {
            pods[0].metadata.finalizers = None;
        }
    }
    assert_eq!(steps, [(true, 0), (false, 1), (true, 0), (false, 0)]);
    assert_eq!(status["succeeded"], 1);
    assert_eq!(status["completionTime"], "1970-01-01T00:00:01Z");
    assert_eq!(status["conditions"][1]["type"], "Complete");
    assert_eq!(status["active"], Value::Null);
}

#[test]
fn a_suspended_job_has_no_pods_and_forgives_those_it_ends() {
    let spec = json!({ "completions": 1, "backoffLimit": 0, "suspend": true });
    let suspended = "Suspended:JobSuspended".to_owned();
    assert_eq!(decided(&spec, &Value::Null, &[], 1), (0, String::new(), suspended.clone()));
    let started = json!({ "startTime": "1970-01-01T00:00:00Z" });
    assert_eq!(decided(&spec, &started, &[("a", "Running")], 1), (0, "a".to_owned(), suspended.clone()));
    assert_eq!(decided(&spec, &started, &[("a", "Going")], 1), (0, String::new(), suspended));
    let was = json!({ "conditions": [{ "type": "Suspended", "status": "True" }] });
    let resumed = plan(&job(&json!({ "completions": 1 }), &was), &[], at(7));
    assert_eq!(resumed.create, 1);
    assert_eq!(resumed.status.unwrap().start_time, Some(Time(at(7))));
}

#[test]
fn an_ended_job_rests_and_goes_when_its_time_is_over() {
    let ended = json!({ "conditions": [
        { "type": "Failed", "status": "True", "lastTransitionTime": "1970-01-01T00:00:10Z" },
    ] });
    let spec = json!({ "completions": 1, "ttlSecondsAfterFinished": 5 });
    let at_second = |second| plan(&job(&spec, &ended), &[pod("a", "Succeeded")], at(second));
    let early = at_second(14);
    assert_eq!((early.create, early.remove_job, early.wake_at), (0, false, Some(at(15))));
    assert_eq!(early.release, ["a"]);
    assert!(at_second(15).remove_job);
    let forever = plan(&job(&json!({ "completions": 1 }), &ended), &[], at(99));
    assert_eq!((forever.create, forever.remove_job, forever.wake_at), (0, false, None));
}

#[test]
fn what_is_not_done_fails_by_name() {
    let spec = json!({ "completions": 1, "completionMode": "Indexed" });
    let words = "FailureTarget:Unsupported Failed:Unsupported".to_owned();
    assert_eq!(decided(&spec, &Value::Null, &[], 1), (0, String::new(), words));
    let managed = json!({ "completions": 1, "managedBy": "example.com/other" });
    assert_eq!(decided(&managed, &Value::Null, &[], 1), (0, String::new(), String::new()));
}
