//! What the bridge tells this process, and what it hears of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A conversation, and the first run in it: the first line of the process's standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// The server. Without one, that of the graph in the working directory is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// The conversation; a UUID. It is made if the server does not have it.
    pub(crate) thread_id: String,
    /// The body of `POST /threads/{thread}/runs/stream`.
    pub(crate) run: Value,
    /// Of a conversation that is to be taken up: the run in place of that one, where the server does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) anew: Option<Value>,
}

/// A further line of the process's standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Told {
    /// Another run in the same conversation, once the one before has ended.
    Run(Value),
    /// The run is called off.
    Cancel,
}

/// A line of the process's standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Line {
    /// The server has accepted the run.
    Started {
        /// The conversation.
        thread_id: String,
        /// The server's id of the run.
        run_id: String,
    },
    /// The server has the conversation that was to be taken up.
    TakenUp {
        /// The conversation.
        thread_id: String,
    },
    /// It does not have it.
    BegunAnew,
    /// A frame of the run's stream.
    Frame {
        /// Its name: a stream mode, and behind `|` the subgraph.
        event: String,
        /// Its data; a text where it is no JSON.
        data: Value,
    },
    /// The stream broke, and was taken up again.
    Rejoined {
        /// Why it broke.
        cause: String,
    },
    /// The run has ended.
    Ended {
        /// The server's word: `success`, `error`, `timeout` or `interrupted`.
        status: String,
    },
    /// The run was to be called off, and the server may still work on it.
    NotCancelled {
        /// For people.
        message: String,
    },
    /// The run could not be asked for, or was lost.
    Failed {
        /// For people.
        message: String,
    },
}
