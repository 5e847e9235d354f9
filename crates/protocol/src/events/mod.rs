//! AG-UI 1.0 events (schema `https://ag-ui.com/spec/1.0/schema.json`), as they stand in the event log, one a line.
//!
//! Wire names are camelCase and optional fields are omitted, never null. The position of an event in the log is its
//! sequence number, from 1; it is not part of the event.

mod body;
mod constructors;
mod interrupt;
mod metadata;

pub use body::{EventBody, MessageRole, ReasoningSubtype, SubagentOutcome, TokenUsage};
pub use interrupt::{Interrupt, RunOutcome};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version sent in `RUN_STARTED`.
pub const PROTOCOL_VERSION: &str = "1.0";
/// Key under `metadata` for what Ambient adds to an event.
pub const METADATA_KEY: &str = "ambient";

/// Name of the event that tells `what` of a session has no effect, and `why`.
pub const IGNORED: &str = "ambient.ignored";

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its type and fields.
    #[serde(flatten)]
    pub body: EventBody,
    /// Milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// What the framework sent, where it helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_event: Option<Value>,
    /// Additions by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl Event {
    /// Reads one line of a log or one `data` field of a stream. An event type of a later version is read as
    /// [`EventBody::Raw`], so that it is kept and passed on.
    ///
    /// # Errors
    /// Says what is malformed: no object, a missing or wrong field, or a null where a field should be absent.
    pub fn parse(text: &str) -> Result<Self, InvalidEvent> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| InvalidEvent::Json(error.to_string()))?;
        let object = value.as_object().ok_or(InvalidEvent::Shape)?;
        let kind = object.get("type").and_then(Value::as_str).ok_or(InvalidEvent::Shape)?;
        if !EventBody::is_known(kind) {
            return Ok(EventBody::Raw { event: value, source: None, subagent_run_id: None }.into());
        }
        if let Some(field) = null_field(object) {
            return Err(InvalidEvent::Null { kind: kind.to_owned(), field });
        }
        let kind = kind.to_owned();
        serde_json::from_value(value)
            .map_err(|error| InvalidEvent::Field { kind, message: error.to_string() })
    }

    /// The event as one line of JSON, without the line's end.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same event with a time.
    #[must_use]
    pub fn at(mut self, time: jiff::Timestamp) -> Self {
        self.timestamp = Some(time.as_millisecond());
        self
    }

    /// The same event with a value under `metadata.ambient.<name>`.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: Value) -> Self {
        metadata::put(&mut self.metadata, name, value);
        self
    }

    /// The value under `metadata.ambient.<name>`.
    #[must_use]
    pub fn ambient_metadata(&self, name: &str) -> Option<&Value> {
        metadata::get(self.metadata.as_ref(), name)
    }

    /// Whether this event ends a run.
    #[must_use]
    pub fn ends_run(&self) -> bool {
        matches!(self.body, EventBody::RunFinished { .. } | EventBody::RunError { .. })
    }
}

impl From<EventBody> for Event {
    fn from(body: EventBody) -> Self {
        Self { body, timestamp: None, raw_event: None, metadata: None }
    }
}

/// Why a text is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// Not an object with a `type`.
    #[error("an event is a JSON object with a text field \"type\"")]
    Shape,
    /// A field that should be absent is null.
    #[error("{kind}: optional field \"{field}\" is null; it must be left out")]
    Null {
        /// The event's type.
        kind: String,
        /// The field.
        field: String,
    },
    /// A missing or wrong field.
    #[error("{kind}: {message}")]
    Field {
        /// The event's type.
        kind: String,
        /// What is wrong.
        message: String,
    },
}

/// Fields whose value may be any JSON, null included.
const FREE_FIELDS: [&str; 5] = ["snapshot", "event", "value", "rawEvent", "result"];

fn null_field(object: &Map<String, Value>) -> Option<String> {
    object
        .iter()
        .find(|(name, value)| value.is_null() && !FREE_FIELDS.contains(&name.as_str()))
        .map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests;
