//! The HTTP server round the dialects.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::TcpListener;

use crate::anthropic;
use crate::script::Script;

/// The size limit of a request to the Messages API
/// (<https://docs.anthropic.com/en/api/errors>, "Request size limits"): 32 MB.
const REQUEST_LIMIT: usize = 32 * 1024 * 1024;

/// A scripted model server. Clones share script and counter.
#[derive(Clone, Debug)]
pub struct ModelServer {
    script: Arc<Script>,
    answered: Arc<AtomicU64>,
}

impl ModelServer {
    /// Makes a server that follows the script.
    pub fn new(script: Script) -> Self {
        Self { script: Arc::new(script), answered: Arc::default() }
    }

    /// The number of model calls answered so far; refused requests and token counts are none.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    /// Returns the routes, for a server of one's own or a test without sockets.
    pub fn router(&self) -> Router {
        anthropic::routes().with_state(self.clone()).layer(DefaultBodyLimit::max(REQUEST_LIMIT))
    }

    /// Serves until `shutdown` is done. Bind the listener to loopback: whoever reaches it can make an agent run the
    /// script's commands.
    ///
    /// # Errors
    /// Fails if the listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        tracing::info!(address = %listener.local_addr()?, "scripted model server listens");
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await
    }

    pub(crate) fn script(&self) -> &Script {
        &self.script
    }

    /// Counts one answer and returns its number, from 1.
    pub(crate) fn count_answer(&self) -> u64 {
        self.answered.fetch_add(1, Ordering::SeqCst) + 1
    }
}
