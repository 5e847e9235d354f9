//! Clients that act as a user: reads of pages go by the user's own token (rule 24), never by the backend's account.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use sha2::{Digest as _, Sha256};

/// Makes a client that presents one user's token.
pub type Connect = dyn Fn(&str) -> Result<Client, kube::Error> + Send + Sync;

/// Most clients that are kept; the oldest half goes when there are more.
const KEPT: usize = 256;

/// One client a token, made when it is first needed and kept while it is used.
#[derive(Clone)]
pub struct UserClients {
    connect: Arc<Connect>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    clients: HashMap<[u8; 32], (u64, Client)>,
    uses: u64,
}

impl UserClients {
    /// Clients made by `connect`: a router with the token for an embedded cluster, a configuration with it for others.
    pub fn new(connect: impl Fn(&str) -> Result<Client, kube::Error> + Send + Sync + 'static) -> Self {
        Self { connect: Arc::new(connect), kept: Arc::default() }
    }

    /// The client of the user with this token. The token is not checked here: the API server does, at each request.
    ///
    /// # Errors
    /// Fails where the token cannot stand in a header.
    pub fn for_token(&self, token: &str) -> Result<Client, kube::Error> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(client) = self.lock().touch(&digest) {
            return Ok(client);
        }
        let client = (self.connect)(token)?;
        self.lock().keep(digest, client.clone());
        Ok(client)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn touch(&mut self, digest: &[u8; 32]) -> Option<Client> {
        self.uses += 1;
        let (used, client) = self.clients.get_mut(digest)?;
        *used = self.uses;
        Some(client.clone())
    }

    fn keep(&mut self, digest: [u8; 32], client: Client) {
        if self.clients.len() >= KEPT {
            let mut uses: Vec<_> = self.clients.values().map(|(used, _)| *used).collect();
            uses.sort_unstable();
            let middle = uses[uses.len() / 2];
            self.clients.retain(|_, (used, _)| *used > middle);
        }
        self.clients.insert(digest, (self.uses, client));
    }
}

impl fmt::Debug for UserClients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UserClients(***)")
    }
}
