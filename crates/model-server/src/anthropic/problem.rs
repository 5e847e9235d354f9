//! Errors in the shape clients of the Messages API expect.

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Problem {
    WrongKey,
    Invalid(serde_json::Error),
    /// The body did not arrive whole, or is too large.
    Unreadable(StatusCode, String),
    UnknownPath(String),
    WrongMethod(Method, String),
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unreadable(status, _) => *status,
            Self::UnknownPath(_) => StatusCode::NOT_FOUND,
            Self::WrongMethod(..) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::WrongKey => "authentication_error",
            Self::Unreadable(StatusCode::PAYLOAD_TOO_LARGE, _) => "request_too_large",
            Self::Invalid(_) | Self::Unreadable(..) | Self::WrongMethod(..) => "invalid_request_error",
            Self::UnknownPath(_) => "not_found_error",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::WrongKey => {
                "invalid x-api-key: the script of this scripted model server names another".to_owned()
            }
            Self::Invalid(error) => format!("the request is no Messages request: {error}"),
            Self::Unreadable(_, message) => message.clone(),
            Self::UnknownPath(path) => format!("{path} is not served here; POST /v1/messages is"),
            Self::WrongMethod(method, path) => format!("{method} {path} is not served here; POST is"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = json!({"type": self.kind(), "message": self.message()});
        (self.status(), Json(json!({"type": "error", "error": error}))).into_response()
    }
}
