//! What waits for a person.

use std::collections::BTreeSet;
use std::sync::Arc;

use ambient_crds::GitSourceSpec;
use ambient_git::ObjectId;
use serde_json::{Value, json};

use super::world::{Given, cluster, git, map, planned, session, tracking, words};
use crate::source::choose::{Choice, Question, Revision, choose};
use crate::source::guards::{Approvals, Guards, Pending, Released, guard};
use crate::source::plan::Plan;

fn guards(spec: &Value) -> Guards {
    let mut full = json!({"url": "/r"});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    Guards::of(&serde_json::from_value::<GitSourceSpec>(full).unwrap())
}

fn files(names: &[&'static str]) -> Vec<(&'static str, String)> {
    names.iter().map(|name| (*name, map(name, "1"))).collect()
}

fn plan_of(wanted: &[&'static str], applied: &[&'static str]) -> Plan {
    planned(&git(&files(wanted)), &cluster("one", &files(applied), |_| {}), &Given::default())
}

fn judge(
    plan: &mut Plan,
    spec: &Value,
    approvals: Approvals<'_>,
    released: &mut Released,
) -> Option<Pending> {
    guard(plan, &guards(spec), &tracking("one"), approvals, released)
}

#[test]
fn limits_on_deletions() {
    for (spec, deletes, held) in [
        (json!({}), 3, false),
        (json!({"prune": {"maxObjects": 3}}), 3, false),
        (json!({"prune": {"maxObjects": 2}}), 3, true),
        (json!({"prune": {"maxObjects": 0}}), 1, true),
        (json!({"prune": {"maxPercent": 75}}), 3, false),
        (json!({"prune": {"maxPercent": 74}}), 3, true),
        (json!({"prune": {"maxPercent": 0}}), 0, false),
        (json!({"prune": {"maxObjects": 9, "maxPercent": 10}}), 1, true),
    ] {
        let applied = ["a", "b", "c", "d"];
        let mut plan = plan_of(&applied[deletes..], &applied);
        plan.create.extend(plan_of(&["new"], &[]).create);
        let pending = judge(&mut plan, &spec, Approvals::default(), &mut Released::default());
        assert_eq!(pending.is_some(), held, "{spec} {deletes}");
        assert_eq!(plan.delete.len(), if held { 0 } else { deletes });
        assert_eq!(plan.create.len(), 1, "the rest goes on");
    }
}

#[test]
fn a_held_plan_stays_held_when_the_limit_is_raised_and_goes_when_it_is_approved() {
    let (strict, loose) = (json!({"prune": {"maxObjects": 0}}), json!({}));
    let mut released = Released::default();
    let mut plan = plan_of(&["a"], &["a", "b", "c"]);
    let digest = judge(&mut plan, &strict, Approvals::default(), &mut released).unwrap().digest;

    let held = Approvals { held: Some(&digest), approved: None };
    let mut plan = plan_of(&["a"], &["a", "b", "c"]);
    assert_eq!(judge(&mut plan, &loose, held, &mut released).unwrap().digest, digest);
    let mut other = plan_of(&["a"], &["a", "b"]);
    assert_eq!(
        judge(&mut other, &loose, held, &mut released),
        None,
        "another plan is judged by the guards it finds"
    );

    let approved = Approvals { held: Some(&digest), approved: Some(&digest) };
    let mut plan = plan_of(&["a"], &["a", "b", "c"]);
    assert_eq!(judge(&mut plan, &strict, approved, &mut released), None);
    assert_eq!(words(&plan), ["delete b", "delete c"]);
    // Half of it done, its digest is another; it goes on all the same. What was not approved still waits.
    let mut rest = plan_of(&["a"], &["a", "c", "d"]);
    let pending = judge(&mut rest, &strict, approved, &mut released).unwrap();
    assert_eq!(pending.objects, ["ConfigMap demo/d"]);
    assert_eq!(words(&rest), ["delete c"]);
}

#[test]
fn an_approval_serves_once() {
    let strict = json!({"prune": {"maxObjects": 0}});
    let mut plan = plan_of(&[], &["a"]);
    let digest = judge(&mut plan, &strict, Approvals::default(), &mut Released::default()).unwrap().digest;
    let again = cluster("one", &files(&["a"]), |object| object["metadata"]["uid"] = "made-again".into());
    let mut plan = planned(&git(&[]), &again, &Given::default());
    let approved = Approvals { held: None, approved: Some(&digest) };
    assert!(judge(&mut plan, &strict, approved, &mut Released::default()).is_some());
}

#[test]
fn limits_on_starts() {
    let sessions = |runs: &[u32]| {
        let documents: Vec<String> =
            runs.iter().enumerate().map(|(index, run)| session(&format!("s{index}"), *run)).collect();
        vec![("s.yaml", documents.join("---\n"))]
    };
    for (before, after, most, held) in [
        (vec![], vec![1, 1], 2, false),
        (vec![], vec![1, 1], 1, true),
        (vec![1, 1], vec![2, 2], 1, true),
        (vec![2, 2], vec![1, 1], 0, false),
        (vec![1, 1], vec![1, 1], 0, false),
    ] {
        let live = cluster("one", &sessions(&before), |_| {});
        let mut plan = planned(&git(&sessions(&after)), &live, &Given::default());
        let spec = json!({"start": {"maxPerCommit": most}});
        let pending = judge(&mut plan, &spec, Approvals::default(), &mut Released::default());
        assert_eq!(pending.is_some(), held, "{before:?} {after:?} {most}");
        assert_eq!(pending.is_some_and(|pending| pending.reason.as_str() == "StartLimit"), held);
    }
}

/// The newest revision, with or without its folder.
fn revision(files: &[(&str, String)], folder: bool) -> Revision {
    let id: ObjectId = "1".repeat(40).parse().unwrap();
    Revision { commit: id, tree: folder.then_some(id), desired: Arc::new(git(files)) }
}

#[test]
fn what_comes_into_force() {
    let live: Vec<_> = cluster("one", &files(&["a", "b"]), |_| {}).into_iter().map(Arc::new).collect();
    let broken = [("x.yaml", "\tx: [".to_owned())];
    let id: ObjectId = "2".repeat(40).parse().unwrap();
    for (newest, folder, prune, lost, tracked, expected) in [
        (files(&["a"]), true, true, None, Some(&live[..]), "Take"),
        (files(&["a"]), true, true, Some(&id), Some(&live[..]), "HistoryRewritten"),
        (Vec::new(), true, true, None, Some(&live[..]), "PathEmptied"),
        (Vec::new(), false, true, None, Some(&live[..]), "PathNotFound"),
        (Vec::new(), true, true, None, Some(&[][..]), "Take"),
        (Vec::new(), true, false, None, Some(&live[..]), "Take"),
        (Vec::new(), true, true, None, None, "Wait"),
        (broken.to_vec(), true, true, None, Some(&live[..]), "Take"),
    ] {
        let spec = json!({"prune": {"enabled": prune}});
        let question = Question {
            tracking: &tracking("one"),
            guards: guards(&spec),
            lost,
            tracked,
            approvals: Approvals::default(),
        };
        let choice = match choose(&revision(&newest, folder), &question, &mut Released::default()) {
            Choice::Take => "Take".to_owned(),
            Choice::Wait => "Wait".to_owned(),
            Choice::Hold(pending) => pending.reason.to_string(),
        };
        assert_eq!(choice, expected, "{newest:?} {folder} {prune}");
    }
}

#[test]
fn an_approved_emptied_folder_stays_approved_while_its_objects_go() {
    let live: Vec<_> = cluster("one", &files(&["a", "b"]), |_| {}).into_iter().map(Arc::new).collect();
    let mut released = Released::default();
    let empty = revision(&[], true);
    let ask = |tracked, approved, released: &mut Released| {
        let question = Question {
            tracking: &tracking("one"),
            guards: guards(&json!({})),
            lost: None,
            tracked: Some(tracked),
            approvals: Approvals { approved, held: None },
        };
        choose(&empty, &question, released)
    };
    let Choice::Hold(pending) = ask(&live[..], None, &mut released) else { panic!("it is to wait") };
    assert_eq!(ask(&live[..], Some(&pending.digest), &mut released), Choice::Take);
    assert_eq!(ask(&live[1..], Some(&pending.digest), &mut released), Choice::Take);
    let names: BTreeSet<_> = pending.objects.into_iter().collect();
    assert_eq!(names.len(), 2);
}
