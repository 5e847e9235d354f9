//! What the server's handlers share, and where they meet the attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ambient_protocol::token::{Bearer, Scope, Verifier};
use ambient_protocol::{FrameworkCapabilities, Outcome};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::refusal::Refusal;
use crate::config::Config;
use crate::log::EventLog;
use crate::orders::{Order, Taken, Unwanted, Wish};
use crate::state::StateFolder;

/// Orders that may wait to be taken.
const WAITING_ORDERS: usize = 8;
/// How long an order waits to be taken: less than clients wait for an answer. The attempt takes them at once but while
/// it prepares the workspace, starts or ends an agent.
const PATIENCE: Duration = Duration::from_secs(10);

/// How far an attempt has got.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    /// The workspace is not ready.
    Preparing,
    /// A first turn can be started.
    Ready,
    /// The agent works.
    Working,
    /// There is an outcome, and it is on disk.
    Ended(Box<Outcome>),
}

/// Cheap to clone; all clones are one desk.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Inner>);

struct Inner {
    tokens: Verifier,
    capabilities: FrameworkCapabilities,
    attempt: String,
    state: StateFolder,
    log: EventLog,
    stage: watch::Sender<Stage>,
    orders: mpsc::Sender<Order>,
    /// The last event before those of this attempt.
    before: AtomicU64,
    stop: CancellationToken,
    acknowledged: CancellationToken,
}

impl Desk {
    /// A desk, and the orders that are given at it.
    pub(crate) fn new(
        config: &Config,
        capabilities: FrameworkCapabilities,
        state: StateFolder,
        log: EventLog,
    ) -> (Self, mpsc::Receiver<Order>) {
        let (orders, receiver) = mpsc::channel(WAITING_ORDERS);
        let inner = Inner {
            tokens: config.tokens.clone(),
            capabilities,
            attempt: config.attempt.to_string(),
            state,
            log,
            stage: watch::Sender::new(Stage::Preparing),
            orders,
            before: AtomicU64::new(0),
            stop: CancellationToken::new(),
            acknowledged: CancellationToken::new(),
        };
        (Self(Arc::new(inner)), receiver)
    }

    /// Checks the bearer token of a request.
    pub(super) fn authorize(&self, headers: &HeaderMap, scope: Scope) -> Result<Bearer, Refusal> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = header.strip_prefix("Bearer ").ok_or(Refusal::NoToken)?;
        Ok(self.0.tokens.verify(token.trim(), scope)?)
    }

    /// Notes that what is appended to the log from now on belongs to this attempt.
    pub(crate) fn begin_attempt(&self) {
        self.0.before.store(self.0.log.progress().last, Ordering::Release);
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.0.stage.send_replace(stage);
    }

    /// Cancelled when the agent is to stop.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Cancelled when the outcome is on the remote.
    pub(crate) fn acknowledged(&self) -> &CancellationToken {
        &self.0.acknowledged
    }

    pub(super) fn stage(&self) -> Stage {
        self.0.stage.borrow().clone()
    }

    /// Waits until a turn can be started or the run has ended. Gives `false` where that takes longer.
    pub(super) async fn prepared(&self, patience: Duration) -> bool {
        let mut stage = self.0.stage.subscribe();
        let prepared = stage.wait_for(|stage| *stage != Stage::Preparing);
        tokio::time::timeout(patience, prepared).await.is_ok_and(|found| found.is_ok())
    }

    pub(super) fn capabilities(&self) -> &FrameworkCapabilities {
        &self.0.capabilities
    }

    pub(super) fn attempt(&self) -> &str {
        &self.0.attempt
    }

    /// Whether a run id is an attempt's of this run, or of a turn of one.
    pub(super) fn is_attempt(&self, run_id: &str) -> bool {
        let run = self.0.attempt.rsplit_once("-a").map_or(self.0.attempt.as_str(), |(run, _)| run);
        run_id.strip_prefix(run).is_some_and(|rest| rest.starts_with("-a"))
    }

    pub(super) fn state(&self) -> &StateFolder {
        &self.0.state
    }

    pub(super) fn log(&self) -> &EventLog {
        &self.0.log
    }

    pub(super) fn before(&self) -> u64 {
        self.0.before.load(Ordering::Acquire)
    }

    /// Hands a claimed turn to the attempt. One that has ended in the meantime needs it no more: its log tells how.
    pub(super) async fn hand_over(&self, wish: Wish, by: &str) {
        let (order, _) = Order::new(wish, by);
        let _ = self.0.orders.send(order).await;
    }

    /// Gives an order, and waits for what the attempt says to it.
    pub(super) async fn order(&self, wish: Wish, by: &str) -> Result<Taken, Refusal> {
        let (order, answer) = Order::new(wish, by);
        let ordered = async {
            self.0.orders.send(order).await.map_err(|_| Unwanted::Ended)?;
            answer.await.map_err(|_| Unwanted::Ended)?
        };
        Ok(tokio::time::timeout(PATIENCE, ordered).await.map_err(|_| Refusal::Busy)??)
    }
}
