//! What all handlers share.

use tokio_util::sync::CancellationToken;

use crate::auth::{Access, Authenticator, Logins};
use crate::runs::Runs;
use crate::server::Config;
use crate::watch::SessionCache;

/// The parts that handlers work with.
pub(crate) struct App {
    /// Tells who a token is.
    pub(crate) authenticator: Authenticator,
    /// Browsers that are signed in.
    pub(crate) logins: Logins,
    /// Tells what a user may do.
    pub(crate) access: Access,
    /// All sessions, watched with the backend's own account.
    pub(crate) sessions: SessionCache,
    /// Reads runs: from runners, and from records.
    pub(crate) runs: Runs,
    /// The backend's own account.
    pub(crate) own: kube::Client,
    /// Cancelled when streams shall end.
    pub(crate) shutdown: CancellationToken,
}

impl App {
    /// The parts as a configuration wants them.
    pub(crate) fn new(config: Config, shutdown: CancellationToken) -> Self {
        Self {
            authenticator: Authenticator::new(config.watch.clone(), config.clients),
            logins: Logins::new(&config.public_url),
            access: Access::default(),
            sessions: SessionCache::default(),
            runs: Runs::new(config.signer, &config.records_url),
            own: config.watch,
            shutdown,
        }
    }
}
