//! Requests with a fresh token each, and answers as values or streams.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

use crate::causes::with_causes;
use crate::sse::{Decoder, Frame};

/// Most bytes of an answer that is read whole.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for the head of an answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Makes a fresh token for each request.
pub type TokenSource = dyn Fn() -> Result<String, ClientError> + Send + Sync;

/// One server, and how to get a token for it.
#[derive(Clone)]
pub(super) struct Endpoint {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    token: Arc<TokenSource>,
}

impl Endpoint {
    pub(super) fn new(base: &str, token: Arc<TokenSource>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, base: base.trim_end_matches('/').to_owned(), token }
    }

    /// Sends a request; an answer outside 2xx is an error with the server's words.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Response<Incoming>, ClientError> {
        let response = self.exchange(method, path, body).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = read_body(response).await.unwrap_or_default();
        let message = String::from_utf8_lossy(&text).trim().to_owned();
        Err(ClientError::Status { status: status.as_u16(), message })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", (self.token)()?));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| ClientError::Request(error.to_string()))?;
        let answer = tokio::time::timeout(HEAD_TIMEOUT, self.client.request(request)).await;
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(ClientError::Unreachable(with_causes(&error))),
            Err(_) => Err(ClientError::Unreachable("no answer in time".to_owned())),
        }
    }

    pub(super) async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let bytes = self.bytes(path).await?;
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Answer(error.to_string()))
    }

    pub(super) async fn bytes(&self, path: &str) -> Result<Bytes, ClientError> {
        read_body(self.send(Method::GET, path, None).await?).await
    }
}

/// Follows a stream of events at any address that serves one in this form, such as the backend's.
///
/// # Errors
/// Fails where the server cannot be reached or refuses.
pub async fn follow_events(
    base: &str,
    path: &str,
    token: Arc<TokenSource>,
) -> Result<EventStream, ClientError> {
    Ok(EventStream::new(Endpoint::new(base, token).send(Method::GET, path, None).await?))
}

/// Reads a body to its end, within a bound.
pub(super) async fn read_body(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let limited = http_body_util::Limited::new(response.into_body(), BODY_LIMIT);
    let collected = limited.collect().await.map_err(|error| ClientError::Broken(error.to_string()))?;
    Ok(collected.to_bytes())
}

/// An answer, or none where the server says that there is no such thing.
pub(super) fn found<T>(answer: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Frames of a server-sent event stream.
pub struct EventStream {
    body: Incoming,
    decoder: Decoder,
    ready: std::collections::VecDeque<Frame>,
}

impl EventStream {
    pub(super) fn new(response: Response<Incoming>) -> Self {
        Self { body: response.into_body(), decoder: Decoder::default(), ready: [].into() }
    }
}

impl Stream for EventStream {
    type Item = Result<Frame, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            let chunk = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(ClientError::Broken(with_causes(&error)))));
                }
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = chunk.into_data() {
                let frames = self.decoder.push(&data);
                self.ready.extend(frames);
            }
        }
    }
}

/// A body that is not read whole: its pieces as they arrive.
pub struct Pieces(Incoming);

impl Pieces {
    pub(super) fn new(response: Response<Incoming>) -> Self {
        Self(response.into_body())
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// Fails where the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.0.frame().await {
            let frame = frame.map_err(|error| ClientError::Broken(with_causes(&error)))?;
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// Why a request gave no answer of use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No connection, or no answer in time.
    #[error("cannot reach the server: {0}")]
    Unreachable(String),
    /// The connection broke within an answer.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// The server refused.
    #[error("the server answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// An answer of another form than expected.
    #[error("the answer cannot be read: {0}")]
    Answer(String),
    /// A request that cannot be built.
    #[error("the request cannot be built: {0}")]
    Request(String),
    /// No token could be made for the request.
    #[error("no token for the request: {0}")]
    Token(String),
}

impl ClientError {
    /// Whether nobody served, or no longer.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Broken(_))
    }

    /// Whether the server said that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::NOT_FOUND.as_u16())
    }

    /// Whether the server said that it happened before.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::CONFLICT.as_u16())
    }
}
