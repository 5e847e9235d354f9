//! The server: who may see what, and what has been asked.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use futures::future::ready;
use futures::stream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::backend::{answer, find_backend};

/// How requests below a path are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conduct {
    /// To everybody, who may read and not write: as without any conduct.
    Public,
    /// To this user with this password alone.
    Private {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// With this status.
    Status(u16),
    /// With this status, and with the credentials that came, in its text: as careless servers do.
    Echo(u16),
    /// By naming another address: this one, followed by the path and query that were asked for.
    Redirect(String),
    /// Never.
    Silent,
    /// Of each answer no more than so many bytes come, and then nothing more.
    Halting(usize),
    /// As a server of files does that knows nothing of Git.
    Files,
}

impl Conduct {
    /// To this user with this password alone.
    #[must_use]
    pub fn private(user: &str, password: &str) -> Self {
        Self::Private { user: user.to_owned(), password: password.to_owned() }
    }
}

/// One request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its path.
    pub path: String,
    /// User and password, with a colon between, where it had some.
    pub credentials: Option<String>,
}

/// A server that runs until it is dropped.
pub struct GitServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<io::Result<()>>,
}

struct Shared {
    program: PathBuf,
    root: PathBuf,
    conducts: Mutex<BTreeMap<String, Conduct>>,
    seen: Mutex<Vec<Seen>>,
}

impl GitServer {
    /// Serves the repositories below a folder.
    ///
    /// # Errors
    /// Fails where git has no `http-backend`, or no port is free.
    pub async fn start(root: &Path) -> io::Result<Self> {
        let program = find_backend().await.map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            program,
            root: root.to_owned(),
            conducts: Mutex::default(),
            seen: Mutex::default(),
        });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, shared, task })
    }

    /// The address of a repository, or of any path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says how requests below a path are answered from now on; the longest path counts.
    pub fn conduct(&self, path: &str, conduct: Conduct) {
        lock(&self.shared.conducts).insert(path.to_owned(), conduct);
    }

    /// All requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches('/').to_owned();
    let credentials = parts.headers.get(AUTHORIZATION).and_then(decoded);
    lock(&shared.seen).push(Seen { path: path.clone(), credentials: credentials.clone() });
    let conducts = lock(&shared.conducts).clone();
    let below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let conduct =
        conducts.into_iter().filter(|(prefix, _)| below(prefix)).max_by_key(|(prefix, _)| prefix.len());
    let (mut user, mut most) = (None, None);
    match conduct.map(|(_, conduct)| conduct) {
        None | Some(Conduct::Public) => {}
        Some(Conduct::Private { user: name, password }) => {
            if credentials.as_deref() != Some(&format!("{name}:{password}")) {
                return wants_credentials();
            }
            user = Some(name);
        }
        Some(Conduct::Status(code)) => return status(code, String::new()),
        Some(Conduct::Echo(code)) => match credentials {
            None => return wants_credentials(),
            Some(_) => return status(code, echo(&parts.headers, credentials.as_deref())),
        },
        Some(Conduct::Redirect(to)) => {
            let asked = parts.uri.path_and_query().map_or("", |asked| asked.as_str());
            return redirect(&format!("{to}{asked}"));
        }
        Some(Conduct::Silent) => std::future::pending().await,
        Some(Conduct::Halting(bytes)) => most = Some(bytes),
        Some(Conduct::Files) => return file(&shared.root.join(path)),
    }
    let Ok(body) = to_bytes(body, usize::MAX).await else { return status(400, String::new()) };
    let answered = answer(&shared.program, &shared.root, (&parts, &body), user.as_deref()).await;
    let answered = answered.unwrap_or_else(|error| status(500, error.to_string()));
    if let Some(most) = most { halting(answered, most).await } else { answered }
}

/// The file below the root.
fn file(path: &Path) -> Response<Body> {
    std::fs::read(path)
        .map_or_else(|_| status(404, String::new()), |content| Response::new(Body::from(content)))
}

/// An answer that stands still after so many bytes.
async fn halting(answer: Response<Body>, most: usize) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    let Ok(whole) = to_bytes(body, usize::MAX).await else { return status(500, String::new()) };
    if whole.len() <= most {
        return Response::from_parts(parts, Body::from(whole));
    }
    let begun = stream::once(ready(Ok::<_, io::Error>(whole.slice(..most))));
    Response::from_parts(parts, Body::from_stream(begun.chain(stream::pending())))
}

fn decoded(value: &HeaderValue) -> Option<String> {
    let encoded = value.to_str().ok()?.strip_prefix("Basic ")?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

fn echo(headers: &axum::http::HeaderMap, credentials: Option<&str>) -> String {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    format!("you sent {header}, which is {}\n", credentials.unwrap_or_default())
}

fn wants_credentials() -> Response<Body> {
    let mut response = status(401, String::new());
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"test\""));
    response
}

fn redirect(to: &str) -> Response<Body> {
    let mut response = status(301, String::new());
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// Git shows the text of an error only where it is plain text.
fn status(code: u16, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
