//! Answers that are the broker's own: why a request goes no further, in the words of the service that was asked.

use ambient_protocol::broker::{BUDGET_HEADER, REFUSED_HEADER};
use ambient_protocol::token::TokenError;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::account::NotAdmitted;
use crate::body::{Body, full};
use crate::budget::Bound;
use crate::credentials::CredentialError;
use crate::dialect::Dialect;
use crate::endpoint::NoEndpoint;

/// Why a request is refused. No message holds a credential.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("a session's token is needed; the runner's forwarder adds it")]
    NoToken,
    #[error("{0}")]
    Token(#[from] TokenError),
    #[error("nothing is bound for {0}")]
    NotBound(String),
    #[error("the run {0} is not bound")]
    NoBinding(String),
    #[error("what was bound for this run has expired")]
    Expired,
    #[error("this run has no upstream \"{name}\"; it has: {known}")]
    NoUpstream { name: String, known: String },
    #[error("this path is not let through: {0}")]
    Path(String),
    #[error(
        "repositories can be read here and not pushed to: the platform pushes what the run has committed"
    )]
    GitPush,
    #[error("the repository {0} is not one of this run's")]
    Repository(String),
    #[error("{0} is not this run's place at Vertex AI")]
    Place(String),
    #[error("the model \"{model}\" is not allowed for this run; allowed are: {allowed}")]
    Model { model: String, allowed: String },
    #[error("the request names no model")]
    NoModel,
    #[error("the request cannot be read: {0}")]
    Unreadable(String),
    #[error("the request has more than {0} bytes")]
    TooLarge(usize),
    #[error("the request did not arrive in time")]
    SlowBody,
    #[error(
        "this run's budget of ${limit} is used up: it has spent ${used}. A greater budget can be given to its next run"
    )]
    CostReached { limit: String, used: String },
    #[error(
        "this run's budget of {limit} tokens is used up: it has used {used}. A greater budget can be given to its next run"
    )]
    TokensReached { limit: u64, used: u64 },
    #[error(
        "this run has a budget in dollars, and the model \"{0}\" has no price: add one to models.json, or bound the run by maxTokens"
    )]
    NoPrice(String),
    #[error(
        "this run has a budget in dollars, and the price of service at \"{0}\" is not known: leave it out, or bound the run by maxTokens"
    )]
    Dearer(String),
    #[error(
        "this run has a budget in dollars, and the price of \"{tool}\" with the model \"{model}\" is not known: leave it out, or bound the run by maxTokens"
    )]
    Hosted { tool: String, model: String },
    #[error("\"{0}\" is not let through: the answer must tell in the usual words what was used")]
    Uncounted(String),
    #[error("answers in the background cannot be counted, and so not be asked for: leave `background` out")]
    Background,
    #[error("other requests of this run hold the rest of its budget; try again when they have ended")]
    Held,
    #[error("what this run uses cannot be written down, so it may use nothing")]
    CountBroken,
    #[error("too many requests of this run at once")]
    Busy,
    #[error("{0}")]
    Credential(#[from] CredentialError),
    #[error("the upstream \"{name}\" cannot be reached: {cause}")]
    Unreachable { name: String, cause: String },
    #[error("the upstream \"{0}\" has not answered in time")]
    Silent(String),
    #[error(
        "the upstream \"{0}\" leads to another address, which is not followed: the address that is configured may be out of date"
    )]
    Redirect(String),
    #[error("the upstream \"{0}\" sent a packed answer, which cannot be counted")]
    Packed(String),
    #[error("tunnels to {0} are not allowed for this run")]
    NotAllowed(String),
    #[error("{0} leads to no public address")]
    NotPublic(String),
    #[error("{host} cannot be reached: {cause}")]
    NoTunnel { host: String, cause: String },
    #[error("not a binding: {0}")]
    Binding(String),
    #[error("cannot read or write the broker's state")]
    State(#[from] std::io::Error),
}

impl Refusal {
    pub(crate) fn of_endpoint(why: NoEndpoint, path: &str) -> Self {
        match why {
            NoEndpoint::Unknown => Self::Path(path.to_owned()),
            NoEndpoint::GitPush => Self::GitPush,
            NoEndpoint::Repository(name) => Self::Repository(name),
            NoEndpoint::Place(name) => Self::Place(name),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::Token(TokenError::Scope(_)) => StatusCode::FORBIDDEN,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Path(_) | Self::NoUpstream { .. } | Self::NoBinding(_) => StatusCode::NOT_FOUND,
            Self::NotBound(_)
            | Self::Expired
            | Self::GitPush
            | Self::Repository(_)
            | Self::Place(_)
            | Self::Model { .. }
            | Self::NotAllowed(_)
            | Self::NotPublic(_) => StatusCode::FORBIDDEN,
            Self::NoModel
            | Self::Background
            | Self::Unreadable(_)
            | Self::NoPrice(_)
            | Self::Dearer(_)
            | Self::Hosted { .. }
            | Self::Uncounted(_)
            | Self::Binding(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::CostReached { .. } | Self::TokensReached { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Held | Self::CountBroken => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreachable { .. }
            | Self::Redirect(_)
            | Self::Packed(_)
            | Self::NoTunnel { .. }
            | Self::Credential(_) => StatusCode::BAD_GATEWAY,
            Self::Silent(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::State(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A word for programs and counters.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::NoToken | Self::Token(_) => "token",
            Self::NotBound(_) | Self::NoBinding(_) | Self::Expired => "binding",
            Self::NoUpstream { .. } | Self::Path(_) => "path",
            Self::GitPush | Self::Repository(_) => "repository",
            Self::Place(_) => "place",
            Self::Model { .. } | Self::NoModel => "model",
            Self::Unreadable(_) | Self::TooLarge(_) | Self::SlowBody | Self::Binding(_) => "request",
            Self::CostReached { .. } | Self::TokensReached { .. } => "budget",
            Self::NoPrice(_)
            | Self::Dearer(_)
            | Self::Hosted { .. }
            | Self::Uncounted(_)
            | Self::Background => "price",
            Self::Held | Self::Busy => "busy",
            Self::CountBroken | Self::State(_) => "state",
            Self::Credential(_) => "credential",
            Self::Unreachable { .. } | Self::Silent(_) | Self::Redirect(_) | Self::Packed(_) => "upstream",
            Self::NotAllowed(_) | Self::NotPublic(_) | Self::NoTunnel { .. } => "egress",
        }
    }

    /// The answer. A client that tries again by itself is told where that is of no use.
    pub(crate) fn answer(&self, dialect: Dialect) -> Response<Body> {
        let mut status = self.status();
        if dialect == Dialect::Gemini && status == StatusCode::PAYMENT_REQUIRED {
            // The service has no 402; it says so of accounts without billing.
            status = StatusCode::BAD_REQUEST;
        }
        let named = if status == self.status() { status } else { StatusCode::PAYMENT_REQUIRED };
        let mut text = dialect.error(named, self.reason(), &self.to_string());
        if named != status {
            text = text.replace("\"code\":402", "\"code\":400");
        }
        let mut response = Response::new(full(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let kind = if dialect == Dialect::Plain { "text/plain; charset=utf-8" } else { "application/json" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(REFUSED_HEADER, HeaderValue::from_static(self.reason()));
        let again = matches!(self, Self::Held | Self::Busy | Self::Unreachable { .. } | Self::Silent(_));
        headers.insert("x-should-retry", HeaderValue::from_static(if again { "true" } else { "false" }));
        if again {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        let budget = match self {
            Self::CostReached { .. } => Some("maxCost"),
            Self::TokensReached { .. } => Some("maxTokens"),
            _ => None,
        };
        if let Some(budget) = budget {
            headers.insert(BUDGET_HEADER, HeaderValue::from_static(budget));
        }
        response
    }
}

impl From<NotAdmitted> for Refusal {
    fn from(why: NotAdmitted) -> Self {
        match why {
            NotAdmitted::Budget(Bound::Cost(limit, used)) => {
                Self::CostReached { limit: limit.to_string(), used: used.to_string() }
            }
            NotAdmitted::Budget(Bound::Tokens(limit, used)) => Self::TokensReached { limit, used },
            NotAdmitted::Held => Self::Held,
            NotAdmitted::Broken => Self::CountBroken,
        }
    }
}
