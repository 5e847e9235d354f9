//! Events for people, written by a task of their own: nobody who tells one waits for it.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::sync::mpsc;

/// Events that wait to be written; more are dropped, because nothing depends on them.
const LONGEST_QUEUE: usize = 1024;

/// Something to be told of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Whether it needs attention.
    pub(crate) is_warning: bool,
    /// One word.
    pub(crate) reason: &'static str,
    /// For people.
    pub(crate) text: String,
}

impl Note {
    /// Something usual.
    pub(crate) fn normal(reason: &'static str, text: impl Into<String>) -> Self {
        Self { is_warning: false, reason, text: text.into() }
    }

    /// Something that needs attention.
    pub(crate) fn warning(reason: &'static str, text: impl Into<String>) -> Self {
        Self { is_warning: true, reason, text: text.into() }
    }
}

/// Takes notes; another task writes them as events.
#[derive(Clone, Debug)]
pub(crate) struct EventQueue {
    queue: mpsc::Sender<(ObjectReference, Note)>,
}

impl EventQueue {
    /// A queue, and what writes its events until all its clones are gone.
    pub(crate) fn new(client: Client, reporter: Reporter) -> (Self, impl Future<Output = ()> + use<>) {
        let (queue, waiting) = mpsc::channel(LONGEST_QUEUE);
        (Self { queue }, write(Recorder::new(client, reporter), waiting))
    }

    /// Tells of an object.
    pub(crate) fn tell(&self, about: ObjectReference, note: Note) {
        if self.queue.try_send((about, note)).is_err() {
            tracing::debug!("an event is dropped: too many wait to be written");
        }
    }
}

async fn write(recorder: Recorder, mut waiting: mpsc::Receiver<(ObjectReference, Note)>) {
    while let Some((about, note)) = waiting.recv().await {
        let event = Event {
            type_: if note.is_warning { EventType::Warning } else { EventType::Normal },
            reason: note.reason.to_owned(),
            action: note.reason.to_owned(),
            note: Some(note.text),
            secondary: None,
        };
        if let Err(error) = recorder.publish(&event, &about).await {
            // The namespace may be going.
            tracing::debug!(object = about.name, reason = note.reason, %error, "an event was not written");
        }
    }
}
