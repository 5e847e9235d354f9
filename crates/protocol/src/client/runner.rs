//! The runner protocol, as operator and backend speak it.
//!
//! | request | scope | answer |
//! |---|---|---|
//! | `POST /` [`RunAgentInput`] | Run | 200 and the turn's events, behind a prelude where the turn goes on already; 409 where it was started before; 423 while a question is open |
//! | `GET /events?after=N` | Read | events after sequence N, as they come; ends with a `sealed` frame |
//! | `GET /events?join=true` | Read | the same from where the log is (or after N), behind a [prelude](crate::prelude), of which only the last frame has an id |
//! | `GET /capabilities`, `GET /health` | Read, none | JSON |
//! | `POST /answers` [`Answers`] | Control | 202 [`AnswersReceipt`]; 200 where they were given before; 409 where none are wanted, 422 where some are missing or do not fit |
//! | `POST /interrupt` | Control | 202; 409 where no turn is going on |
//! | `POST /model` [`ModelChoice`] | Control | 202; 422 where the agent cannot be given another |
//! | `POST /stop` | Control | 202 |
//! | `GET /outcome` | Outcome | 200 [`Outcome`], or 204 until there is one |
//! | `GET /outcome/bundles/<name>` | Outcome | the bundle of one repository |
//! | `POST /outcome/ack` | Outcome | 202; the runner then exits 0 |

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, StatusCode};

use super::http::{ClientError, Endpoint, EventStream, Pieces, read_body};
use crate::answers::{Answer, Answers, AnswersReceipt};
use crate::capabilities::FrameworkCapabilities;
use crate::input::{ModelChoice, RunAgentInput};
use crate::outcome::Outcome;

/// A client of one runner.
#[derive(Clone)]
pub struct RunnerClient {
    endpoint: Endpoint,
}

/// What came of starting a turn.
pub enum Start {
    /// It has started; these are its events.
    Started(EventStream),
    /// It had been started before: follow it by [`RunnerClient::events`].
    AlreadyStarted,
}

impl RunnerClient {
    /// A client of the runner at `base` (`http://<address>:<port>`); `token` makes a fresh token for each request.
    pub fn new(base: &str, token: Arc<dyn Fn() -> Result<String, ClientError> + Send + Sync>) -> Self {
        Self { endpoint: Endpoint::new(base, token) }
    }

    /// Starts the attempt's first turn, where the run id is the attempt's; says a message, where it is another. Safe to
    /// repeat: the first turn is started once for each attempt, a message is said once for each message id.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses.
    pub async fn start(&self, input: &RunAgentInput) -> Result<Start, ClientError> {
        let body = serde_json::to_vec(input).map_err(|error| ClientError::Request(error.to_string()))?;
        match self.endpoint.send(Method::POST, "/", Some(body.into())).await {
            Ok(response) => Ok(Start::Started(EventStream::new(response))),
            Err(error) if error.is_conflict() => Ok(Start::AlreadyStarted),
            Err(error) => Err(error),
        }
    }

    /// Follows the event log from after the given sequence number.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses.
    pub async fn events(&self, after: u64) -> Result<EventStream, ClientError> {
        let path = format!("/events?after={after}");
        Ok(EventStream::new(self.endpoint.send(Method::GET, &path, None).await?))
    }

    /// Joins the run where its log is, or after the given sequence number: what a client needs that has read nothing of it,
    /// then the events as they come.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses.
    pub async fn join(&self, after: Option<u64>) -> Result<EventStream, ClientError> {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let path = format!("/events?join=true{after}");
        Ok(EventStream::new(self.endpoint.send(Method::GET, &path, None).await?))
    }

    /// What the runner's framework can do.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses.
    pub async fn capabilities(&self) -> Result<FrameworkCapabilities, ClientError> {
        self.endpoint.json("/capabilities").await
    }

    /// Answers the open questions, all of them. Safe to repeat: the first answers count, and the receipt says so.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses, which names the questions that are open.
    pub async fn answer(&self, answers: Vec<Answer>) -> Result<AnswersReceipt, ClientError> {
        let body = serde_json::to_vec(&Answers { resume: answers });
        let body = body.map_err(|error| ClientError::Request(error.to_string()))?;
        let response = self.endpoint.send(Method::POST, "/answers", Some(body.into())).await?;
        let bytes = read_body(response).await?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer(error.to_string()))
    }

    /// Breaks the turn off. An interactive run then waits for the next message, any other ends as stopped.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses.
    pub async fn interrupt(&self) -> Result<(), ClientError> {
        self.endpoint.send(Method::POST, "/interrupt", Some(Bytes::from_static(b"{}"))).await.map(drop)
    }

    /// Has the agent work with another model, from its next turn on at the latest.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses: not every agent can be given another.
    pub async fn choose_model(&self, model: &str) -> Result<(), ClientError> {
        let body = serde_json::to_vec(&ModelChoice { model: model.to_owned(), by: None });
        let body = body.map_err(|error| ClientError::Request(error.to_string()))?;
        self.endpoint.send(Method::POST, "/model", Some(body.into())).await.map(drop)
    }

    /// Asks the agent and all its processes to end.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses.
    pub async fn stop(&self) -> Result<(), ClientError> {
        self.endpoint.send(Method::POST, "/stop", Some(Bytes::from_static(b"{}"))).await.map(drop)
    }

    /// The outcome, once there is one.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses.
    pub async fn outcome(&self) -> Result<Option<Outcome>, ClientError> {
        let response = self.endpoint.send(Method::GET, "/outcome", None).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let bytes = read_body(response).await?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| ClientError::Answer(error.to_string()))
    }

    /// The bundle of one repository's commits, of at most [`BUNDLE_LIMIT`](crate::outcome::BUNDLE_LIMIT) bytes.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached, refuses, or has no such bundle.
    pub async fn bundle(&self, repository: &str) -> Result<Pieces, ClientError> {
        let path = format!("/outcome/bundles/{repository}");
        self.endpoint.send(Method::GET, &path, None).await.map(Pieces::new)
    }

    /// Tells the runner that its outcome is on the remote: it may go.
    ///
    /// # Errors
    /// Fails where the runner cannot be reached or refuses.
    pub async fn acknowledge(&self) -> Result<(), ClientError> {
        self.endpoint.send(Method::POST, "/outcome/ack", Some(Bytes::from_static(b"{}"))).await.map(drop)
    }
}
