//! All sessions of the cluster, kept by one watch with the backend's own account, and a bell that rings at a change.
//!
//! What is in here is never shown without a review in the asking user's name.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use ambient_crds::AgenticSession;
use futures::StreamExt as _;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Resource, ResourceExt as _};
use tokio_util::sync::CancellationToken;

type Guarded = DeserializeGuard<AgenticSession>;
type Objects = BTreeMap<(String, String), Arc<AgenticSession>>;

/// The shared view of all sessions.
#[derive(Default)]
pub(crate) struct SessionCache {
    objects: RwLock<Objects>,
    changes: tokio::sync::watch::Sender<Change>,
}

/// The state of the view: whether a first list was read, and how often it changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    ready: bool,
    count: u64,
}

impl SessionCache {
    /// Every session, by project and name.
    pub(crate) fn all(&self) -> Vec<Arc<AgenticSession>> {
        self.read().values().cloned().collect()
    }

    /// Whether a first list was read: before that the view is not empty but unknown.
    pub(crate) fn is_ready(&self) -> bool {
        self.changes.borrow().ready
    }

    /// A bell for one session, that rings for each change from now on.
    pub(crate) fn bell(&self, project: &str, name: &str) -> Bell {
        let changes = self.changes();
        let key = (project.to_owned(), name.to_owned());
        let version = self.version(&key);
        Bell { changes, key, version }
    }

    /// A bell for changes of any session from now on.
    pub(crate) fn changes(&self) -> tokio::sync::watch::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Keeps the view until `shutdown`.
    pub(crate) async fn run(&self, own: kube::Client, shutdown: &CancellationToken) {
        let sessions: Api<Guarded> = Api::all_with(own, &());
        let events = watch(sessions, watcher::Config::default()).default_backoff();
        let mut events = std::pin::pin!(events.take_until(shutdown.cancelled()));
        let mut listed = Objects::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => insert(&mut listed, object),
                Ok(Event::InitDone) => self.change(|objects| *objects = std::mem::take(&mut listed)),
                Ok(Event::Apply(object)) => self.change(|objects| insert(objects, object)),
                Ok(Event::Delete(object)) => self.change(|objects| {
                    objects.remove(&key(&object));
                }),
                Err(error) => tracing::warn!(%error, "sessions cannot be watched; trying again"),
            }
        }
    }

    fn change(&self, edit: impl FnOnce(&mut Objects)) {
        edit(&mut self.objects.write().unwrap_or_else(PoisonError::into_inner));
        self.changes
            .send_modify(|change| *change = Change { ready: true, count: change.count.wrapping_add(1) });
    }

    fn version(&self, key: &(String, String)) -> Option<String> {
        self.read().get(key).and_then(|session| session.metadata.resource_version.clone())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Objects> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rings when one session changes, appears or goes.
pub(crate) struct Bell {
    changes: tokio::sync::watch::Receiver<Change>,
    key: (String, String),
    version: Option<String>,
}

impl Bell {
    /// Waits for the next change. One that came since the last call is told at once.
    pub(crate) async fn rung(&mut self, sessions: &SessionCache) {
        loop {
            let version = sessions.version(&self.key);
            if version != self.version {
                self.version = version;
                return;
            }
            if self.changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

fn key<K: Resource>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// An object that cannot be read is left out and said so; its neighbours stay.
fn insert(objects: &mut Objects, object: Guarded) {
    let key = key(&object);
    match object.0 {
        Ok(session) => {
            objects.insert(key, Arc::new(session));
        }
        Err(error) => {
            tracing::warn!(session.project = key.0, session.name = key.1, %error, "a session cannot be read");
            objects.remove(&key);
        }
    }
}
