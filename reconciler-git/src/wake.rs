//! Who is woken by what. Nobody waits for anything: a source says what it would like to hear of and goes to sleep.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ambient_crds::kinds::CarriedKind;
use ambient_crds::names::ObjectIdentity;
use tokio::sync::Notify;

use crate::live::index::Touched;

/// Something a source may want to hear of, besides its own objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Topic {
    /// An object that is somebody else's.
    Object(ObjectIdentity),
    /// A namespace that is not there yet.
    Namespace(String),
    /// A kind whose objects are not known yet.
    Kind(CarriedKind),
    /// Another source that goes.
    Sources,
}

impl std::fmt::Display for Topic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(identity) => write!(formatter, "{identity}"),
            Self::Namespace(name) => write!(formatter, "namespace {name}"),
            Self::Kind(kind) => write!(formatter, "kind {kind}"),
            Self::Sources => formatter.write_str("other sources"),
        }
    }
}

/// The sleepers. Wakes of one source are coalesced: it sees the newest state when it gets to run.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sources: HashMap<String, Arc<Notify>>,
    topics: HashMap<Topic, BTreeSet<String>>,
}

impl Wakers {
    /// Adds a source by UID, or gives the waker it already has.
    pub(crate) fn register(&self, source_uid: &str) -> Arc<Notify> {
        Arc::clone(self.lock().sources.entry(source_uid.to_owned()).or_default())
    }

    /// Forgets a source.
    pub(crate) fn unregister(&self, source_uid: &str) {
        let mut inner = self.lock();
        inner.sources.remove(source_uid);
        inner.forget_interests(source_uid);
    }

    /// Replaces what a source would like to hear of.
    pub(crate) fn set_interests(&self, source_uid: &str, topics: impl IntoIterator<Item = Topic>) {
        let mut inner = self.lock();
        inner.forget_interests(source_uid);
        for topic in topics {
            inner.topics.entry(topic).or_default().insert(source_uid.to_owned());
        }
    }

    /// Wakes one source.
    pub(crate) fn wake(&self, source_uid: &str) {
        if let Some(waker) = self.lock().sources.get(source_uid) {
            waker.notify_one();
        }
    }

    /// Wakes all sources that asked for a topic.
    pub(crate) fn wake_topic(&self, topic: &Topic) {
        let inner = self.lock();
        let sources = inner.topics.get(topic).into_iter().flatten();
        sources.filter_map(|uid| inner.sources.get(uid)).for_each(|waker| waker.notify_one());
    }

    /// Wakes all whom a change in the cluster concerns.
    pub(crate) fn wake_touched(&self, touched: &Touched) {
        touched.sources.iter().for_each(|uid| self.wake(uid));
        for identity in &touched.objects {
            self.wake_topic(&Topic::Object(identity.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget_interests(&mut self, source_uid: &str) {
        self.topics.retain(|_, sources| {
            sources.remove(source_uid);
            !sources.is_empty()
        });
    }
}
