//! The broker's protocol: what a run may use, what it has used, and how a request says whose it is.
//!
//! The operator binds a run (`PUT /bindings/<project>/<session>-r<run>` with a [`Binding`], a token of scope
//! [`Bind`](crate::token::Scope::Bind) and audience [`AUDIENCE`]). The run's own requests carry, in
//! [`SESSION_TOKEN_HEADER`], a token of scope [`Broker`](crate::token::Scope::Broker) whose subject is the run's key and
//! whose audience is the session's UID. A binding names credentials and never holds any.

mod binding;
mod egress;
mod lending;
mod money;
mod usage;
mod vertex;

pub use binding::{
    Binding, Budget, CredentialReference, InvalidBinding, Place, Upstream, UpstreamKind, is_base_url,
};
pub use egress::{EgressRule, InvalidEgressRule};
pub use lending::{
    LENT_KEY, MODEL_SERVICES, ModelService, RUNNER_SECRET, keys_not_lent, repositories, repository_path,
    repository_servers, service_of, services, upstreams, variables,
};
pub use money::{InvalidAmount, MicroDollars};
pub use usage::{ModelUsage, RunUsage, TokenCounts};
pub use vertex::{asks_vertex, can_ask_vertex};

/// Audience of tokens by which the operator speaks to the broker.
pub const AUDIENCE: &str = "ambient-broker";
/// The header with the session's token. It is the forwarder's: what the agent puts there is dropped.
pub const SESSION_TOKEN_HEADER: &str = "x-ambient-session-token";
/// The header of a refusal for a budget: `maxCost` or `maxTokens`.
pub const BUDGET_HEADER: &str = "x-ambient-budget";
/// The header of any other refusal by the broker itself, so that it is not taken for the upstream's.
pub const REFUSED_HEADER: &str = "x-ambient-refused";
/// First path segments that are the broker's own, and so no names of upstreams.
pub const RESERVED_NAMES: [&str; 3] = ["bindings", "healthz", "usage"];

/// The path under which a run is bound, and under which the operator reads its usage (`…/usage`).
#[must_use]
pub fn binding_path(run: &crate::RunKey) -> String {
    format!("/bindings/{run}")
}
