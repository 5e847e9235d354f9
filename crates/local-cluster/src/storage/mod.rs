//! Objects, their one growing version number, and the bounded history that watches read.
//!
//! All objects are in memory; a file storage writes each change to a journal before it is seen or
//! acknowledged ([`journal`]) and folds journals into one redb file in the background ([`database`]).

mod database;
mod history;
mod journal;

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use serde_json::Value;
use tokio::sync::watch;

pub(crate) use self::history::{Event, EventKind, Expired};
use self::{database::Persistence, history::History};
use crate::object;

/// Where an object is kept: its kind's `plural.group`, namespace ("" for cluster scope) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) resource: Arc<str>,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// One object at one version.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) revision: u64,
    pub(crate) value: Arc<Value>,
}

/// Objects of one kind as they were at `revision`, ordered by namespace and name.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) items: Vec<Stored>,
    pub(crate) revision: u64,
}

/// What a write decides about one object.
#[derive(Debug)]
pub(crate) enum Change {
    /// Nothing is written, no version is used.
    Keep,
    /// The object is made or replaced.
    Put(Value),
    /// The object goes; its last state as watchers see it.
    Remove(Value),
}

/// Storage failed; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The journal beside the database could not be read or written.
    #[error("journal {path}: {source}")]
    Journal {
        /// The journal's file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database could not be opened, read or written; another process may hold it.
    #[error("database {path}: {message}")]
    Database {
        /// The database's file.
        path: String,
        /// What redb said.
        message: String,
    },
}

/// An event with its kind's `plural.group`.
pub(crate) type KindEvent = (Arc<str>, Event);

type Objects = BTreeMap<(String, String), Stored>;

#[derive(Debug, Default)]
struct State {
    revision: u64,
    objects: HashMap<Arc<str>, Objects>,
    histories: HashMap<Arc<str>, History>,
}

/// The store of one cluster.
#[derive(Debug)]
pub(crate) struct Store {
    /// Held for the whole of a write, so that what a write read is still true when it commits.
    writer: Mutex<Option<Persistence>>,
    state: RwLock<State>,
    /// The newest version, for who follows every kind.
    changed: watch::Sender<u64>,
    /// Histories begin here: what came before is not known to watchers.
    opened_at: u64,
    history_limit: usize,
}

impl Store {
    /// An empty store that forgets everything with the process.
    pub(crate) fn in_memory(history_limit: usize) -> Self {
        // Version 0 has a meaning of its own in requests ("any"), so the first is 1.
        let state = State { revision: 1, ..State::default() };
        Self::with_state(state, None, history_limit)
    }

    /// Opens or makes the database at `path`, and replays what its journals hold beyond it.
    pub(crate) fn open(path: &Path, history_limit: usize) -> Result<Self, StoreError> {
        let (persistence, records, revision) = Persistence::open(path)?;
        let mut state = State { revision: revision.max(1), ..State::default() };
        for record in records {
            state.revision = state.revision.max(record.revision);
            state.set(&record.key(), record.value.map(|value| Stored::of(record.revision, value)));
        }
        Ok(Self::with_state(state, Some(persistence), history_limit))
    }

    fn with_state(state: State, persistence: Option<Persistence>, history_limit: usize) -> Self {
        let opened_at = state.revision;
        Self {
            writer: Mutex::new(persistence),
            changed: watch::Sender::new(opened_at),
            state: RwLock::new(state),
            opened_at,
            history_limit,
        }
    }

    /// The object at `key`.
    pub(crate) fn get(&self, key: &Key) -> Option<Stored> {
        let state = self.read();
        state.objects.get(&key.resource)?.get(&(key.namespace.clone(), key.name.clone())).cloned()
    }

    /// The newest version.
    pub(crate) fn revision(&self) -> u64 {
        self.read().revision
    }

    /// All objects of a kind, in one namespace if it is named.
    pub(crate) fn list(&self, resource: &str, namespace: Option<&str>) -> Listing {
        let state = self.read();
        let items = state
            .objects
            .get(resource)
            .map(|objects| in_namespace(objects, namespace).cloned().collect())
            .unwrap_or_default();
        Listing { items, revision: state.revision }
    }

    /// All objects of a kind as they were at an earlier version, as far as history reaches.
    pub(crate) fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Listing, Expired> {
        let state = self.read();
        let mut objects = state.objects.get(resource).cloned().unwrap_or_default();
        for event in state.events_after(resource, revision, self.opened_at)?.into_iter().rev() {
            let place = (object::namespace(&event.object).to_owned(), object::name(&event.object).to_owned());
            match event.previous {
                Some(previous) => objects.insert(place, previous),
                None => objects.remove(&place),
            };
        }
        let items = in_namespace(&objects, namespace).cloned().collect();
        Ok(Listing { items, revision })
    }

    /// Events of a kind after `revision`, and the version they lead up to.
    pub(crate) fn events_after(&self, resource: &str, revision: u64) -> Result<(Vec<Event>, u64), Expired> {
        let state = self.read();
        Ok((state.events_after(resource, revision, self.opened_at)?, state.revision))
    }

    /// Events of all kinds after `revision`, each with its kind's `plural.group`, and the version they lead to.
    pub(crate) fn changes_after(&self, revision: u64) -> Result<(Vec<KindEvent>, u64), Expired> {
        let state = self.read();
        let mut changes = Vec::new();
        for (resource, history) in &state.histories {
            changes.extend(history.after(revision)?.into_iter().map(|event| (resource.clone(), event)));
        }
        changes.sort_by_key(|(_, event)| event.revision);
        Ok((changes, state.revision))
    }

    /// A receiver that changes whenever any object does.
    pub(crate) fn subscribe_all(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A receiver that changes whenever an object of the kind does.
    pub(crate) fn subscribe(&self, resource: &Arc<str>) -> watch::Receiver<u64> {
        let mut state = self.write();
        let opened_at = self.opened_at;
        state.histories.entry(resource.clone()).or_insert_with(|| History::new(opened_at)).subscribe()
    }

    /// Forgets all history: watches and lists from earlier versions are refused as expired.
    pub(crate) fn compact(&self) {
        let mut state = self.write();
        let revision = state.revision;
        for history in state.histories.values_mut() {
            history.compact(revision);
        }
    }

    /// Decides on and makes one write; no other write happens between `decide`'s reads and the commit.
    ///
    /// Returns the object as written (for a removal: its last state), or the current one when kept.
    pub(crate) fn commit<E: From<StoreError>>(
        &self,
        key: &Key,
        decide: impl FnOnce(Option<&Stored>) -> Result<Change, E>,
    ) -> Result<Option<Stored>, E> {
        let mut writer = self.lock_writer();
        let current = self.get(key);
        let (mut value, removes) = match decide(current.as_ref())? {
            Change::Keep => return Ok(current),
            Change::Put(value) => (value, false),
            Change::Remove(value) => (value, true),
        };
        let revision = self.revision() + 1;
        object::set_meta(&mut value, "resourceVersion", Some(revision.to_string().into()));
        let stored = Stored::of(revision, value);
        if let Some(persistence) = writer.as_mut() {
            persistence.append(key, revision, (!removes).then(|| stored.value.clone()))?;
        }
        self.publish(key, current, &stored, removes);
        Ok(Some(stored))
    }

    fn publish(&self, key: &Key, previous: Option<Stored>, stored: &Stored, removes: bool) {
        let kind = match (&previous, removes) {
            (_, true) => EventKind::Deleted,
            (None, false) => EventKind::Added,
            (Some(_), false) => EventKind::Modified,
        };
        let event = Event { revision: stored.revision, kind, object: stored.value.clone(), previous };
        let mut state = self.write();
        state.revision = stored.revision;
        state.set(key, (!removes).then(|| stored.clone()));
        let (opened_at, limit) = (self.opened_at, self.history_limit);
        let history = state.histories.entry(key.resource.clone()).or_insert_with(|| History::new(opened_at));
        history.push(event, limit);
        drop(state);
        self.changed.send_replace(stored.revision);
    }

    // A panic while a lock is held cannot leave half a change: changes are made by single assignments.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_writer(&self) -> MutexGuard<'_, Option<Persistence>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn of(revision: u64, value: Value) -> Self {
        Self { revision, value: Arc::new(value) }
    }
}

impl State {
    fn set(&mut self, key: &Key, stored: Option<Stored>) {
        let objects = self.objects.entry(key.resource.clone()).or_default();
        let place = (key.namespace.clone(), key.name.clone());
        match stored {
            Some(stored) => objects.insert(place, stored),
            None => objects.remove(&place),
        };
    }

    fn events_after(&self, resource: &str, revision: u64, opened_at: u64) -> Result<Vec<Event>, Expired> {
        match self.histories.get(resource) {
            Some(history) => history.after(revision),
            None if revision < opened_at => Err(Expired { oldest: opened_at }),
            None => Ok(Vec::new()),
        }
    }
}

fn in_namespace<'a>(
    objects: &'a Objects,
    namespace: Option<&'a str>,
) -> impl Iterator<Item = &'a Stored> + 'a {
    objects
        .iter()
        .filter(move |((found, _), _)| namespace.is_none_or(|wanted| wanted == found))
        .map(|(_, stored)| stored)
}

#[cfg(test)]
mod tests;
