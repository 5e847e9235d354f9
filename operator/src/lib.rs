//! Cluster to Jobs, and outcomes to the ledger and results in Git.
//!
//! The operator is the gate of every run and the only writer of Git. It acts on objects in the cluster and on what
//! runners say when asked; what it knows beside that, it can learn again after a restart.

mod agents;
mod context;
mod dormant;
mod ledger;
mod project;
mod records;
mod result;
mod session;
mod settings;
mod unsupported;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ambient_git::LocalRepositories;
use ambient_kit::Clock;
use ambient_kit::retry::Backoff;
use ambient_protocol::installation::Installation;
use ambient_protocol::registry::{AgentRegistry, Programs};
use ambient_protocol::token::Signer;
use futures::channel::mpsc;
use kube::Client;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use records::{RecordError, RecordReader};
pub use session::{AGUI_PORT, PodShape};

use agents::Agents;
use context::Context;
use ledger::{ResultsTargets, TargetSettings};
use session::{Broker, ProgressBoard, Pursuits, Slots};

/// Settings of one operator.
pub struct Config {
    /// Where mirrors of results repositories are kept.
    pub data_directory: PathBuf,
    /// Who we are on results branches.
    pub installation: Installation,
    /// Whether results branches of other installations are taken over.
    pub take_over: bool,
    /// Whether repositories may be paths of this machine.
    pub local_repositories: LocalRepositories,
    /// Which containers a session's pod has.
    pub pod_shape: PodShape,
    /// How each runner type is run, where ConfigMap `ambient-agents` says nothing else.
    pub registry: AgentRegistry,
    /// Where the broker is, for this operator and for runners: `http://host:port`. Without one agents have their keys
    /// themselves.
    pub broker_url: Option<String>,
    /// Most sessions that run at once.
    pub slots: usize,
    /// Signs tokens for runners.
    pub signer: Arc<Signer>,
    /// Public keys that runners and the records server accept, one a line.
    pub public_keys: String,
    /// What tells the time by which sessions are judged.
    pub clock: Clock,
}

/// An operator that is ready to run.
pub struct Operator {
    context: Arc<Context>,
    wakes: mpsc::UnboundedReceiver<kube::runtime::reflector::ObjectRef<ambient_crds::AgenticSession>>,
}

impl Operator {
    /// Prepares an operator; it does nothing yet.
    #[must_use]
    pub fn new(client: Client, config: Config) -> Self {
        let (wake, wakes) = mpsc::unbounded();
        let results = ResultsTargets::new(
            client.clone(),
            TargetSettings {
                directory: config.data_directory,
                installation: config.installation.clone(),
                take_over: config.take_over,
                local_repositories: config.local_repositories,
            },
        );
        let programs = match config.pod_shape {
            PodShape::OneContainer { .. } => Programs::OnThisMachine,
            PodShape::TwoContainers { .. } => Programs::InImages,
        };
        let context = Context {
            client,
            installation: config.installation,
            agents: Agents::new(config.registry, programs),
            broker: config.broker_url.map(|url| Broker::new(url, Arc::clone(&config.signer))),
            signer: config.signer,
            public_keys: config.public_keys,
            local_repositories: config.local_repositories,
            pod_shape: config.pod_shape,
            results,
            board: ProgressBoard::new(wake),
            pursuits: Pursuits::default(),
            slots: Slots::new(config.slots),
            sessions: OnceLock::new(),
            backoff: Backoff::default(),
            clock: config.clock,
        };
        Self { context: Arc::new(context), wakes }
    }

    /// Reads what Git holds of ended runs.
    #[must_use]
    pub fn records(&self) -> RecordReader {
        RecordReader::new(self.context.client.clone(), self.context.results.clone())
    }

    /// Runs all controllers and the records server until told to end. Agents are left running.
    ///
    /// # Errors
    /// Fails where the records server cannot serve.
    pub async fn run(self, records: TcpListener, shutdown: CancellationToken) -> std::io::Result<()> {
        let reader = self.records();
        let Self { context, wakes } = self;
        let keys = context.public_keys.clone();
        let ((), (), (), (), (), served) = tokio::join!(
            agents::run(Arc::clone(&context), shutdown.clone()),
            project::run(Arc::clone(&context), shutdown.clone()),
            settings::run(Arc::clone(&context), shutdown.clone()),
            dormant::run(Arc::clone(&context), shutdown.clone()),
            session::run(Arc::clone(&context), wakes, shutdown.clone()),
            records::serve(reader, &keys, records, shutdown.clone()),
        );
        served
    }
}
