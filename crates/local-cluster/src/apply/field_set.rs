//! Sets of fields, and their form in `managedFields` (`FieldsV1`).

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

/// One step of a path in its written form: `f:name` a field, `k:{...}` an item by its keys, `v:...` an item
/// of a set. The written form orders as Kubernetes orders the steps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(String);

impl Step {
    /// A field of an object.
    pub(crate) fn field(name: &str) -> Self {
        Self(format!("f:{name}"))
    }

    /// An item of a list, by the values of its key fields.
    pub(crate) fn key(keys: Map<String, Value>) -> Self {
        Self(format!("k:{}", Value::Object(keys)))
    }

    /// An item of a set.
    pub(crate) fn value(value: &Value) -> Self {
        Self(format!("v:{value}"))
    }

    /// The name of the field, if it is one.
    pub(crate) fn field_name(&self) -> Option<&str> {
        self.0.strip_prefix("f:")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.field_name() {
            return write!(formatter, ".{name}");
        }
        if let Some(value) = self.0.strip_prefix("v:") {
            return write!(formatter, "[={value}]");
        }
        let keys = self.0.strip_prefix("k:").unwrap_or(&self.0);
        match serde_json::from_str::<Map<String, Value>>(keys) {
            Ok(keys) => {
                let shown: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(formatter, "[{}]", shown.join(","))
            }
            Err(_) => formatter.write_str(keys),
        }
    }
}

/// A set of fields, as a tree of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSet(BTreeMap<Step, Node>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    /// Whether the path that ends here is in the set.
    member: bool,
    below: FieldSet,
}

impl FieldSet {
    /// Adds the path.
    pub(crate) fn insert(&mut self, path: &[Step]) {
        let Some((first, rest)) = path.split_first() else { return };
        let node = self.0.entry(first.clone()).or_default();
        if rest.is_empty() {
            node.member = true;
        } else {
            node.below.insert(rest);
        }
    }

    /// Whether nothing is in the set.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the path of one step is in the set.
    pub(crate) fn has(&self, step: &Step) -> bool {
        self.0.get(step).is_some_and(|node| node.member)
    }

    /// What is in the set below a step.
    pub(crate) fn below(&self, step: &Step) -> Option<&Self> {
        self.0.get(step).map(|node| &node.below).filter(|below| !below.is_empty())
    }

    /// Paths in this set or the other.
    #[must_use]
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut result = self.clone();
        for (step, node) in &other.0 {
            let found = result.0.entry(step.clone()).or_default();
            found.member |= node.member;
            found.below = found.below.union(&node.below);
        }
        result
    }

    /// Paths in this set and not in the other.
    #[must_use]
    pub(crate) fn difference(&self, other: &Self) -> Self {
        self.combine(other, |here, there| here && !there, Self::difference, true)
    }

    /// Paths in both sets.
    #[must_use]
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |here, there| here && there, Self::intersection, false)
    }

    /// The set without everything at and below a field.
    #[must_use]
    pub(crate) fn without(&self, field: &str) -> Self {
        let mut result = self.clone();
        result.0.remove(&Step::field(field));
        result
    }

    /// Only what is at and below a field.
    #[must_use]
    pub(crate) fn only(&self, field: &str) -> Self {
        let step = Step::field(field);
        Self(self.0.get(&step).map(|node| (step, node.clone())).into_iter().collect())
    }

    /// Adds the paths of fields for which `declared` is true and that have something below.
    ///
    /// `declared` is asked with the path of a field from this set's root.
    pub(crate) fn with_named_fields(&self, declared: &dyn Fn(&[Step]) -> bool) -> Self {
        self.with_named_fields_at(&mut Vec::new(), declared)
    }

    fn with_named_fields_at(&self, path: &mut Vec<Step>, declared: &dyn Fn(&[Step]) -> bool) -> Self {
        let nodes = self.0.iter().map(|(step, node)| {
            path.push(step.clone());
            let named = !node.below.is_empty() && step.field_name().is_some() && declared(path);
            let below = node.below.with_named_fields_at(path, declared);
            path.pop();
            (step.clone(), Node { member: node.member || named, below })
        });
        Self(nodes.collect())
    }

    /// Every path, parents before what is below them.
    pub(crate) fn paths(&self) -> Vec<Vec<Step>> {
        let mut paths = Vec::new();
        self.collect_paths(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect_paths(&self, at: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
        for (step, _) in self.0.iter().filter(|(_, node)| node.member) {
            paths.push(at.iter().chain([step]).cloned().collect());
        }
        for (step, node) in &self.0 {
            at.push(step.clone());
            node.below.collect_paths(at, paths);
            at.pop();
        }
    }

    fn combine(
        &self,
        other: &Self,
        member: fn(bool, bool) -> bool,
        below: fn(&Self, &Self) -> Self,
        keeps_unmatched: bool,
    ) -> Self {
        let mut result = BTreeMap::new();
        for (step, node) in &self.0 {
            let combined = match other.0.get(step) {
                Some(found) => Node {
                    member: member(node.member, found.member),
                    below: below(&node.below, &found.below),
                },
                None if keeps_unmatched => node.clone(),
                None => continue,
            };
            if combined.member || !combined.below.is_empty() {
                result.insert(step.clone(), combined);
            }
        }
        Self(result)
    }

    /// The form in `managedFields[].fieldsV1`.
    pub(crate) fn to_json(&self) -> Value {
        let nodes = self.0.iter().map(|(step, node)| {
            let mut below = node.below.to_json();
            if node.member && !node.below.is_empty() {
                below["."] = Value::Object(Map::new());
            }
            (step.0.clone(), below)
        });
        Value::Object(nodes.collect())
    }

    /// Reads the form in `managedFields[].fieldsV1`.
    pub(crate) fn from_json(value: &Value) -> Self {
        let nodes =
            value.as_object().into_iter().flatten().filter(|(step, _)| *step != ".").map(|(step, below)| {
                let member =
                    below.as_object().is_none_or(|fields| fields.is_empty() || fields.contains_key("."));
                (Step(normalized(step)), Node { member, below: Self::from_json(below) })
            });
        Self(nodes.collect())
    }
}

/// Keys may come with other spacing or order than we write them with.
fn normalized(step: &str) -> String {
    let rewrite = |prefix: &str| {
        let text = step.strip_prefix(prefix)?;
        let value: Value = serde_json::from_str(text).ok()?;
        Some(format!("{prefix}{value}"))
    };
    rewrite("k:").or_else(|| rewrite("v:")).unwrap_or_else(|| step.to_owned())
}

/// A path as people read it: `.spec.containers[name="main"].image`.
pub(crate) fn show(path: &[Step]) -> String {
    path.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sets_survive_their_written_form() {
        let written = json!({
            "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
            "f:spec": { "f:list": { "k:{\"name\":\"x\",\"port\":1}": { ".": {}, "f:name": {} }, "v:\"s\"": {} } },
        });
        let set = FieldSet::from_json(&written);
        assert_eq!(set.to_json(), written);
        let shown: Vec<String> = set.paths().iter().map(|path| show(path)).collect();
        let mut sorted = shown.clone();
        sorted.sort();
        assert_eq!(
            sorted,
            [
                ".metadata.labels",
                ".metadata.labels.a",
                ".spec.list[=\"s\"]",
                ".spec.list[name=\"x\",port=1]",
                ".spec.list[name=\"x\",port=1].name",
            ]
        );
    }

    #[test]
    fn set_algebra() {
        let set = |value| FieldSet::from_json(&value);
        let a = set(json!({ "f:x": {}, "f:y": { ".": {}, "f:z": {} } }));
        let b = set(json!({ "f:y": {}, "f:w": {} }));
        assert_eq!(a.difference(&b), set(json!({ "f:x": {}, "f:y": { "f:z": {} } })));
        assert_eq!(a.intersection(&b), set(json!({ "f:y": {} })));
        assert_eq!(a.union(&b), set(json!({ "f:x": {}, "f:y": { ".": {}, "f:z": {} }, "f:w": {} })));
        assert_eq!(a.without("y"), set(json!({ "f:x": {} })));
        assert_eq!(a.only("x"), set(json!({ "f:x": {} })));
    }
}
