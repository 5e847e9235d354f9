//! Keeps open pages up to date: what changed is rendered here, by the same templates, and put in place by a small
//! script. So there is one reducer and one place that escapes, and a page without script shows the same.

mod changes;
pub(crate) mod session;
pub(crate) mod sessions;

use ambient_protocol::sse::Frame;
use serde::Serialize;

/// One thing for the page's script to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum Change {
    /// Append an entry to the conversation.
    Add { html: String },
    /// Put an element in the place of the one with this id.
    Put { id: String, html: String },
    /// Append text to the element with this id.
    Text { id: String, text: String },
    /// Empty the conversation.
    Clear,
}

/// The frame that carries changes; with a sequence number, a stream that breaks is resumed after it.
pub(crate) fn frame(sequence: Option<u64>, changes: &[Change]) -> Frame {
    let data = serde_json::to_string(changes).unwrap_or_else(|_| "[]".to_owned());
    Frame { id: sequence, event: None, data }
}

/// The frame after which nothing more comes: the script closes the stream.
pub(crate) fn done() -> Frame {
    Frame { id: None, event: Some("done".to_owned()), data: String::new() }
}
