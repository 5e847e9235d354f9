//! The agent registry as it is now: what ships, and over it what the installation says in ConfigMap `ambient-agents`. A
//! run's pin has its entry, so a change counts from the next run on.

use std::sync::Arc;

use ambient_crds::labels::{AGENT_REGISTRY_NAME, SYSTEM_NAMESPACE};
use ambient_crds::phase::Phase;
use ambient_protocol::registry::{AgentRegistry, Programs};
use futures::{StreamExt as _, TryStreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// The registry, once the ConfigMap has been looked for.
pub(crate) struct Agents {
    shipped: AgentRegistry,
    programs: Programs,
    now: watch::Sender<Option<Arc<AgentRegistry>>>,
}

impl Agents {
    /// What ships, until something else is known.
    pub(crate) fn new(shipped: AgentRegistry, programs: Programs) -> Self {
        Self { shipped, programs, now: watch::Sender::new(None) }
    }

    /// The registry.
    pub(crate) fn now(&self) -> Arc<AgentRegistry> {
        self.now.borrow().clone().unwrap_or_else(|| Arc::new(self.shipped.clone()))
    }

    /// Waits until the ConfigMap has been looked for.
    pub(crate) async fn known(&self) {
        // The sender is in this very object.
        let _ = self.now.subscribe().wait_for(Option::is_some).await;
    }

    /// Takes what the ConfigMap says; gives whether that is news.
    fn take(&self, found: Option<ConfigMap>) -> bool {
        let entries = found.and_then(|found| found.data).unwrap_or_default();
        let registry = self.shipped.clone().overridden_by(&entries, self.programs);
        for (runner_type, why) in &registry.refused {
            tracing::warn!(runner_type, why, "an entry of ConfigMap {AGENT_REGISTRY_NAME} cannot be used");
        }
        self.now.send_if_modified(|now| {
            let is_news = now.as_deref() != Some(&registry);
            *now = Some(Arc::new(registry));
            is_news
        })
    }
}

/// Follows the ConfigMap until told to end.
pub(crate) async fn run(context: Arc<Context>, shutdown: CancellationToken) {
    let maps: Api<ConfigMap> = Api::namespaced(context.client.clone(), SYSTEM_NAMESPACE);
    let config = watcher::Config::default().fields(&format!("metadata.name={AGENT_REGISTRY_NAME}"));
    let seen = watcher(maps, config).default_backoff().take_until(shutdown.cancelled_owned());
    pin_mut!(seen);
    let mut listed = None;
    loop {
        match seen.try_next().await {
            Ok(Some(watcher::Event::Init)) => listed = None,
            Ok(Some(watcher::Event::InitApply(map))) => listed = Some(map),
            Ok(Some(watcher::Event::InitDone)) => take(&context, listed.take()),
            Ok(Some(watcher::Event::Apply(map))) => take(&context, Some(map)),
            Ok(Some(watcher::Event::Delete(_))) => take(&context, None),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "ConfigMap {AGENT_REGISTRY_NAME} cannot be watched: no session starts before it was looked for");
            }
        }
    }
}

/// Sessions that wait may wait for what was wrong.
fn take(context: &Context, found: Option<ConfigMap>) {
    if !context.agents.take(found) {
        return;
    }
    let Some(sessions) = context.sessions.get() else { return };
    let waits = |phase: Option<Phase>| phase.is_none_or(|phase| phase == Phase::Pending);
    for session in sessions.state() {
        if waits(session.status.as_ref().and_then(|status| status.phase)) {
            context.board.look_again(&session.namespace().unwrap_or_default(), &session.name_any());
        }
    }
}
