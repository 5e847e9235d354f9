//! Tells the broker what runs may use, and asks what they have used.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;

use super::http::{ClientError, Endpoint, TokenSource, found};
use crate::broker::{Binding, RunUsage, binding_path};
use crate::run::RunKey;

/// A client of the broker, for the operator.
#[derive(Clone)]
pub struct BrokerClient {
    endpoint: Endpoint,
}

impl BrokerClient {
    /// A client of the broker at `base`; `token` makes a fresh token for each request.
    pub fn new(base: &str, token: Arc<TokenSource>) -> Self {
        Self { endpoint: Endpoint::new(base, token) }
    }

    /// Binds a run, in place of an earlier binding; what it has used stays.
    ///
    /// # Errors
    /// Fails where the broker cannot be reached or refuses.
    pub async fn bind(&self, binding: &Binding) -> Result<(), ClientError> {
        let body = serde_json::to_vec(binding).map_err(|error| ClientError::Request(error.to_string()))?;
        let path = binding_path(&binding.run);
        self.endpoint.send(Method::PUT, &path, Some(Bytes::from(body))).await.map(drop)
    }

    /// What a run has used, if it is bound.
    ///
    /// # Errors
    /// Fails where the broker cannot be reached or refuses.
    pub async fn usage(&self, run: &RunKey) -> Result<Option<RunUsage>, ClientError> {
        found(self.endpoint.json(&format!("{}/usage", binding_path(run))).await)
    }

    /// Ends what a run may use; it is no error if it was not bound.
    ///
    /// # Errors
    /// Fails where the broker cannot be reached or refuses.
    pub async fn release(&self, run: &RunKey) -> Result<(), ClientError> {
        self.endpoint.send(Method::DELETE, &binding_path(run), None).await.map(drop)
    }
}
