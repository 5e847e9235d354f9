//! The backend as one value: made from a configuration, asked for its router, run until it shall end.

use std::io;
use std::sync::Arc;

use ambient_kit::UserClients;
use ambient_protocol::token::Signer;
use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::routes;
use crate::state::App;

/// What the backend needs of its surroundings.
pub struct Config {
    /// Makes the client of each user, by whose token that user's reads go.
    pub clients: UserClients,
    /// The backend's own account: lists and watches Ambient's kinds and creates token reviews.
    pub watch: kube::Client,
    /// Signs tokens for runners and records, as the issuer `backend`.
    pub signer: Arc<Signer>,
    /// Where the operator serves records, for example `http://127.0.0.1:8090`.
    pub records_url: String,
    /// Where users reach these pages, for example `http://127.0.0.1:8080`; it names their
    /// cookie, and with `https` binds it to that.
    pub public_url: String,
}

/// The backend. Its pages are empty until [`Backend::watch`] runs.
#[derive(Clone)]
pub struct Backend {
    app: Arc<App>,
}

impl Backend {
    /// Makes a backend; open streams end when `shutdown` is cancelled.
    #[must_use]
    pub fn new(config: Config, shutdown: CancellationToken) -> Self {
        Self { app: Arc::new(App::new(config, shutdown)) }
    }

    /// All routes.
    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.app))
    }

    /// Keeps the shared view of all sessions, until the shutdown.
    pub async fn watch(&self) {
        self.app.sessions.run(self.app.own.clone(), &self.app.shutdown).await;
    }
}

/// Serves on a listener until `shutdown` is cancelled; open streams are then ended in order.
///
/// # Errors
/// Fails where the listener does.
pub async fn serve(config: Config, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
    let backend = Backend::new(config, shutdown.clone());
    let router = backend.router();
    // Events are small and must not wait for one another.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off delays on a connection");
        }
    });
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
    let (served, ()) = tokio::join!(server.into_future(), backend.watch());
    served
}
