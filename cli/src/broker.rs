//! `ambient broker`: credentials, budgets and an allow list in front of models and Git.

mod companion;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ambient_broker::{
    Broker, Cached, Config, CredentialError, Credentials, Fields, FolderCredentials, Limits,
};
use ambient_kit::secrets::{SecretKey, read_secret};
use ambient_protocol::broker::{Binding, CredentialReference};
use ambient_protocol::models::ModelTable;
use anyhow::Context as _;
use async_trait::async_trait;
use kube::Client;
use tokio::net::TcpListener;

use crate::arguments::BrokerArguments;
use companion::Companion;

/// A rotated Secret counts after this at the latest.
const REREAD: Duration = Duration::from_secs(30);

/// Serves until it is told to end.
pub(crate) async fn broker(arguments: BrokerArguments) -> anyhow::Result<ExitCode> {
    let shutdown = ambient_kit::shutdown::on_signals()?.leave;
    let companion = arguments.companion.then(Companion::begin).transpose()?;
    if let Some(companion) = &companion
        && !companion.has_its_turn(&arguments.data_dir).await?
    {
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config {
        public_keys: read(&arguments.public_keys)?,
        credentials: credentials(arguments.credentials.as_deref()).await?,
        models: models(arguments.models.as_deref())?,
        bindings: arguments.bindings.iter().map(|path| binding(path)).collect::<Result<_, _>>()?,
        state_directory: arguments.data_dir,
        limits: Limits::default(),
    };
    let broker = Broker::new(config)?;
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    if let Some(companion) = companion {
        tokio::spawn(companion.end(broker.bound_runs(), shutdown.clone()));
    }
    broker.serve(listener, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

async fn credentials(folder: Option<&Path>) -> anyhow::Result<Arc<dyn Credentials>> {
    if let Some(folder) = folder {
        return Ok(Arc::new(FolderCredentials::new(folder)));
    }
    let client = Client::try_default().await;
    let client = client
        .context("cannot reach the Kubernetes API for credentials; or name a folder with --credentials")?;
    Ok(Arc::new(Cached::new(Secrets(client), REREAD)))
}

fn models(own: Option<&Path>) -> anyhow::Result<ModelTable> {
    let built_in = ModelTable::built_in().clone();
    let Some(path) = own else { return Ok(built_in) };
    let own = ModelTable::parse(&read(path)?).with_context(|| path.display().to_string())?;
    Ok(built_in.overridden_by(own))
}

fn binding(path: &Path) -> anyhow::Result<Binding> {
    serde_json::from_str(&read(path)?).with_context(|| format!("no binding in {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Secrets of the cluster.
struct Secrets(Client);

#[async_trait]
impl Credentials for Secrets {
    async fn read(&self, reference: &CredentialReference) -> Result<Fields, CredentialError> {
        let key = SecretKey { namespace: reference.namespace.clone(), name: reference.name.clone() };
        let data = read_secret(&self.0, &key).await.map_err(|error| CredentialError::Unreadable {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            cause: error.to_string(),
        })?;
        let text = |(name, value)| Some((name, String::from_utf8(value).ok()?));
        Ok(data.into_iter().filter_map(text).collect())
    }
}
