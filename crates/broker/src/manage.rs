//! What the operator asks: runs are bound and released, and what they have used is read.

use ambient_protocol::RunKey;
use ambient_protocol::broker::{Binding, RunUsage};
use ambient_protocol::token::Scope;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::body::{self, Body, full};
use crate::dialect::Dialect;
use crate::headers;
use crate::proxy::{refused, run_of};
use crate::refusal::Refusal;
use crate::runs::Run;
use crate::server::Shared;

/// Bytes of a binding.
const BINDING_LIMIT: usize = 1024 * 1024;

/// Whether whoever sends these headers may ask for anything: a run that is bound, or the operator.
pub(crate) fn is_known(shared: &Shared, sent: &HeaderMap) -> bool {
    run_of(shared, sent).is_ok() || operates(shared, sent).is_ok()
}

/// Answers `GET /usage` with a session's token.
pub(crate) fn usage(shared: &Shared, sent: &HeaderMap) -> Response<Body> {
    match run_of(shared, sent) {
        Ok(run) => json(&usage_of(&run)),
        Err(refusal) => refused(&refusal, Dialect::Plain, "/usage", None),
    }
}

/// Answers `PUT|DELETE /bindings/<run>` and `GET /bindings/<run>/usage` with the operator's token.
pub(crate) async fn bindings(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    match bindings_of(shared, request).await {
        Ok(response) => response,
        Err(refusal) => refused(&refusal, Dialect::Plain, &path, None),
    }
}

async fn bindings_of(shared: &Shared, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    operates(shared, request.headers())?;
    let path = request.uri().path().to_owned();
    let named = path.strip_prefix("/bindings/").unwrap_or_default();
    let (named, asks_usage) = named.strip_suffix("/usage").map_or((named, false), |named| (named, true));
    let run: RunKey = named.parse().map_err(|_| Refusal::Path(path.clone()))?;
    match (request.method(), asks_usage) {
        (&Method::PUT, false) => {
            let body = body::read(request.into_body(), BINDING_LIMIT, shared.limits.stall_timeout).await?;
            bind(shared, &run, &body)?;
            Ok(status(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, false) => {
            // One that is not bound is as it should be: whoever asks may ask again after a kill.
            shared.runs.unbind(&run)?;
            Ok(status(StatusCode::NO_CONTENT))
        }
        (&Method::GET, true) => {
            let found = shared.runs.get(&run)?.ok_or_else(|| Refusal::NoBinding(run.to_string()))?;
            Ok(json(&usage_of(&found)))
        }
        _ => Err(Refusal::Path(path)),
    }
}

/// Whether it is the operator who asks.
fn operates(shared: &Shared, sent: &HeaderMap) -> Result<(), Refusal> {
    let bearer = headers::text(sent, &AUTHORIZATION);
    let token = bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")).ok_or(Refusal::NoToken)?;
    shared.operators.verify(token.trim(), Scope::Bind)?;
    Ok(())
}

fn bind(shared: &Shared, run: &RunKey, body: &[u8]) -> Result<(), Refusal> {
    let binding: Binding =
        serde_json::from_slice(body).map_err(|error| Refusal::Binding(error.to_string()))?;
    if binding.run != *run {
        return Err(Refusal::Binding(format!("it is {}'s", binding.run)));
    }
    shared.bind(binding)
}

impl Shared {
    /// Checks and keeps a binding. A budget in dollars on a model without a price is refused here already, where the
    /// binding names the model.
    pub(crate) fn bind(&self, binding: Binding) -> Result<(), Refusal> {
        binding.check().map_err(|error| Refusal::Binding(error.to_string()))?;
        if binding.budget.max_cost.is_some() {
            let models = binding.upstreams.iter().flat_map(|upstream| &upstream.models);
            let unpriced =
                models.filter(|model| !model.ends_with('*')).find(|model| self.models.price(model).is_none());
            if let Some(model) = unpriced {
                return Err(Refusal::NoPrice(model.clone()));
            }
        }
        tracing::info!(run = %binding.run, upstreams = binding.upstreams.len(), egress = binding.egress.len(), "a run is bound");
        Ok(self.runs.bind(binding)?)
    }
}

fn usage_of(run: &Run) -> RunUsage {
    run.account.usage(run.binding.budget)
}

fn json(usage: &RunUsage) -> Response<Body> {
    let mut response = Response::new(full(serde_json::to_vec(usage).unwrap_or_default()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(""));
    *response.status_mut() = status;
    response
}
