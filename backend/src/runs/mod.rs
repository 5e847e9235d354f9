//! One run, wherever it is to be read: from its runner while that serves, from the records in Git once it has ended.

mod follow;
mod place;
mod recorded;
mod runner;
mod so_far;
mod speak;
mod target;
mod transcript;

use std::sync::Arc;

use ambient_kit::clock::precise_now;
use ambient_protocol::client::{ClientError, RecordsClient, RunnerClient};
use ambient_protocol::records;
use ambient_protocol::token::{Scope, Signer};

pub(crate) use follow::follow;
pub(crate) use recorded::record;
pub(crate) use so_far::{SoFar, so_far};
pub(crate) use speak::{say, sleeps, speaker, wake};
pub(crate) use target::{Target, current_run};

use crate::auth::User;

/// Signs what runners and the records server want to see. Both are asked in the user's name.
pub(crate) struct Runs {
    signer: Arc<Signer>,
    records_url: String,
}

impl Runs {
    /// Runs read with tokens of this signer.
    pub(crate) fn new(signer: Arc<Signer>, records_url: &str) -> Self {
        Self { signer, records_url: records_url.to_owned() }
    }

    /// A client of the records server, on behalf of a user.
    pub(crate) fn records(&self, user: &User) -> RecordsClient {
        RecordsClient::new(&self.records_url, self.tokens(user, records::AUDIENCE, &[Scope::Records]))
    }

    /// A client of a session's runner, on behalf of a user.
    pub(crate) fn runner(&self, user: &User, address: &str, session_uid: &str) -> RunnerClient {
        RunnerClient::new(address, self.tokens(user, session_uid, &[Scope::Read]))
    }

    /// The same, to speak with the agent.
    fn speaker(&self, user: &User, address: &str, session_uid: &str) -> RunnerClient {
        RunnerClient::new(address, self.tokens(user, session_uid, &[Scope::Run, Scope::Control]))
    }

    fn tokens(&self, user: &User, audience: &str, scopes: &'static [Scope]) -> Arc<TokenSource> {
        let (signer, audience, subject) = (Arc::clone(&self.signer), audience.to_owned(), user.name.clone());
        Arc::new(move || {
            let signed = signer.sign(&audience, &subject, scopes, precise_now());
            signed.map_err(|error| ClientError::Token(error.to_string()))
        })
    }
}

type TokenSource = dyn Fn() -> Result<String, ClientError> + Send + Sync;
