//! An object as Git wants it, and the marks by which the sync knows it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use ambient_crds::kinds::CarriedKind;
use ambient_crds::labels::{
    DOCUMENT_DIGEST, OBJECT_IDENTITY, SOURCE_COMMIT, SOURCE_NAME, SOURCE_PATH, SOURCE_UID,
};
use ambient_crds::manifest::Document;
use ambient_crds::names::{ObjectIdentity, RunNumber};
use ambient_crds::validation::CheckedObject;
use serde_json::{Map, Value, json};

/// An object that Git wants, from a document that passed all checks.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The object.
    pub(crate) checked: CheckedObject,
    /// Its document, to find the line of a field.
    pub(crate) document: Arc<Document>,
}

/// The source in whose name objects are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tracking {
    /// Its UID.
    pub(crate) uid: String,
    /// Its `namespace/name`.
    pub(crate) name: String,
}

impl Wanted {
    /// What it is.
    pub(crate) fn identity(&self) -> &ObjectIdentity {
        &self.checked.identity
    }

    /// Its kind.
    pub(crate) fn kind(&self) -> CarriedKind {
        self.checked.kind
    }

    /// The namespace it needs.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.checked.identity.object.namespace.as_deref()
    }

    /// The run that a session asks for; none for other kinds.
    pub(crate) fn run(&self) -> Option<RunNumber> {
        if self.kind() != CarriedKind::AgenticSession {
            return None;
        }
        let run = self.checked.value.pointer("/spec/run").and_then(Value::as_u64);
        let run = run.and_then(|run| u32::try_from(run).ok());
        Some(run.and_then(|run| RunNumber::try_from(run).ok()).unwrap_or_default())
    }

    /// The labels of the object: those of the manifest, and tracking.
    pub(crate) fn labels(&self, tracking: &Tracking) -> BTreeMap<String, String> {
        let mut labels = self.texts("labels");
        labels.insert(SOURCE_UID.to_owned(), tracking.uid.clone());
        labels.insert(OBJECT_IDENTITY.to_owned(), self.identity().digest());
        labels
    }

    /// The annotations that the object must have: those of the manifest, and provenance. The commit of the document is
    /// not among them: it is only written along with a change of the others.
    pub(crate) fn annotations(&self, tracking: &Tracking) -> BTreeMap<String, String> {
        let mut annotations = self.texts("annotations");
        annotations.insert(SOURCE_NAME.to_owned(), tracking.name.clone());
        annotations.insert(SOURCE_PATH.to_owned(), self.document.file().to_owned());
        annotations.insert(DOCUMENT_DIGEST.to_owned(), self.checked.digest.clone());
        annotations
    }

    /// The body of the apply request.
    pub(crate) fn stamped(&self, tracking: &Tracking, commit: &str) -> Value {
        let mut object: Map<String, Value> =
            self.content().map(|(key, value)| (key.clone(), value.clone())).collect();
        let name = &self.identity().object;
        let mut annotations = self.annotations(tracking);
        annotations.insert(SOURCE_COMMIT.to_owned(), commit.to_owned());
        let mut metadata =
            json!({"name": name.name, "labels": self.labels(tracking), "annotations": annotations});
        if let Some(namespace) = &name.namespace {
            metadata["namespace"] = namespace.as_str().into();
        }
        object.insert("apiVersion".to_owned(), self.kind().api_version().into());
        object.insert("kind".to_owned(), self.kind().as_str().into());
        object.insert("metadata".to_owned(), metadata);
        without_nulls(Value::Object(object))
    }

    /// The parts of the manifest besides type and metadata.
    pub(crate) fn content(&self) -> impl Iterator<Item = (&String, &Value)> {
        let fields = self.checked.value.as_object().into_iter().flatten();
        fields.filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata"))
    }

    fn texts(&self, part: &str) -> BTreeMap<String, String> {
        let entries = self.checked.value["metadata"][part].as_object().into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }
}

/// `null` means absent: the API server drops it, and so it must not become a field of ours.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, inner)| !inner.is_null());
            Value::Object(kept.map(|(key, inner)| (key, without_nulls(inner))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        scalar => scalar,
    }
}
