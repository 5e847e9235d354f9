//! Answers to requests that are not granted.

use std::io;

use ambient_protocol::answers::Answers;
use ambient_protocol::input::ModelChoice;
use ambient_protocol::token::TokenError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::orders::Unwanted;
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
    #[error("this runner serves the attempt \"{0}\", and no other")]
    WrongTurn(String),
    #[error("not a list of answers: {0}; wanted: {shape}", shape = Answers::EXAMPLE)]
    Answers(String),
    #[error("not the choice of a model: {0}; wanted: {shape}", shape = ModelChoice::EXAMPLE)]
    Model(String),
    #[error("a message is said by a user, in words, under an id of its own")]
    NoMessage,
    #[error(transparent)]
    Unwanted(#[from] Unwanted),
    #[error("the runner is at something else; try again")]
    Busy,
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
            Self::Input(_) | Self::WrongTurn(_) | Self::Answers(_) | Self::Model(_) | Self::NoMessage => {
                StatusCode::BAD_REQUEST
            }
            Self::AlreadyStarted | Self::NoOutcome => StatusCode::CONFLICT,
            Self::NotReady | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unwanted(unwanted) => unwanted_status(unwanted),
            Self::NoBundle(_) => StatusCode::NOT_FOUND,
            Self::BehindTheEnd(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::State(_) | Self::Read(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// 409 is kept for what has happened before, or does not fit what is: whoever repeats a request takes it for its answer.
fn unwanted_status(unwanted: &Unwanted) -> StatusCode {
    match unwanted {
        Unwanted::QuestionsOpen(_) => StatusCode::LOCKED,
        Unwanted::UnknownQuestion(_)
        | Unwanted::Unanswered(_)
        | Unwanted::Unfit { .. }
        | Unwanted::Deaf
        | Unwanted::ModelFixed
        | Unwanted::ModelNotAllowed(_)
        | Unwanted::NoModelName => StatusCode::UNPROCESSABLE_ENTITY,
        Unwanted::SaidBefore | Unwanted::NoQuestion | Unwanted::NoTurn => StatusCode::CONFLICT,
        Unwanted::NotBegun => StatusCode::TOO_EARLY,
        Unwanted::Ended => StatusCode::GONE,
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
