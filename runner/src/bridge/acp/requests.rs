//! What an agent asks of its client beside permissions: files and terminals of the workspace.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::files::Files;
use super::rpc::{self, RpcError};
use super::terminals::Terminals;
use crate::bridge::{LateLine, Word};

/// Files and outputs that may be held at once: an agent can ask for many and read none.
const HELD_TEXTS: usize = 4;

/// What the runner does for the agent.
#[derive(Debug)]
pub(super) struct Services {
    files: Option<Files>,
    terminals: Option<Arc<Terminals>>,
    places: Arc<Semaphore>,
}

type Work = BoxFuture<'static, Result<Value, RpcError>>;

impl Services {
    pub(super) fn new(files: Option<Files>, terminals: Option<Terminals>) -> Self {
        let places = Arc::new(Semaphore::new(HELD_TEXTS));
        Self { files, terminals: terminals.map(Arc::new), places }
    }

    /// The terminals, where there are some.
    pub(super) fn terminals(&self) -> Option<&Terminals> {
        self.terminals.as_deref()
    }

    /// Whether a command of the agent's runs.
    pub(super) fn are_at_work(&self) -> bool {
        self.terminals.as_ref().is_some_and(|terminals| terminals.are_at_work())
    }

    /// The answer to a request, when it has been worked on.
    pub(super) fn answer(&self, id: Value, method: &str, params: Value) -> Word {
        let places = holds_text(method).then(|| Arc::clone(&self.places));
        match self.find(method, params) {
            Ok(work) => Word::Later(Box::pin(async move {
                let place = match places {
                    Some(places) => places.acquire_owned().await.ok(),
                    None => None,
                };
                LateLine { line: rpc::answer(&id, work.await), place }
            })),
            Err(error) => Word::Line(rpc::answer(&id, Err(error))),
        }
    }

    fn find(&self, method: &str, params: Value) -> Result<Work, RpcError> {
        match (method, &self.files, &self.terminals) {
            ("fs/read_text_file", Some(files), _) => {
                let (files, request) = (files.clone(), parameters(params)?);
                Ok(blocking(move || Ok(json!({"content": files.read(&request)?}))))
            }
            ("fs/write_text_file", Some(files), _) => {
                let (files, request) = (files.clone(), parameters(params)?);
                Ok(blocking(move || Ok(files.write(&request).map(|()| json!({}))?)))
            }
            (method, _, Some(terminals)) => terminal(Arc::clone(terminals), method, params),
            (method, ..) => Err(RpcError::method_not_found(method)),
        }
    }
}

fn holds_text(method: &str) -> bool {
    matches!(method, "fs/read_text_file" | "terminal/output")
}

fn terminal(terminals: Arc<Terminals>, method: &str, params: Value) -> Result<Work, RpcError> {
    match method {
        "terminal/create" => {
            let request = parameters(params)?;
            Ok(Box::pin(async move { terminals.create(&request) }))
        }
        "terminal/wait_for_exit" => {
            let request = parameters(params)?;
            Ok(Box::pin(async move { terminals.wait(&request).await }))
        }
        "terminal/output" => {
            let request = parameters(params)?;
            Ok(Box::pin(async move { terminals.output(&request) }))
        }
        "terminal/kill" => Ok(ready(terminals.kill(&parameters(params)?))),
        "terminal/release" => Ok(ready(terminals.release(&parameters(params)?))),
        other => Err(RpcError::method_not_found(other)),
    }
}

fn parameters<T: DeserializeOwned>(params: Value) -> Result<T, RpcError> {
    serde_json::from_value(params).map_err(|error| RpcError::invalid(&error))
}

fn ready(result: Result<Value, RpcError>) -> Work {
    Box::pin(std::future::ready(result))
}

/// Files may be slow; nobody else waits for them.
fn blocking(work: impl FnOnce() -> Result<Value, RpcError> + Send + 'static) -> Work {
    Box::pin(
        async move { tokio::task::spawn_blocking(work).await.map_err(|error| RpcError::internal(&error))? },
    )
}
