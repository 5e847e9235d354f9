//! The fourth step: carries out a plan, object by object, each for itself.

use std::sync::Arc;

use ambient_crds::codes::Code;
use ambient_crds::finding::Finding;
use ambient_crds::kinds::CarriedKind;
use ambient_crds::labels::field_managers;
use ambient_kit::retry::classify;
use ambient_kit::{ErrorClass, FieldManager};
use futures::StreamExt as _;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, Preconditions, ValidationDirective};
use kube::core::Status;
use tokio::sync::Semaphore;

use super::plan::{Plan, Write};
use super::provenance::Provenance;
use super::wanted::Tracking;
use crate::live::watch::resource;
use crate::live::{LiveIndex, LiveObject};

/// Requests of one source under way at a time.
const AT_ONCE: usize = 8;

/// Where and how a plan is carried out.
pub(crate) struct Applier<'a> {
    /// Acts with the rights of the source.
    pub(crate) client: &'a Client,
    /// The marks on the objects.
    pub(crate) tracking: &'a Tracking,
    /// The commits to write along.
    pub(crate) provenance: &'a Provenance,
    /// Learns what was written before the watch tells.
    pub(crate) live: &'a LiveIndex,
    /// Shared by all sources: none can take the API server for itself.
    pub(crate) requests: &'a Semaphore,
    /// Tells that a newer commit waits: what is left of this plan is out of date.
    pub(crate) is_outdated: &'a (dyn Fn() -> bool + Sync),
}

/// What came of a plan.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Objects that are now as Git says.
    pub(crate) written: Vec<Write>,
    /// Objects that are not.
    pub(crate) failed: Vec<Failed>,
    /// Objects whose deletion was accepted.
    pub(crate) deleted: usize,
    /// Deletions that were refused: when to try again, and why.
    pub(crate) undeleted: Vec<(ErrorClass, String)>,
    /// Whether some of it was left undone because a newer commit waits.
    pub(crate) cut_short: bool,
}

/// A write that was refused.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The write.
    pub(crate) write: Write,
    /// When to try again.
    pub(crate) class: ErrorClass,
    /// Where and why; none where something awaited is not there yet.
    pub(crate) finding: Option<Finding>,
}

impl Applier<'_> {
    /// Carries out a plan: objects in the order of kinds, then deletions backwards.
    pub(crate) async fn apply(&self, plan: &Plan) -> Done {
        let Plan { create, update, delete, hold: _, deferred: _, findings: _, tally: _ } = plan;
        let mut done = Done::default();
        for kind in CarriedKind::ALL {
            let of_kind = create.iter().chain(update).filter(|write| write.wanted.kind() == *kind);
            self.write_all(of_kind.cloned().collect(), &mut done).await;
        }
        for kind in CarriedKind::ALL.iter().rev() {
            let of_kind = delete.iter().filter(|live| live.kind == *kind);
            self.delete_all(of_kind.cloned().collect(), &mut done).await;
        }
        done
    }

    async fn write_all(&self, writes: Vec<Write>, done: &mut Done) {
        let results = futures::stream::iter(writes).map(|write| async {
            if (self.is_outdated)() {
                return None;
            }
            let result = self.write(&write).await;
            Some((write, result))
        });
        let mut results = std::pin::pin!(results.buffer_unordered(AT_ONCE));
        while let Some(result) = results.next().await {
            match result {
                None => done.cut_short = true,
                Some((write, Ok(()))) => done.written.push(write),
                Some((write, Err((class, finding)))) => done.failed.push(Failed { write, class, finding }),
            }
        }
    }

    async fn write(&self, write: &Write) -> Result<(), (ErrorClass, Option<Finding>)> {
        let guest = FieldManager::guest(field_managers::SYNC);
        let error = match self.send(write, guest).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let error = match &error {
            kube::Error::Api(status) if may_force(write, status) => {
                match self.send(write, FieldManager::owner(field_managers::SYNC)).await {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                }
            }
            _ => error,
        };
        Err(explain(write, &error))
    }

    async fn send(&self, write: &Write, manager: FieldManager) -> Result<(), kube::Error> {
        let wanted = &write.wanted;
        let mut parameters = manager.params();
        parameters.field_validation = Some(ValidationDirective::Strict);
        let mut body = wanted.stamped(self.tracking, &self.provenance.commit(write));
        if let Some(live) = &write.live {
            // An update must not make an object anew that has gone meanwhile: whether it may come back is another question.
            body["metadata"]["uid"] = live.uid.as_str().into();
        }
        let api = self.api(wanted.kind(), wanted.namespace());
        let _permit = self.requests.acquire().await;
        let object = api.patch(&wanted.identity().object.name, &parameters, &Patch::Apply(&body)).await?;
        if let Some(object) = LiveObject::read(wanted.kind(), object) {
            self.live.observe(object);
        }
        Ok(())
    }

    async fn delete_all(&self, objects: Vec<Arc<LiveObject>>, done: &mut Done) {
        let results = futures::stream::iter(objects).map(|live| async {
            if (self.is_outdated)() {
                return None;
            }
            Some((self.delete(&live).await, live))
        });
        let mut results = std::pin::pin!(results.buffer_unordered(AT_ONCE));
        while let Some(result) = results.next().await {
            match result {
                None => done.cut_short = true,
                Some((Ok(()), _)) => done.deleted += 1,
                Some((Err(error), live)) => {
                    let message = format!("{} could not be deleted: {error}", live.identity);
                    done.undeleted.push((classify(&error), message));
                }
            }
        }
    }

    /// Deletes exactly the version that was judged: one that has changed is judged again when the watch shows it.
    pub(crate) async fn delete(&self, live: &LiveObject) -> Result<(), kube::Error> {
        let name = &live.identity.object;
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(live.uid.clone()),
                resource_version: Some(live.resource_version.clone()),
            }),
            ..DeleteParams::background()
        };
        let _permit = self.requests.acquire().await;
        match self.api(live.kind, name.namespace.as_deref()).delete(&name.name, &parameters).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn api(&self, kind: CarriedKind, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource(kind)),
            None => Api::all_with(self.client.clone(), &resource(kind)),
        }
    }
}

/// Whether fields may be taken back: we applied the object before, and nobody who took them uses server-side apply.
fn may_force(write: &Write, status: &Status) -> bool {
    let Some(live) = &write.live else { return false };
    let managers = conflicting_managers(status);
    !managers.is_empty()
        && live.was_applied_by_sync()
        && !managers.iter().any(|manager| live.is_applied_by(manager) || says_apply(status, manager))
}

/// The managers that a conflict names: the API server writes `conflict with "<manager>" using <version>`.
fn conflicting_managers(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let conflicts = causes.filter(|cause| cause.reason == "FieldManagerConflict");
    let mut managers: Vec<String> =
        conflicts.filter_map(|cause| cause.message.split('"').nth(1)).map(str::to_owned).collect();
    managers.sort_unstable();
    managers.dedup();
    managers
}

/// For a manager that updates, the API server adds `using <version> at <time>`; for one that applies it does not.
fn says_apply(status: &Status, manager: &str) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let named = format!("\"{manager}\"");
    causes
        .filter(|cause| cause.message.contains(&named))
        .any(|cause| !cause.message.contains(" using ") && !cause.message.contains(" at "))
}

fn explain(write: &Write, error: &kube::Error) -> (ErrorClass, Option<Finding>) {
    let class = classify(error);
    let identity = write.wanted.identity();
    let document = &write.wanted.document;
    let kube::Error::Api(status) = error else {
        let message = format!("{identity} could not be applied: {error}");
        return (ErrorClass::Outside, Some(document.finding("metadata.name", Code::ApplyRefused, message)));
    };
    let managers = conflicting_managers(status);
    if !managers.is_empty() {
        let fields: Vec<&str> = causes(status).map(|cause| cause.field.as_str()).take(5).collect();
        let message = format!(
            "{identity}: {} of the object belong to {}; remove them here, or there",
            fields.join(", "),
            managers.join(", ")
        );
        let path = fields.first().copied().unwrap_or("metadata.name");
        return (ErrorClass::Outside, Some(document.finding(path, Code::FieldConflict, message)));
    }
    if class == ErrorClass::NotYet {
        return (class, None);
    }
    let path = causes(status).map(|cause| cause.field.as_str()).find(|field| !field.is_empty());
    let message = format!("the API server refused {identity}: {}", status.message);
    (class, Some(document.finding(path.unwrap_or("metadata.name"), Code::ApplyRefused, message)))
}

fn causes(status: &Status) -> impl Iterator<Item = &kube::core::response::StatusCause> {
    status.details.iter().flat_map(|details| &details.causes)
}
