//! What can go wrong with a request, as a page for people and as JSON for programs.

use ambient_protocol::client::ClientError;
use ambient_protocol::run::InvalidRunKey;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::pages::failure;

/// Why a request is not answered as wished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No token.
    #[error("sign in with a token of this installation")]
    Unauthenticated,
    /// A token that the API server does not know.
    #[error(
        "the token is not valid, or no longer: ask for a new one, or take the link that `ambient up` prints"
    )]
    InvalidToken,
    /// A changing request from somebody else's page.
    #[error("the request came from another site and was refused")]
    CrossSite,
    /// The user may not.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or not any more.
    #[error("there is no {0}")]
    NotFound(String),
    /// A parameter that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The API server did not answer as it should.
    #[error("the Kubernetes API did not answer as it should: {0}")]
    Cluster(#[source] Box<kube::Error>),
    /// It cannot be done as things stand.
    #[error("{0}")]
    Conflict(String),
    /// The run's runner refuses, or cannot be reached.
    #[error("the runner: {0}")]
    Runner(#[source] ClientError),
    /// The operator's records cannot be read.
    #[error("the records of ended runs cannot be read: {0}")]
    Records(#[source] ClientError),
    /// A page cannot be made.
    #[error("the page cannot be made: {0}")]
    Page(#[from] askama::Error),
}

impl Error {
    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::CrossSite | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Runner(error) => refusal(error),
            Self::Cluster(_) | Self::Records(_) => StatusCode::BAD_GATEWAY,
            Self::Page(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One word for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "Unauthenticated",
            Self::InvalidToken => "InvalidToken",
            Self::CrossSite => "CrossSite",
            Self::Forbidden(_) => "Forbidden",
            Self::NotFound(_) => "NotFound",
            Self::Invalid(_) => "Invalid",
            Self::Conflict(_) => "Conflict",
            Self::Runner(_) => "Runner",
            Self::Cluster(_) => "ClusterUnavailable",
            Self::Records(_) => "RecordsUnavailable",
            Self::Page(_) => "Internal",
        }
    }

    fn log(&self) {
        if self.status().is_server_error() {
            tracing::warn!(error = %self, "a request failed");
        }
    }
}

/// What a runner refuses is the caller's business, but for our own tokens.
fn refusal(error: &ClientError) -> StatusCode {
    let refused = match error {
        ClientError::Status { status, .. } => StatusCode::from_u16(*status).ok(),
        _ => None,
    };
    let is_callers = |status: &StatusCode| status.is_client_error() && *status != StatusCode::UNAUTHORIZED;
    refused.filter(is_callers).unwrap_or(StatusCode::BAD_GATEWAY)
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 401 => Self::InvalidToken,
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden(status.message),
            kube::Error::Api(status) if status.code == 404 => {
                Self::NotFound(format!("such object: {}", status.message))
            }
            other => Self::Cluster(Box::new(other)),
        }
    }
}

impl From<InvalidRunKey> for Error {
    fn from(error: InvalidRunKey) -> Self {
        Self::NotFound(format!("such session: {error}"))
    }
}

/// An error answered as a page.
pub(crate) struct PageError(pub(crate) Error);

impl<E: Into<Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        self.0.log();
        failure::page(&self.0)
    }
}

/// An error answered as JSON: `{"error": "<word>", "message": "<sentence>"}`.
pub(crate) struct ApiError(pub(crate) Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.log();
        let body = Json(serde_json::json!({ "error": self.0.word(), "message": self.0.to_string() }));
        let mut response = (self.0.status(), body).into_response();
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"ambient\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
