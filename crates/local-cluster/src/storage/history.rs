//! The bounded history of one kind, which watches follow at their own pace.

use std::{collections::VecDeque, sync::Arc};

use serde_json::Value;
use tokio::sync::watch;

use super::Stored;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Added,
    Modified,
    Deleted,
}

/// One change, with the state before it so that selectors can tell who entered and who left.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) kind: EventKind,
    pub(crate) object: Arc<Value>,
    pub(crate) previous: Option<Stored>,
}

/// The asked-for version is older than the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expired {
    /// The oldest version that can be asked for.
    pub(crate) oldest: u64,
}

/// The newest events of one kind.
#[derive(Debug)]
pub(crate) struct History {
    events: VecDeque<Event>,
    /// Every event after this version is here.
    floor: u64,
    newest: watch::Sender<u64>,
}

impl History {
    /// A history that knows all that happens after `floor`.
    pub(crate) fn new(floor: u64) -> Self {
        Self { events: VecDeque::new(), floor, newest: watch::Sender::new(floor) }
    }

    /// Adds an event, drops the oldest beyond `limit`, and wakes the watches.
    pub(crate) fn push(&mut self, event: Event, limit: usize) {
        let revision = event.revision;
        self.events.push_back(event);
        while self.events.len() > limit {
            if let Some(dropped) = self.events.pop_front() {
                self.floor = dropped.revision;
            }
        }
        self.newest.send_replace(revision);
    }

    /// All events after a version.
    pub(crate) fn after(&self, revision: u64) -> Result<Vec<Event>, Expired> {
        if revision < self.floor {
            return Err(Expired { oldest: self.floor });
        }
        let start = self.events.partition_point(|event| event.revision <= revision);
        Ok(self.events.range(start..).cloned().collect())
    }

    /// A receiver that changes with each event.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Forgets everything up to `revision`, and wakes the watches so that laggards learn of it.
    pub(crate) fn compact(&mut self, revision: u64) {
        self.events.clear();
        self.floor = revision;
        self.newest.send_replace(revision);
    }
}
