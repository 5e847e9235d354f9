//! What the sync keeps of an object in the cluster: enough to tell whether it is as Git says, and whose it is.

use std::collections::BTreeMap;

use ambient_crds::kinds::CarriedKind;
use ambient_crds::labels::{OBJECT_IDENTITY, SOURCE_NAME, SOURCE_PATH, SOURCE_UID, field_managers};
use ambient_crds::names::{ObjectIdentity, ObjectName};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::DynamicObject;
use serde_json::Value;

use super::health::Health;

/// An object as the watch last showed it, without its status and without what managers own in detail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveObject {
    /// Its kind.
    pub(crate) kind: CarriedKind,
    /// What it is.
    pub(crate) identity: ObjectIdentity,
    /// The UID of this incarnation.
    pub(crate) uid: String,
    /// The version that was seen.
    pub(crate) resource_version: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its annotations.
    pub(crate) annotations: BTreeMap<String, String>,
    /// `spec`, `data` and whatever else a manifest may hold.
    pub(crate) content: Value,
    /// Who wrote it, the newest last.
    pub(crate) writers: Vec<Writer>,
    /// Whether it is being deleted.
    pub(crate) deleting: bool,
    /// Whether it is well.
    pub(crate) health: Health,
}

/// A manager of fields other than the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Writer {
    /// Its name.
    pub(crate) name: String,
    /// Whether it uses server-side apply.
    pub(crate) applies: bool,
}

impl LiveObject {
    /// Reads an object of this kind; none if it lacks what every stored object has.
    pub(crate) fn read(kind: CarriedKind, object: DynamicObject) -> Option<Self> {
        let health = Health::of(kind, &object.data);
        let metadata = object.metadata;
        let mut content = object.data;
        content.as_object_mut()?.remove("status");
        Some(Self {
            kind,
            identity: ObjectIdentity {
                group: kind.group().to_owned(),
                kind: kind.as_str().to_owned(),
                object: ObjectName { namespace: metadata.namespace, name: metadata.name? },
            },
            uid: metadata.uid?,
            resource_version: metadata.resource_version?,
            labels: metadata.labels.unwrap_or_default(),
            annotations: metadata.annotations.unwrap_or_default(),
            content,
            writers: writers(metadata.managed_fields.unwrap_or_default()),
            deleting: metadata.deletion_timestamp.is_some(),
            health,
        })
    }

    /// The UID of the source that its tracking label names.
    pub(crate) fn source_uid(&self) -> Option<&str> {
        self.labels.get(SOURCE_UID).map(String::as_str)
    }

    /// Whether its tracking labels name this source and this very object: a copy under another name is not tracked.
    pub(crate) fn is_tracked_by(&self, source_uid: &str) -> bool {
        self.source_uid() == Some(source_uid) && self.is_no_copy()
    }

    /// Whether the identity label is that of this object.
    pub(crate) fn is_no_copy(&self) -> bool {
        self.labels.get(OBJECT_IDENTITY) == Some(&self.identity.digest())
    }

    /// Whether the sync has applied it and still owns some of its fields.
    pub(crate) fn was_applied_by_sync(&self) -> bool {
        self.writers.iter().any(|writer| writer.applies && writer.name == field_managers::SYNC)
    }

    /// Whether this manager uses server-side apply on it.
    pub(crate) fn is_applied_by(&self, manager: &str) -> bool {
        self.writers.iter().any(|writer| writer.applies && writer.name == manager)
    }

    /// Who wrote last, the sync itself left out.
    pub(crate) fn last_other_writer(&self) -> Option<&str> {
        let other = self.writers.iter().rev().find(|writer| writer.name != field_managers::SYNC);
        other.map(|writer| writer.name.as_str())
    }

    /// The file it was last recorded in.
    pub(crate) fn recorded_file(&self) -> Option<&str> {
        self.annotations.get(SOURCE_PATH).map(String::as_str)
    }

    /// `namespace/name` of the source that applied it, for messages.
    pub(crate) fn source_name(&self) -> &str {
        self.annotations.get(SOURCE_NAME).map_or("(unknown)", String::as_str)
    }

    /// Whether the two say the same to the sync, whatever else has moved.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let Self {
            kind: _,
            identity: _,
            uid,
            resource_version: _,
            labels,
            annotations,
            content,
            writers,
            deleting,
            health,
        } = self;
        *uid == other.uid
            && *labels == other.labels
            && *annotations == other.annotations
            && *content == other.content
            && *writers == other.writers
            && *deleting == other.deleting
            && *health == other.health
    }

    /// Whether this version is newer than another one. Versions are numbers that grow, as Kubernetes 1.35 promises; one
    /// that is no number counts as newer.
    pub(crate) fn is_newer_than(&self, resource_version: &str) -> bool {
        let number = |version: &str| version.parse::<u64>().ok();
        match (number(&self.resource_version), number(resource_version)) {
            (Some(this), Some(other)) => this > other,
            _ => true,
        }
    }
}

/// The writers, the newest last. Managers of the status say nothing about what Git holds.
fn writers(mut entries: Vec<ManagedFieldsEntry>) -> Vec<Writer> {
    entries.retain(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty());
    entries.sort_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    let mut writers: Vec<Writer> = Vec::with_capacity(entries.len());
    for entry in entries {
        let applies = entry.operation.as_deref() == Some("Apply");
        writers.push(Writer { name: entry.manager.unwrap_or_default(), applies });
    }
    writers
}
