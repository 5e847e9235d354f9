//! Starts the parts, and ends them in order.

use std::net::SocketAddr;
use std::sync::Arc;

use ambient_crds::names::RunNumber;
use ambient_git::LocalRepositories;
use ambient_kit::{Clock, UserClients};
use ambient_local_cluster::node::{Node, NodeConfig};
use ambient_local_cluster::{Cluster, ClusterConfig, Credential, Storage, UserInfo};
use ambient_operator::{Operator, PodShape, RecordError, RecordReader};
use ambient_protocol::run::RunKey;
use ambient_protocol::sandbox::Sandbox;
use ambient_protocol::token::Signer;
use ambient_reconciler_git::{Answer, EndedRuns, Hints};
use anyhow::Context as _;
use futures::future::BoxFuture;
use kube::Client;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::accounts;
use super::agents::Agents;
use super::broker::LocalBroker;
use super::credentials;
use super::data::DataFolder;
use super::installation::installation;
use super::objects::{self, RootSource};

/// What a platform is started with.
pub(crate) struct Settings<'a> {
    pub(crate) data: DataFolder,
    pub(crate) source: RootSource<'a>,
    pub(crate) agents: Agents,
    /// The user whose installation this is; without it, whose process this is.
    pub(crate) user: Option<String>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) slots: usize,
    pub(crate) take_over: bool,
    /// Whether agents are confined.
    pub(crate) sandbox: Sandbox,
}

/// A running platform.
pub(crate) struct Platform {
    /// The administrator's client.
    pub(crate) client: Client,
    /// The dashboard's address.
    pub(crate) dashboard: SocketAddr,
    /// The administrator's token.
    pub(crate) token: String,
    /// The kubeconfig's path.
    pub(crate) kubeconfig: std::path::PathBuf,
    node: ambient_local_cluster::node::NodeHandle,
    _data: DataFolder,
}

/// The tasks of a platform's parts.
pub(crate) struct Parts {
    tasks: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
    /// Cancelled where the broker need not outlive this process.
    broker_unneeded: CancellationToken,
}

/// The dashboard's address where none is asked for.
const USUAL_ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

impl Platform {
    /// Starts every part and declares the source. When this returns, a commit starts a run.
    pub(crate) async fn start(settings: Settings<'_>) -> anyhow::Result<(Self, Parts)> {
        let Settings { data, source, agents, user, listen, slots, take_over, sandbox } = settings;
        let token = data.admin_token()?;
        let cluster = open_cluster(&data, &token).await?;
        let client = cluster.admin();
        let (api, records) = (loopback().await?, loopback().await?);
        let dashboard = dashboard_listener(listen).await?;
        let kubeconfig = data.kubeconfig();
        data.write(&kubeconfig, &Cluster::kubeconfig(&format!("http://{}", api.local_addr()?), &token))?;
        let shutdown = CancellationToken::new();
        let mut parts = JoinSet::new();
        spawn_cluster(&mut parts, &cluster, api, &shutdown);
        objects::install(&client).await.context("cannot install the kinds")?;

        let node = Node::open(client.clone(), node_config(&data, &agents)).await?;
        let handle = node.handle();
        cluster.set_log_source(Arc::new(handle.clone()));
        parts.spawn(ended("node", node.run(shutdown.clone())));

        let operator_signer = data.signer("operator")?;
        let backend_signer = data.signer("backend")?;
        let public_keys = public_keys(&operator_signer, &backend_signer)?;
        let broker = LocalBroker::prepare(&data, agents.executable(), &operator_signer.public_paserk()?)?;
        let operator = Operator::new(
            accounts::part(&cluster, "ambient-operator"),
            ambient_operator::Config {
                data_directory: data.results_folder(),
                installation: installation(&client, user.as_deref()).await?,
                take_over,
                local_repositories: LocalRepositories::Allowed,
                pod_shape: PodShape::OneContainer { sandbox },
                registry: agents.registry(),
                broker_url: Some(broker.url()),
                slots,
                signer: operator_signer,
                public_keys,
                clock: Clock::system(),
            },
        );
        let broker_unneeded = CancellationToken::new();
        parts.spawn(broker.keep(shutdown.clone(), broker_unneeded.clone()));
        let credentials = data.broker_folder().join("credentials");
        parts.spawn(credentials::mirror(client.clone(), credentials, shutdown.clone()));
        let sync = sync_config(&data, &cluster, operator.records());
        let records_url = format!("http://{}", records.local_addr()?);
        parts.spawn(ended("operator", operator.run(records, shutdown.clone())));
        let account = accounts::part(&cluster, "ambient-reconciler-git");
        let syncing = ambient_reconciler_git::run(account, sync, Hints::default(), shutdown.clone());
        parts.spawn(ended("sync", syncing));
        let address = dashboard.local_addr()?;
        let backend = ambient_backend::Config {
            clients: user_clients(&cluster),
            watch: accounts::part(&cluster, "ambient-backend"),
            signer: backend_signer,
            records_url,
            public_url: format!("http://{address}"),
        };
        parts.spawn(ended("backend", ambient_backend::serve(backend, dashboard, shutdown.clone())));
        objects::declare_source(&client, &source).await.context("cannot declare the source")?;
        let platform = Self { client, dashboard: address, token, kubeconfig, node: handle, _data: data };
        Ok((platform, Parts { tasks: parts, shutdown, broker_unneeded }))
    }

    /// The address that logs the administrator in.
    pub(crate) fn login_url(&self) -> String {
        format!("http://{}/?token={}", self.dashboard, self.token)
    }

    /// Waits a moment for pods that are about to end anyway: their runners were released.
    pub(crate) async fn settle(&self) {
        // If they do not, they are counted as running.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), self.node.until_idle()).await;
    }

    /// Number of pods that run.
    pub(crate) fn running_pods(&self) -> usize {
        self.node.running_pods()
    }

    /// Stops all pods.
    pub(crate) async fn stop_pods(&self) {
        self.node.stop_all().await;
    }
}

/// What runners and the records server accept, one a line.
fn public_keys(operator: &Signer, backend: &Signer) -> anyhow::Result<String> {
    Ok(format!("{}\n{}\n", operator.public_paserk()?, backend.public_paserk()?))
}

impl Parts {
    /// Waits for a part to end before it was told to: always a fault.
    pub(crate) async fn fault(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Ok(Ok(()))) => anyhow::anyhow!("a part has ended by itself"),
            Some(Err(error)) => anyhow::Error::new(error).context("a part has failed"),
            None => anyhow::anyhow!("no part is running"),
        }
    }

    /// Ends the parts; pods go on, and with them the broker.
    pub(crate) async fn end(mut self, running_pods: usize) {
        if running_pods == 0 {
            self.broker_unneeded.cancel();
        }
        self.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn open_cluster(data: &DataFolder, token: &str) -> anyhow::Result<Cluster> {
    let administrator = UserInfo::new("admin", &["system:masters"]);
    let credentials = vec![Credential { token: token.to_owned(), user: administrator }];
    let config = ClusterConfig {
        storage: Storage::File(data.cluster_file()),
        credentials,
        ..ClusterConfig::default()
    };
    Cluster::open(config).await.context("cannot open the embedded cluster")
}

fn spawn_cluster(
    parts: &mut JoinSet<anyhow::Result<()>>,
    cluster: &Cluster,
    listener: TcpListener,
    shutdown: &CancellationToken,
) {
    let (server, token) = (cluster.clone(), shutdown.clone());
    parts.spawn(async move { server.serve(listener, token).await.context("the API server has failed") });
    let (controllers, token) = (cluster.clone(), shutdown.clone());
    parts.spawn(async move {
        controllers.run_controllers(token).await;
        Ok(())
    });
}

fn node_config(data: &DataFolder, agents: &Agents) -> NodeConfig {
    NodeConfig {
        name: "local".to_owned(),
        data_directory: data.node_folder(),
        images: agents.images(),
        shim: agents.shim(),
        environment_allowlist: ["PATH", "LANG", "LC_ALL", "TERM", "USER", "TZ"].map(str::to_owned).to_vec(),
    }
}

fn sync_config(
    data: &DataFolder,
    cluster: &Cluster,
    records: RecordReader,
) -> ambient_reconciler_git::Config {
    let cluster = cluster.clone();
    ambient_reconciler_git::Config {
        apply_as: Some(Arc::new(move |source| accounts::sync(&cluster, source))),
        ended_runs: Arc::new(EndedByRecords(records)),
        ..ambient_reconciler_git::Config::new(data.sources_folder(), LocalRepositories::Allowed)
    }
}

/// Tells the sync which runs the ledger has ended (rule 15).
struct EndedByRecords(RecordReader);

impl EndedRuns for EndedByRecords {
    fn ended<'a>(&'a self, project: &'a str, session: &'a str, run: RunNumber) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            let Ok(key) = RunKey::new(project, session, run.get()) else { return Answer::Unknown };
            match self.0.has_ended(&key).await {
                Ok(true) => Answer::Ended,
                Ok(false) => Answer::NotEnded,
                Err(RecordError::NoTarget(_)) => Answer::NoLedgerYet,
                Err(_) => Answer::Unknown,
            }
        })
    }
}

/// Clients that go through the API's front door with the user's token.
fn user_clients(cluster: &Cluster) -> UserClients {
    let cluster = cluster.clone();
    UserClients::new(move |token| Ok(cluster.client_with_token(token)))
}

async fn dashboard_listener(wanted: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    if let Some(wanted) = wanted {
        return TcpListener::bind(wanted).await.with_context(|| format!("cannot listen on {wanted}"));
    }
    match TcpListener::bind(SocketAddr::from(USUAL_ADDRESS)).await {
        Ok(listener) => Ok(listener),
        Err(_) => loopback().await,
    }
}

async fn loopback() -> anyhow::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .context("cannot listen on the loopback interface")
}

async fn ended<E: Into<anyhow::Error>>(
    part: &'static str,
    work: impl Future<Output = Result<(), E>>,
) -> anyhow::Result<()> {
    work.await.map_err(|error| error.into().context(format!("the {part} has failed")))
}
