//! Checks documents: from text that was read to objects that may be applied.
//!
//! The steps are which object it is, whether its source may hold it, whether the schema allows it, and what no schema
//! can say. Each stops the document where going on would only repeat itself. Sync, `validate` and the operator's writer
//! share this; checks of typed specs are shared with the operator, which also meets objects that did not come from Git.

mod across;
mod deprecated;
mod git_names;
mod identity;
mod place;
mod problem;
mod project;
mod schedule;
mod schema;
mod session;
mod source;
mod spelling;
mod workflow;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::finding::{Finding, Place};
use crate::identity::ObjectIdentity;
use crate::kinds::CarriedKind;
use crate::manifest::Document;

pub use across::{across, duplicates};
pub use deprecated::{DeprecatedField, in_use as deprecated_fields_in_use};
pub use place::Scope;
pub use problem::Problem;
pub use project::{project_problems, settings_problems};
pub use schedule::schedule_problems;
pub use session::{latch_problems, session_problems};
pub use source::source_problems;
pub use workflow::workflow_problems;

/// An object that may be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedObject {
    /// Its kind.
    pub kind: CarriedKind,
    /// What it is.
    pub identity: ObjectIdentity,
    /// The manifest, with its namespace filled in.
    pub value: Value,
    /// The digest of the document it was read from.
    pub digest: String,
    /// Where it begins.
    pub place: Place,
}

/// What came of checking a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The object; absent if there is an error.
    pub object: Option<CheckedObject>,
    /// What the document describes, where that much is known: a document that is refused still counts as desired.
    pub identity: Option<ObjectIdentity>,
    /// Errors and warnings.
    pub findings: Vec<Finding>,
}

/// Checks one document of a source with this scope.
pub fn check(document: &Document, scope: &Scope) -> Verdict {
    let identified = match identity::identify(document) {
        Ok(identified) => identified,
        Err(findings) => return Verdict { findings, ..Verdict::default() },
    };
    let (namespace, misplaced) = place::check(&identified, scope);
    let identity = identified.identity(namespace);
    let mut problems = identified.problems;
    problems.extend(misplaced);
    let stops = !problems.is_empty();
    let value = with_namespace(&document.value, identity.object.namespace.as_deref());
    if !stops {
        problems.extend(content(identified.kind, &value));
    }
    let mut findings: Vec<Finding> = problems.iter().map(|problem| problem.at(document)).collect();
    findings.sort_by(|one, other| one.place.cmp(&other.place));
    let refused = findings.iter().any(Finding::is_error);
    let object = (!refused).then(|| CheckedObject {
        kind: identified.kind,
        identity: identity.clone(),
        value,
        digest: document.digest.clone(),
        place: document.place(),
    });
    Verdict { object, identity: Some(identity), findings }
}

/// The problems of an object whose identity is known: schema first, then what no schema can say.
fn content(kind: CarriedKind, value: &Value) -> Vec<Problem> {
    let mut problems = schema::check(kind, value);
    if problems.is_empty() {
        problems.extend(beyond_schema(kind, value));
    }
    problems.extend(without_effect(kind, value));
    problems
}

/// Warnings about fields of a session's spec that have no effect.
fn without_effect(kind: CarriedKind, value: &Value) -> Vec<Problem> {
    let problems = |spec: &Value| deprecated::in_use_by(spec).into_iter().map(DeprecatedField::problem);
    match kind {
        CarriedKind::AgenticSession => problems(&value["spec"]).collect(),
        CarriedKind::ScheduledSession => {
            problems(&value["spec"]["template"]).map(|problem| schedule::within_template(&problem)).collect()
        }
        _ => Vec::new(),
    }
}

fn beyond_schema(kind: CarriedKind, value: &Value) -> Vec<Problem> {
    match kind {
        CarriedKind::AgenticSession => typed(value, |session: &crate::AgenticSession| {
            let mut problems = latch_problems(&session.spec);
            problems.extend(session_problems(&session.spec));
            problems
        }),
        CarriedKind::GitSource => typed(value, |source: &crate::GitSource| source_problems(&source.spec)),
        CarriedKind::Project => typed(value, |project: &crate::Project| project_problems(&project.spec)),
        CarriedKind::ProjectSettings => {
            typed(value, |settings: &crate::ProjectSettings| settings_problems(&settings.spec))
        }
        CarriedKind::ScheduledSession => {
            typed(value, |schedule: &crate::ScheduledSession| schedule_problems(&schedule.spec))
        }
        CarriedKind::RfeWorkflow => {
            typed(value, |workflow: &crate::RFEWorkflow| workflow_problems(&workflow.spec))
        }
        CarriedKind::ConfigMap => Vec::new(),
    }
}

/// Reads a value as its type. The schema has been checked, so a failure here is a value that the type is stricter
/// about.
fn typed<Kind: serde::de::DeserializeOwned>(
    value: &Value,
    check: impl Fn(&Kind) -> Vec<Problem>,
) -> Vec<Problem> {
    match serde_json::from_value(without_nulls(value)) {
        Ok(object) => check(&object),
        Err(error) => vec![Problem::new("", crate::codes::Code::InvalidValue, error.to_string())],
    }
}

/// `null` is the same as absent, as for the API server, which drops it where a field is not nullable.
pub(crate) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, inner)| !inner.is_null());
            kept.map(|(key, inner)| (key.clone(), without_nulls(inner))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        scalar => scalar.clone(),
    }
}

fn with_namespace(value: &Value, namespace: Option<&str>) -> Value {
    let mut value = value.clone();
    if let (Some(namespace), Some(metadata)) = (namespace, value["metadata"].as_object_mut()) {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    value
}
