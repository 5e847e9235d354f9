//! Reads records from the operator.

use std::sync::Arc;

use bytes::Bytes;

use super::http::{ClientError, Endpoint, found};
use crate::records::{Record, RecordSummary};
use crate::run::RunKey;

/// A client of the operator's records server.
#[derive(Clone)]
pub struct RecordsClient {
    endpoint: Endpoint,
}

impl RecordsClient {
    /// A client of the server at `base`; `token` makes a fresh token for each request.
    pub fn new(base: &str, token: Arc<dyn Fn() -> Result<String, ClientError> + Send + Sync>) -> Self {
        Self { endpoint: Endpoint::new(base, token) }
    }

    /// The runs of a project, newest first.
    ///
    /// # Errors
    /// Fails where the server cannot be reached or refuses.
    pub async fn list(&self, project: &str) -> Result<Vec<RecordSummary>, ClientError> {
        self.endpoint.json(&format!("/records/{project}")).await
    }

    /// One run, or none where the ledger has no such run.
    ///
    /// # Errors
    /// Fails where the server cannot be reached or refuses.
    pub async fn get(&self, key: &RunKey) -> Result<Option<Record>, ClientError> {
        found(self.endpoint.json(&record_path(key)).await)
    }

    /// A run's transcript: newline JSON, one event a line.
    ///
    /// # Errors
    /// Fails where the server cannot be reached or refuses.
    pub async fn events(&self, key: &RunKey) -> Result<Option<Bytes>, ClientError> {
        found(self.endpoint.bytes(&format!("{}/events", record_path(key))).await)
    }
}

fn record_path(key: &RunKey) -> String {
    format!("/records/{}/{}/{}", key.project(), key.session(), key.run())
}
