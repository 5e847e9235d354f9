//! The server: connections, their bounds, and which part answers what.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ambient_protocol::broker::AUDIENCE;
use ambient_protocol::models::ModelTable;
use ambient_protocol::token::{TokenError, Verifier};
use http::header::{CONNECTION, HeaderValue};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::{Body, full};
use crate::config::{Config, Limits};
use crate::credentials::Credentials;
use crate::dialect::Dialect;
use crate::google::AccessTokens;
use crate::mask::Masks;
use crate::places::{Bounds, Place, Places};
use crate::refusal::Refusal;
use crate::runs::Runs;
use crate::stall::StallGuard;
use crate::upstream::UpstreamClient;
use crate::{manage, proxy, tunnel};

/// Headers of one request.
const MOST_HEADERS: usize = 128;
/// After this the listener is tried again, where the system has no more files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A broker, ready to serve.
pub struct Broker {
    shared: Arc<Shared>,
}

/// Why a broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The state folder.
    #[error("the broker's state folder {path} cannot be used: {error}")]
    State {
        /// The folder.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The public keys.
    #[error("the broker's public keys: {0}")]
    Keys(#[from] TokenError),
    /// A binding that was given at the start.
    #[error("the binding of {run}: {cause}")]
    Binding {
        /// The run.
        run: String,
        /// What is wrong with it.
        cause: String,
    },
}

/// What requests share.
pub(crate) struct Shared {
    pub(crate) runs: Runs,
    pub(crate) sessions: Verifier,
    pub(crate) operators: Verifier,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) models: ModelTable,
    pub(crate) masks: Masks,
    pub(crate) limits: Limits,
    pub(crate) upstreams: UpstreamClient,
    pub(crate) tunnels: TaskTracker,
    /// Cancelled when what is under way must end.
    pub(crate) ended: CancellationToken,
}

impl Shared {
    #[expect(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Broker {
    /// Opens the state folder and takes up the bindings and counts in it.
    ///
    /// # Errors
    /// See [`BrokerError`].
    pub fn new(config: Config) -> Result<Self, BrokerError> {
        let state = |error| BrokerError::State { path: config.state_directory.display().to_string(), error };
        let shared = Shared {
            runs: Runs::open(&config.state_directory, &config.limits).map_err(state)?,
            sessions: Verifier::for_any_audience(&config.public_keys)?,
            operators: Verifier::new(AUDIENCE, &config.public_keys)?,
            credentials: config.credentials,
            access_tokens: AccessTokens::default(),
            models: config.models,
            upstreams: UpstreamClient::new(&config.limits),
            masks: Masks::default(),
            limits: config.limits,
            tunnels: TaskTracker::new(),
            ended: CancellationToken::new(),
        };
        for binding in config.bindings {
            let run = binding.run.to_string();
            shared
                .bind(binding)
                .map_err(|refusal| BrokerError::Binding { run, cause: refusal.to_string() })?;
        }
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What tells whether anybody still needs this broker; good while it serves.
    #[must_use]
    pub fn bound_runs(&self) -> BoundRuns {
        BoundRuns(Arc::clone(&self.shared))
    }

    /// Serves until `shutdown` is cancelled; what is then under way may go on for [`Limits::grace`].
    ///
    /// # Errors
    /// Fails if the listener has no address.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
        let shared = self.shared;
        tracing::info!(address = %listener.local_addr()?, "broker listens");
        let places = Places::new(bounds(&shared.limits));
        let connections = TaskTracker::new();
        while let Some(next) = shutdown.run_until_cancelled(accept(&listener)).await {
            let Ok((stream, peer)) = next else { continue };
            let place = Arc::new(places.enter(peer.ip()));
            connections.spawn(connection(Arc::clone(&shared), stream, place, shutdown.clone()));
        }
        drop(listener);
        end(&shared, &connections).await;
        Ok(())
    }
}

/// The runs that a broker is bound to serve.
#[derive(Clone)]
pub struct BoundRuns(Arc<Shared>);

impl BoundRuns {
    /// Whether there is one whose binding has not expired. `false` too where the state folder is gone: nothing can be
    /// counted then.
    #[must_use]
    pub fn any(&self) -> bool {
        self.0.runs.any_until(self.0.now())
    }
}

const fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        known: limits.connections,
        strangers: limits.strangers,
        strangers_of_one: limits.strangers_per_address,
        patience: limits.head_timeout,
    }
}

async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let accepted = listener.accept().await;
    if let Err(error) = &accepted {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
    accepted
}

/// Lets what is under way end, and breaks off what does not.
async fn end(shared: &Shared, connections: &TaskTracker) {
    connections.close();
    shared.tunnels.close();
    let all = async { tokio::join!(connections.wait(), shared.tunnels.wait()) };
    if tokio::time::timeout(shared.limits.grace, all).await.is_err() {
        tracing::warn!("requests under way are broken off");
        shared.ended.cancel();
        tokio::join!(connections.wait(), shared.tunnels.wait());
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, place: Arc<Place>, shutdown: CancellationToken) {
    // Without it small chunks of a stream would wait for one another.
    let _ = stream.set_nodelay(true);
    let limits = &shared.limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(limits.head_bytes)
        .max_headers(MOST_HEADERS);
    let io = TokioIo::new(StallGuard::new(stream, limits.stall_timeout));
    let service = service_fn(|request| answer(Arc::clone(&shared), Arc::clone(&place), request));
    let serving = builder.serve_connection(io, service).with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let ended = async {
        tokio::select! {
            ended = serving.as_mut() => return ended,
            () = place.lost() => return Ok(()),
            () = shutdown.cancelled() => {}
        }
        serving.as_mut().graceful_shutdown();
        tokio::select! {
            ended = serving.as_mut() => ended,
            () = place.lost() => Ok(()),
            () = shared.ended.cancelled() => Ok(()),
        }
    };
    if let Err(error) = ended.await {
        tracing::debug!(%error, "a connection has ended early");
    }
}

/// Answers a request. A stranger's connection ends with the answer.
async fn answer(
    shared: Arc<Shared>,
    place: Arc<Place>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let may_ask = place.is_proven() || manage::is_known(&shared, request.headers());
    if may_ask && place.prove().is_err() {
        return Ok(closing(proxy::refused(&Refusal::Busy, Dialect::Plain, request.uri().path(), None)));
    }
    let response = route(&shared, request).await;
    Ok(if may_ask { response } else { closing(response) })
}

fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn route(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    if request.method() == Method::CONNECT {
        return tunnel::open(shared, request).await;
    }
    let first = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
    match first {
        "healthz" => Response::new(full("ok\n")),
        "usage" if request.method() == Method::GET => manage::usage(shared, request.headers()),
        "bindings" => manage::bindings(shared, request).await,
        _ => proxy::pass_on(shared, request).await,
    }
}
