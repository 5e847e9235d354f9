//! What differs between the services: whose words they speak, how an error looks, and what in an answer is text.

use ambient_protocol::broker::UpstreamKind;
use http::StatusCode;
use serde_json::{Value, json};

/// The words of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Anthropic's Messages, also on Vertex.
    Anthropic,
    /// Gemini's generateContent, also on Vertex.
    Gemini,
    /// OpenAI's Responses and Chat Completions.
    OpenAi,
    /// Plain text, for Git and for what has no service.
    Plain,
}

impl Dialect {
    pub(crate) const fn of(kind: UpstreamKind) -> Self {
        match kind {
            UpstreamKind::Anthropic | UpstreamKind::VertexAnthropic => Self::Anthropic,
            UpstreamKind::Gemini | UpstreamKind::VertexGemini => Self::Gemini,
            UpstreamKind::OpenAi => Self::OpenAi,
            UpstreamKind::GitHttp => Self::Plain,
        }
    }

    /// The body of an error as the service's own clients read it.
    pub(crate) fn error(self, status: StatusCode, kind: &str, message: &str) -> String {
        let code = status.as_u16();
        match self {
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": anthropic_type(status), "message": message}})
                    .to_string()
            }
            Self::Gemini => {
                json!({"error": {"code": code, "message": message, "status": google_status(status)}})
                    .to_string()
            }
            Self::OpenAi => {
                let kind = if status == StatusCode::PAYMENT_REQUIRED { "insufficient_quota" } else { kind };
                json!({"error": {"message": message, "type": kind, "param": null, "code": kind}}).to_string()
            }
            Self::Plain => format!("{message}\n"),
        }
    }
}

/// <https://docs.anthropic.com/en/api/errors>
const fn anthropic_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "invalid_request_error",
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::PAYMENT_REQUIRED => "billing_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::GATEWAY_TIMEOUT => "timeout_error",
        _ => "api_error",
    }
}

/// <https://cloud.google.com/apis/design/errors#handling_errors>
const fn google_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => "INVALID_ARGUMENT",
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::PAYMENT_REQUIRED => "FAILED_PRECONDITION",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY => "UNAVAILABLE",
        StatusCode::GATEWAY_TIMEOUT => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

/// Fields whose text the model has not written.
const NOT_WRITTEN: [&str; 8] =
    ["type", "role", "id", "signature", "finishReason", "finish_reason", "stop_reason", "thoughtSignature"];

/// The text within a JSON value that a model may have written, in bytes.
pub(crate) fn text_bytes(value: &Value) -> u64 {
    match value {
        Value::String(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
        Value::Array(values) => values.iter().map(text_bytes).sum(),
        Value::Object(fields) => {
            let written = fields.iter().filter(|(name, _)| !NOT_WRITTEN.contains(&name.as_str()));
            written.map(|(_, value)| text_bytes(value)).sum()
        }
        _ => 0,
    }
}
