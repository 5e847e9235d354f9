//! One request: whose it is, what it asks, whether it may, and then on to the upstream with the real credential.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use ambient_protocol::RunKey;
use ambient_protocol::broker::{CredentialReference, SESSION_TOKEN_HEADER, Upstream, UpstreamKind};
use ambient_protocol::token::Scope;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::account::Charge;
use crate::admission::{admitted, details};
use crate::answer::{Counting, Entry, PassedOn};
use crate::body::{self, Body};
use crate::credential::{self, Credential};
use crate::credentials::{CredentialError, Fields};
use crate::dialect::Dialect;
use crate::endpoint::{Endpoint, endpoint};
use crate::mask::MaskedBody;
use crate::meter::Meter;
use crate::refusal::Refusal;
use crate::runs::Run;
use crate::server::Shared;
use crate::unasked::WithoutUsage;
use crate::upstream::{NoAnswer, UpstreamClient};
use crate::{headers, query, unasked, vertex};

/// Answers a request for `/<upstream>/…`.
pub(crate) async fn pass_on(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let (run, upstream) = match addressed(shared, &request) {
        Ok(found) => found,
        Err(refusal) => return refused(&refusal, Dialect::Plain, request.uri().path(), None),
    };
    let dialect = Dialect::of(upstream.kind);
    let path = request.uri().path().to_owned();
    match attempt(shared, &run, &upstream, request).await {
        Ok(response) => response,
        Err(refusal) => refused(&refusal, dialect, &path, Some(&run)),
    }
}

/// Says once that and why a request was refused.
pub(crate) fn refused(refusal: &Refusal, dialect: Dialect, path: &str, run: Option<&Run>) -> Response<Body> {
    let run = run.map(|run| run.binding.run.to_string()).unwrap_or_default();
    tracing::warn!(run, path, reason = refusal.reason(), error = %refusal, "a request was refused");
    refusal.answer(dialect)
}

/// The run that a request's token speaks for, whether or not its binding has expired.
pub(crate) fn run_of(shared: &Shared, sent: &HeaderMap) -> Result<Run, Refusal> {
    let token =
        headers::text(sent, &HeaderName::from_static(SESSION_TOKEN_HEADER)).ok_or(Refusal::NoToken)?;
    let bearer = shared.sessions.verify(token.trim(), Scope::Broker)?;
    let not_bound = || Refusal::NotBound(bearer.subject.clone());
    let key: RunKey = bearer.subject.parse().map_err(|_| not_bound())?;
    let run = shared.runs.get(&key)?;
    // A session made anew under the same name has another UID, and nothing of what the first was bound to.
    run.filter(|run| run.binding.session_uid == bearer.audience).ok_or_else(not_bound)
}

/// As [`run_of`], where the binding is still good.
pub(crate) fn live_run_of(shared: &Shared, sent: &HeaderMap) -> Result<Run, Refusal> {
    let run = run_of(shared, sent)?;
    if run.binding.expires_at <= shared.now() { Err(Refusal::Expired) } else { Ok(run) }
}

fn addressed(shared: &Shared, request: &Request<Incoming>) -> Result<(Run, Upstream), Refusal> {
    let run = live_run_of(shared, request.headers())?;
    let (name, _) = split(request.uri().path());
    let upstreams = &run.binding.upstreams;
    let Some(upstream) = upstreams.iter().find(|upstream| upstream.name == name).cloned() else {
        let known = upstreams.iter().map(|upstream| upstream.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Refusal::NoUpstream { name: name.to_owned(), known });
    };
    Ok((run, upstream))
}

/// `/name/rest` as `name` and `/rest`.
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.find('/').map_or((path, ""), |slash| path.split_at(slash))
}

async fn attempt(
    shared: &Shared,
    run: &Run,
    upstream: &Upstream,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let started = Instant::now();
    let permit = Arc::clone(&run.account.requests).try_acquire_owned().map_err(|_| Refusal::Busy)?;
    let (parts, sent) = request.into_parts();
    let (_, path) = split(parts.uri.path());
    let asked = endpoint(upstream, &parts.method, path, parts.uri.query())
        .map_err(|why| Refusal::of_endpoint(why, path))?;
    let limits = &shared.limits;
    let room = body::room(&sent, limits.body_bytes);
    let room = Arc::clone(&run.account.memory).try_acquire_many_owned(room).map_err(|_| Refusal::Busy)?;
    let sent = body::read(sent, limits.body_bytes, limits.stall_timeout).await?;
    let (upstream, credential) = opened(shared, upstream, &asked).await?;
    let upstream = &*upstream;
    let details = details(&asked, &sent)?;
    let wishing = details.as_ref().and_then(|details| unasked::wishing(upstream.kind, path, details, &sent));
    let request = |body| outgoing(&parts, upstream, (&asked, path), credential.as_ref(), body);
    let (wishing, plain) = (wishing.map(request).transpose()?, request(sent.clone())?);
    let (model, charge) = admitted(shared, run, upstream, (&asked, details), sent.len()).await?;
    drop(sent);
    // From here on the charge is kept, whatever happens: the upstream may have charged.
    let (answered, without) = send(&shared.upstreams, wishing, plain).await;
    drop(room);
    let response = match answered {
        Ok(response) => response,
        Err(NoAnswer::Unreachable(cause)) => {
            if let Some(charge) = charge {
                charge.end(ambient_protocol::broker::TokenCounts::default(), false);
            }
            return Err(Refusal::Unreachable { name: upstream.name.clone(), cause });
        }
        Err(NoAnswer::Broken(cause)) => {
            return Err(Refusal::Unreachable { name: upstream.name.clone(), cause });
        }
        Err(NoAnswer::Silent) => return Err(Refusal::Silent(upstream.name.clone())),
    };
    let status = response.status();
    let entry =
        Entry { run: run.binding.run.to_string(), upstream: upstream.name.clone(), model, status, started };
    incoming(response, upstream, (credential, without), charge, (entry, shared, permit))
}

/// Sends a request, with the wish to be told its usage if it needs one.
async fn send(
    upstreams: &UpstreamClient,
    wishing: Option<Request<Full<Bytes>>>,
    plain: Request<Full<Bytes>>,
) -> (Result<Response<Incoming>, NoAnswer>, Option<WithoutUsage>) {
    let Some(wishing) = wishing else { return (upstreams.send(plain).await, None) };
    match upstreams.send(wishing).await {
        // Some services do not know the wish. An error has cost nothing, and without it an estimate counts.
        Ok(refused)
            if [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY].contains(&refused.status()) =>
        {
            (upstreams.send(plain).await, None)
        }
        answered => (answered, Some(WithoutUsage::default())),
    }
}

/// The upstream as its Secret has it, and the credential that opens it.
async fn opened<'u>(
    shared: &Shared,
    upstream: &'u Upstream,
    asked: &Endpoint,
) -> Result<(Cow<'u, Upstream>, Option<Credential>), Refusal> {
    let Some(reference) = &upstream.credential else { return Ok((Cow::Borrowed(upstream), None)) };
    let fields = shared.credentials.read(reference).await?;
    let upstream = credential::located(upstream, reference, &fields)?;
    let credential = match asked {
        Endpoint::Git { repository } => {
            let address = format!("{}/{repository}", upstream.base_url.trim_end_matches('/'));
            Credential::of_repository(&upstream, &address, reference, &fields)?
        }
        _ => Some(for_model(shared, &upstream, reference, &fields).await?),
    };
    Ok((upstream, credential))
}

async fn for_model(
    shared: &Shared,
    upstream: &Upstream,
    reference: &CredentialReference,
    fields: &Fields,
) -> Result<Credential, CredentialError> {
    let Some((entry, file)) = credential::on_file(upstream.kind, reference, fields) else {
        return Credential::of_model(upstream, reference, fields);
    };
    let got = shared.access_tokens.of(file, &shared.upstreams, shared.now()).await;
    let token = got.map_err(|why| CredentialError::Token {
        namespace: reference.namespace.clone(),
        name: reference.name.clone(),
        entry: entry.to_owned(),
        cause: why.to_string(),
    })?;
    Credential::of_token(upstream, reference, fields, token)
}

/// The request as it goes to the upstream.
fn outgoing(
    parts: &Parts,
    upstream: &Upstream,
    (asked, path): (&Endpoint, &str),
    credential: Option<&Credential>,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Refusal> {
    let place = upstream.place.as_ref().filter(|_| credential.is_some_and(Credential::is_bearer));
    let placed = place.map_or(Cow::Borrowed(path), |place| vertex::placed(path, place));
    let mut address = format!("{}{placed}", upstream.base_url.trim_end_matches('/'));
    let query = parts.uri.query().unwrap_or_default();
    let query = if asked.is_of_model() { query::of_counted(query)? } else { query::without_keys(query) };
    if !query.is_empty() {
        address.push('?');
        address.push_str(&query);
    }
    let address: Uri = address.parse().map_err(|_| Refusal::Path(path.to_owned()))?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = address;
    *request.headers_mut() = headers::to_upstream(&parts.headers);
    if let Some(credential) = credential {
        request.headers_mut().insert(credential.name.clone(), credential.value.clone());
    }
    Ok(request)
}

/// The answer as it goes to the agent.
fn incoming(
    response: Response<Incoming>,
    upstream: &Upstream,
    (credential, without): (Option<Credential>, Option<WithoutUsage>),
    charge: Option<Charge>,
    (entry, shared, permit): (Entry, &Shared, OwnedSemaphorePermit),
) -> Result<Response<Body>, Refusal> {
    let (parts, body) = response.into_parts();
    let free = !parts.status.is_success();
    let name = || upstream.name.clone();
    let refusal = if parts.status.is_redirection() {
        Some(Refusal::Redirect(name()))
    } else if headers::is_encoded(&parts.headers) {
        Some(Refusal::Packed(name()))
    } else {
        None
    };
    if let Some(refusal) = refusal {
        if let (true, Some(charge)) = (free, charge) {
            charge.end(ambient_protocol::broker::TokenCounts::default(), false);
        }
        return Err(refusal);
    }
    let mask = shared.masks.of(credential.map(|credential| credential.secrets).unwrap_or_default());
    let is_stream = headers::text(&parts.headers, &CONTENT_TYPE)
        .is_some_and(|kind| kind.starts_with("text/event-stream"));
    let meter = |charge: &Charge| Meter::new(Dialect::of(upstream.kind), is_stream, charge.estimate);
    let counting = charge.map(|charge| Counting { meter: (!free).then(|| meter(&charge)), charge });
    let without = without.filter(|_| is_stream);
    if upstream.kind == UpstreamKind::GitHttp {
        tracing::info!(
            run = entry.run,
            upstream = entry.upstream,
            status = entry.status.as_u16(),
            "a repository was read"
        );
    }
    let mut answer = Response::new(());
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = headers::to_agent(&parts.headers, &mask);
    if without.is_some() {
        answer.headers_mut().remove(CONTENT_LENGTH);
    }
    let bounds = (entry, shared.limits.silence_timeout, permit);
    let passed = PassedOn::new(body, (without, MaskedBody::new(mask)), counting, bounds);
    Ok(answer.map(|()| passed.boxed_unsync()))
}
