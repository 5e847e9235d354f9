//! Answers to requests that are not granted.

use std::io;

use ambient_protocol::token::TokenError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::state::StateError;

/// Why a request is refused; its text is the answer's body.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a token is needed: Authorization: Bearer <token>")]
    NoToken,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("not an AG-UI RunAgentInput: {0}")]
    Input(String),
    #[error("this runner starts one turn: its run id is \"{0}\"")]
    WrongTurn(String),
    #[error("this turn has been started before; follow it at /events")]
    AlreadyStarted,
    #[error("the workspace is being prepared")]
    NotReady,
    #[error("there is no outcome yet")]
    NoOutcome,
    #[error("no bundle of a repository \"{0}\"")]
    NoBundle(String),
    #[error("the last event is {0}")]
    BehindTheEnd(u64),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot read: {0}")]
    Read(#[from] io::Error),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::Token(TokenError::Scope(_)) => StatusCode::FORBIDDEN,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Input(_) | Self::WrongTurn(_) => StatusCode::BAD_REQUEST,
            Self::AlreadyStarted | Self::NoOutcome => StatusCode::CONFLICT,
            Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoBundle(_) => StatusCode::NOT_FOUND,
            Self::BehindTheEnd(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::State(_) | Self::Read(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.status().is_server_error() {
            tracing::warn!(error = %self, "a request failed");
        }
        (self.status(), self.to_string()).into_response()
    }
}
