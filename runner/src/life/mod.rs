//! The life of a runner, from its first look at the volume to the acknowledgement of its outcome.

mod attempt;
mod confinement;
mod conversation;
mod ending;
mod model;
mod openings;
mod recovery;
mod rest;
mod starting;
mod talk;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::attempt::Attempt;
pub(crate) use self::conversation::ConversationName;
use self::model::ChosenModel;
use crate::bridge::{self, UnknownRunnerType};
use crate::carrier::{Carrier, ChildProcess, SocketCarrier};
use crate::config::Config;
use crate::lending::Lending;
use crate::log::{LogError, Recorder};
use crate::server::{self, Desk};
use crate::sharing;
use crate::state::{StateError, StateFolder};

/// Time that answers under way get when the runner goes.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a runner has ended well; its exit code is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The outcome is on the remote.
    Acknowledged,
    /// It was told to go before any turn was started: nothing is lost.
    NeverStarted,
}

/// Listens at the configured address and serves one attempt until its outcome is acknowledged. `shutdown` stops the
/// agent; the runner then serves the outcome on.
///
/// It needs a process of its own: orphans of the agent's processes come to it, and whatever else the process starts
/// while the agent works would be taken for the agent's.
///
/// # Errors
/// Fails where the runner cannot do its work at all: address, state folder, event log, runner type.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<Ending, RunnerError> {
    ChildProcess::adopt_orphans();
    if config.agent_socket.is_some() {
        sharing::create_for_group();
    }
    let address = config.address;
    let listener =
        TcpListener::bind(address).await.map_err(|cause| RunnerError::Listen { address, cause })?;
    serve(config, listener, shutdown).await
}

/// The same on a listener that is there already, within a process that does other things too.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<Ending, RunnerError> {
    let carrier = carrier(&config);
    let ending = serve_attempt(config, listener, shutdown, Arc::clone(&carrier)).await;
    carrier.farewell().await;
    ending
}

fn carrier(config: &Config) -> Arc<dyn Carrier> {
    match &config.agent_socket {
        Some(socket) => Arc::new(SocketCarrier::new(socket.clone(), config.workspace.clone())),
        None => Arc::new(ChildProcess),
    }
}

async fn serve_attempt(
    config: Config,
    listener: TcpListener,
    shutdown: CancellationToken,
    carrier: Arc<dyn Carrier>,
) -> Result<Ending, RunnerError> {
    let mut config = config;
    let bridge = bridge::for_runner_type(&config.runner_type)?;
    let state = StateFolder::open(&config.state, &config.attempt)?;
    if state.is_acknowledged() {
        return Ok(Ending::Acknowledged);
    }
    let lending = Lending::begin(&mut config).await.map_err(RunnerError::Lending)?;
    let recorder = Recorder::open(&state.events(), config.redactor.clone())?;
    let (desk, orders) = Desk::new(&config, bridge.capabilities(), state.clone(), recorder.log().clone());
    tracing::info!(
        runner.address = %listener.local_addr().map_or_else(|_| config.address.to_string(), |address| address.to_string()),
        run = %config.session.key,
        attempt = config.attempt.attempt,
        "listening"
    );
    let closing = CancellationToken::new();
    let answering = tokio::spawn(server::answer(listener, desk.clone(), closing.clone()));
    let conversation = ConversationName::read(state.clone())?;
    let model = ChosenModel::read(state.clone())?;
    let attempt = Attempt {
        config,
        lending,
        carrier,
        bridge,
        state,
        recorder,
        desk,
        orders,
        conversation,
        model,
        shutdown,
        turns: 0,
    };
    let ending = attempt.live().await;
    closing.cancel();
    // A client that does not read its stream must not keep a finished runner.
    let _ = tokio::time::timeout(FAREWELL, answering).await;
    ending
}

/// A runner cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// What the run is lent cannot be served.
    #[error("cannot serve on loopback what the run is lent: {0}")]
    Lending(#[source] io::Error),
    /// No bridge for the runner type.
    #[error(transparent)]
    RunnerType(#[from] UnknownRunnerType),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The event log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
}
