//! The forwarder: what the agent speaks to on loopback. It adds the session's token to each request and sends it to the
//! broker; it runs where the agent can reach it and not look into it.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ambient_protocol::broker::{REFUSED_HEADER, SESSION_TOKEN_HEADER};
use bytes::Bytes;
use http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RETRY_AFTER,
};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::{Body, full};
use crate::door::Door;
use crate::places::{Bounds, Place, Places};
use crate::tunnel::{Carried, carry};

/// Shorter than the broker keeps an idle connection, so that none is used as it is closed.
const IDLE: Duration = Duration::from_secs(30);
/// How long an agent may keep an idle connection.
const AGENT_IDLE: Duration = Duration::from_secs(600);
/// The agent's connections: more are refused. Whoever else is on this machine and does not know the word has few, and
/// not for long.
const PLACES: Bounds =
    Bounds { known: 256, strangers: 64, strangers_of_one: 64, patience: Duration::from_secs(10) };
/// How long the broker may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The session's token: as it is, or in a file that is read for each request, so that it can be renewed.
#[derive(Clone)]
pub enum SessionToken {
    /// The token.
    Fixed(String),
    /// A file with it.
    File(PathBuf),
}

impl SessionToken {
    async fn header(&self) -> io::Result<HeaderValue> {
        let text = match self {
            Self::Fixed(token) => token.clone(),
            Self::File(path) => tokio::fs::read_to_string(path).await?,
        };
        let mut value = HeaderValue::from_str(text.trim()).map_err(io::Error::other)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(_) => formatter.write_str("SessionToken(***)"),
            Self::File(path) => formatter.debug_tuple("SessionToken").field(path).finish(),
        }
    }
}

#[derive(Clone)]
struct Forwarder {
    broker: Authority,
    token: SessionToken,
    door: Option<Door>,
    client: Client<HttpConnector, Incoming>,
    tasks: TaskTracker,
    ended: CancellationToken,
}

/// Serves agents on `listener`, which is bound to loopback, until `shutdown`: every request goes to the broker at
/// `http://host:port`, with the session's token. `CONNECT` is passed on too, so the same address is good for
/// `HTTPS_PROXY`. With a door only those are heard who know its word.
///
/// # Errors
/// Fails where the broker's address is none.
pub async fn forward(
    listener: TcpListener,
    broker: &Uri,
    token: SessionToken,
    door: Option<Door>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("{broker} is no http://host:port"));
    if broker.scheme() != Some(&Scheme::HTTP) {
        return Err(invalid());
    }
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT));
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
    let forwarder = Arc::new(Forwarder {
        broker: broker.authority().cloned().ok_or_else(invalid)?,
        token,
        door,
        client: builder.build(connector),
        tasks: TaskTracker::new(),
        ended: shutdown.clone(),
    });
    let places = Places::new(PLACES);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = Arc::new(places.enter(peer.ip()));
                forwarder.tasks.spawn(connection(Arc::clone(&forwarder), stream, place));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    forwarder.tasks.close();
    forwarder.tasks.wait().await;
    Ok(())
}

async fn connection(forwarder: Arc<Forwarder>, stream: TcpStream, place: Arc<Place>) {
    let _ = stream.set_nodelay(true);
    let mut builder = server::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(AGENT_IDLE);
    let service = service_fn(|request| answer(Arc::clone(&forwarder), Arc::clone(&place), request));
    let serving = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        ended = serving => {
            if let Err(error) = ended {
                tracing::debug!(%error, "an agent's connection has ended early");
            }
        }
        () = place.lost() => {}
        // The agent has ended by now, or is made to.
        () = forwarder.ended.cancelled() => {}
    }
}

async fn answer(
    forwarder: Arc<Forwarder>,
    place: Arc<Place>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let is_tunnel = request.method() == Method::CONNECT;
    let Some(request) = forwarder.admitted(request) else { return Ok(stranger(is_tunnel)) };
    if place.prove().is_err() {
        return Ok(crowded());
    }
    let forwarded = match request.method() {
        &Method::CONNECT => tunnel(&forwarder, request).await,
        _ => forwarder.pass_on(request).await,
    };
    Ok(forwarded.unwrap_or_else(|error| {
        tracing::warn!(%error, "the broker did not answer");
        let mut response = Response::new(full("the broker of this session cannot be reached\n"));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response.headers_mut().insert(REFUSED_HEADER, HeaderValue::from_static("broker"));
        response
    }))
}

/// What is told to whoever does not know the word. Some clients name it to a proxy only when they are asked.
fn stranger(is_tunnel: bool) -> Response<Body> {
    let mut response = Response::new(full("this address is another run's\n"));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(REFUSED_HEADER, HeaderValue::from_static("door"));
    if is_tunnel {
        *response.status_mut() = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let ask = HeaderValue::from_static("Basic realm=\"the run's way out\"");
        response.headers_mut().insert(PROXY_AUTHENTICATE, ask);
    }
    response
}

fn crowded() -> Response<Body> {
    let mut response = Response::new(full("too many connections of this run at once\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(REFUSED_HEADER, HeaderValue::from_static("busy"));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

impl Forwarder {
    /// A request of whoever knows the word, without it.
    fn admitted(&self, mut request: Request<Incoming>) -> Option<Request<Incoming>> {
        let Some(door) = &self.door else { return Some(request) };
        if request.method() == Method::CONNECT {
            return door.admits(request.headers()).then_some(request);
        }
        *request.uri_mut() = Uri::from(door.within(request.uri())?);
        Some(request)
    }

    async fn pass_on(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let address = Uri::builder().scheme(Scheme::HTTP).authority(self.broker.clone()).path_and_query(path);
        parts.uri = address.build().map_err(io::Error::other)?;
        let named: Vec<_> =
            parts.headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).collect();
        let named: Vec<_> =
            named.join(",").split(',').filter_map(|name| name.trim().parse::<HeaderName>().ok()).collect();
        for name in named {
            parts.headers.remove(name);
        }
        for name in ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"] {
            parts.headers.remove(name);
        }
        parts.headers.remove(HOST);
        parts.headers.remove(PROXY_AUTHORIZATION);
        parts.headers.insert(SESSION_TOKEN_HEADER, self.token.header().await?);
        let response =
            self.client.request(Request::from_parts(parts, body)).await.map_err(io::Error::other)?;
        let (mut parts, body) = response.into_parts();
        for name in ["connection", "keep-alive", "transfer-encoding"] {
            parts.headers.remove(name);
        }
        Ok(Response::from_parts(parts, body.map_err(Into::into).boxed_unsync()))
    }
}

/// Opens a tunnel through the broker, on a connection of its own.
async fn tunnel(forwarder: &Arc<Forwarder>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let address = forwarder.broker.as_str();
    let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let ended = forwarder.ended.clone();
    forwarder.tasks.spawn(async move {
        tokio::select! {
            _ = connection.with_upgrades() => {}
            () = ended.cancelled() => {}
        }
    });
    let mut asked = Request::new(Empty::<Bytes>::new());
    *asked.method_mut() = Method::CONNECT;
    *asked.uri_mut() = request.uri().clone();
    if let Ok(host) = HeaderValue::from_str(&request.uri().to_string()) {
        asked.headers_mut().insert(HOST, host);
    }
    asked.headers_mut().insert(SESSION_TOKEN_HEADER, forwarder.token.header().await?);
    let answered = sender.send_request(asked).await.map_err(io::Error::other)?;
    if !answered.status().is_success() {
        let (parts, body) = answered.into_parts();
        return Ok(Response::from_parts(parts, body.map_err(Into::into).boxed_unsync()));
    }
    let ended = forwarder.ended.clone();
    forwarder.tasks.spawn(async move {
        let (Ok(agent), Ok(broker)) = tokio::join!(hyper::upgrade::on(request), hyper::upgrade::on(answered))
        else {
            return;
        };
        let carried = Carried::default();
        tokio::select! {
            () = carry(TokioIo::new(agent), TokioIo::new(broker), AGENT_IDLE, &carried) => {}
            () = ended.cancelled() => {}
        }
    });
    Ok(Response::new(full("")))
}
