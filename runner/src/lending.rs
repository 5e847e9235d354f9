//! What a run is lent: an address on loopback behind which the broker is (ADR 0018). Whoever asks there is the run, as its
//! token is added on the way; so the agent needs neither key nor token, and finds in their place where to ask.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use ambient_broker::{Door, SessionToken, forward};
use ambient_protocol::broker::{asks_vertex, repositories, repository_path, repository_servers, variables};
use ambient_protocol::models::ModelTable;
use ambient_protocol::registry::DEFAULT_RUNNER_TYPE;
use axum::http::Uri;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::Config;

/// How the broker is reached.
#[derive(Debug, Clone)]
pub struct BrokerAccess {
    /// `http://host:port`.
    pub address: Uri,
    /// The file with the run's token; read for each request, so that it can be renewed.
    pub token_file: PathBuf,
}

/// The address on loopback, served until this is dropped.
pub(crate) struct Lending {
    /// Repositories that are read there, by their own addresses.
    repositories: BTreeMap<String, String>,
    _serving: DropGuard,
}

impl Lending {
    /// Serves the address, if the run is lent anything, and has the agent told of it.
    pub(crate) async fn begin(config: &mut Config) -> io::Result<Option<Self>> {
        let Some(BrokerAccess { address: broker, token_file }) = config.broker.clone() else {
            return Ok(None);
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let door = door(&std::fs::read(&token_file)?);
        let listens = listener.local_addr()?;
        let (address, proxy) = (door.address(listens), door.proxy(listens));
        let ended = CancellationToken::new();
        let until = ended.clone();
        tokio::spawn(async move {
            if let Err(error) =
                forward(listener, &broker, SessionToken::File(token_file), Some(door), until).await
            {
                tracing::error!(%error, "what the run is lent cannot be served");
            }
        });
        tell_agent(config, &address, &proxy);
        let session = &config.session;
        let through =
            |url: &str| Some((url.to_owned(), format!("{address}{}", repository_path(session, url)?)));
        let repositories = repositories(session).filter_map(through).collect();
        Ok(Some(Self { repositories, _serving: ended.drop_guard() }))
    }

    /// Where a repository is read instead, if it is.
    pub(crate) fn instead_of(&self, url: &str) -> Option<&str> {
        self.repositories.get(url).map(String::as_str)
    }
}

/// The name by which an agent is told a model that a person calls so.
pub(crate) fn name_asked_for(config: &Config, name: &str) -> String {
    let table = ModelTable::built_in();
    if config.broker.is_some() && asks_vertex(&config.session) {
        table.at_vertex(name)
    } else if config.runner_type == DEFAULT_RUNNER_TYPE {
        table.in_full(name)
    } else {
        name.to_owned()
    }
}

/// The word by which the run asks: it follows from its token, and does not lead back to it.
fn door(token: &[u8]) -> Door {
    let digest = Sha256::new().chain_update("the way to the broker: ").chain_update(token).finalize();
    Door::new(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// What is lent stands above what the session says: else its keys could be asked for at an address of its own.
fn tell_agent(config: &mut Config, address: &str, proxy: &str) {
    config.session.model.name = config.session.model.name.as_deref().map(|name| name_asked_for(config, name));
    let mut told = variables(&config.session, address);
    told.extend(proxies(config, proxy));
    told.extend(instead(config, address));
    for (name, value) in told {
        config.session.environment.remove(&name);
        config.agent_environment.insert(name, value.into());
    }
}

/// Other destinations are reached through the broker where the project lists any. In a container of its own an agent has
/// no other way out: there it is told at once what it may not reach.
fn proxies(config: &Config, proxy: &str) -> Vec<(String, String)> {
    if config.session.allowed.egress.is_empty() && config.agent_socket.is_none() {
        return Vec::new();
    }
    let direct = "127.0.0.1,localhost";
    let proxies =
        [("HTTPS_PROXY", proxy), ("https_proxy", proxy), ("NO_PROXY", direct), ("no_proxy", direct)];
    proxies.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// In a container of its own an agent reads its repositories by their own addresses all the same: Git is told where they are
/// instead (git-config(1), `url.<base>.insteadOf`). Elsewhere it is not: other repositories of these servers may be open.
fn instead(config: &Config, address: &str) -> Vec<(String, String)> {
    if config.agent_socket.is_none() {
        return Vec::new();
    }
    let servers = repository_servers(&config.session);
    let count = ("GIT_CONFIG_COUNT".to_owned(), servers.len().to_string());
    let each = servers.iter().enumerate().flat_map(|(index, (server, path))| {
        [
            (format!("GIT_CONFIG_KEY_{index}"), format!("url.{address}{path}/.insteadOf")),
            (format!("GIT_CONFIG_VALUE_{index}"), format!("{server}/")),
        ]
    });
    std::iter::once(count).chain(each).collect()
}
