//! What only shows across the objects of a source.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CheckedObject;
use crate::codes::Code;
use crate::finding::Finding;
use crate::identity::ObjectIdentity;
use crate::kinds::CarriedKind;

/// Objects that are described more than once: each further description is refused and names the first.
pub fn duplicates<'a>(objects: impl IntoIterator<Item = &'a CheckedObject>) -> Vec<Finding> {
    let mut first: BTreeMap<&ObjectIdentity, &CheckedObject> = BTreeMap::new();
    let mut findings = Vec::new();
    for object in objects {
        match first.get(&object.identity) {
            None => {
                first.insert(&object.identity, object);
            }
            Some(other) => {
                let message = format!("{} is also described at {}; remove one", object.identity, other.place);
                findings.push(Finding { place: object.place.clone(), code: Code::Duplicate, message });
            }
        }
    }
    findings
}

/// Everything that only shows across objects: duplicates, and sessions that wait for each other in a circle.
pub fn across<'a>(objects: impl IntoIterator<Item = &'a CheckedObject> + Clone) -> Vec<Finding> {
    let mut findings = duplicates(objects.clone());
    findings.extend(dependency_circles(objects));
    findings
}

/// A session's namespace and name.
type SessionKey<'a> = (&'a str, &'a str);

fn dependency_circles<'a>(objects: impl IntoIterator<Item = &'a CheckedObject>) -> Vec<Finding> {
    let sessions = objects.into_iter().filter(|object| object.kind == CarriedKind::AgenticSession);
    let by_name: BTreeMap<SessionKey<'_>, &CheckedObject> =
        sessions.filter_map(|object| Some((key(object)?, object))).collect();
    let mut findings = Vec::new();
    for (start, object) in &by_name {
        if let Some(way) = way_back(*start, &by_name) {
            let message = format!(
                "sessions wait for each other in a circle: {}; remove one of the dependencies",
                way.join(" -> ")
            );
            findings.push(Finding { place: object.place.clone(), code: Code::DependencyCircle, message });
        }
    }
    findings
}

fn key(object: &CheckedObject) -> Option<SessionKey<'_>> {
    Some((object.identity.object.namespace.as_deref()?, &object.identity.object.name))
}

fn dependencies(object: &CheckedObject) -> impl Iterator<Item = &str> {
    let listed = object.value.pointer("/spec/dependsOn").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|dependency| dependency["name"].as_str())
}

/// The way from a session along its dependencies back to it, if there is one; the shortest by number of steps.
fn way_back<'a>(
    start: SessionKey<'a>,
    by_name: &BTreeMap<SessionKey<'a>, &'a CheckedObject>,
) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = std::collections::VecDeque::from([start.1]);
    while let Some(name) = waiting.pop_front() {
        let Some(object) = by_name.get(&(start.0, name)).copied() else { continue };
        for next in dependencies(object) {
            if next == start.1 {
                return Some(way(start.1, name, &came_from));
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, name);
                waiting.push_back(next);
            }
        }
    }
    None
}

fn way<'a>(start: &'a str, last: &'a str, came_from: &BTreeMap<&'a str, &'a str>) -> Vec<&'a str> {
    let mut steps = vec![start, last];
    let mut at = last;
    while at != start {
        let Some(before) = came_from.get(at) else { break };
        steps.push(before);
        at = before;
    }
    if last == start {
        steps.truncate(2);
    }
    steps.reverse();
    steps
}
