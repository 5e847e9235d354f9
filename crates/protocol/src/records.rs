//! Records: what Git holds of ended runs, served by the operator and read by the backend.
//!
//! The backend has no Git credentials and no mirror; one reader of the results branches serves everybody.
//!
//! | request | answer |
//! |---|---|
//! | `GET /records/<project>` | JSON list of [`RecordSummary`], newest first |
//! | `GET /records/<project>/<session>/<run>` | [`Record`] |
//! | `GET /records/<project>/<session>/<run>/events` | the transcript: newline JSON, one AG-UI event a line |
//!
//! Requests carry a token with audience [`AUDIENCE`] and scope `Records`. 404 means that no such run is in the ledger.

use serde::{Deserialize, Serialize};

use crate::ledger::LedgerEntry;
use crate::result::RunResult;

/// Audience of tokens for the records server.
pub const AUDIENCE: &str = "records";

/// An ended (or claimed) run, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Its ledger entry.
    pub entry: LedgerEntry,
    /// Its result, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<RunResult>,
    /// The results repository, without credentials.
    pub repository: String,
    /// The results branch.
    pub branch: String,
    /// The newest commit of the branch when this was read.
    pub commit: String,
    /// Path of the ledger entry.
    pub ledger_path: String,
    /// Patches by repository name, capped in size.
    #[serde(default)]
    pub patches: Vec<RecordedPatch>,
}

/// One patch of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPatch {
    /// Path within the result folder.
    pub path: String,
    /// The unified diff, cut at [`PATCH_LIMIT`] bytes.
    pub text: String,
    /// Whether it was cut.
    pub truncated: bool,
}

/// Most bytes of one patch in a record.
pub const PATCH_LIMIT: usize = 256 * 1024;

/// One line of a project's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordSummary {
    /// The ledger entry.
    pub entry: LedgerEntry,
}
