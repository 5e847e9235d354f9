//! Follows the demo's session the way any client does: its object by a watch, its events through the backend.

use std::collections::BTreeMap;
use std::sync::Arc;

use ambient_crds::conditions::ConditionType;
use ambient_crds::phase::Phase;
use ambient_crds::session::{AgenticSession, AgenticSessionStatus};
use ambient_kit::conditions::find;
use ambient_protocol::broker::RUNNER_SECRET;
use ambient_protocol::client::{ClientError, follow_events};
use ambient_protocol::conversation::{Conversation, Entry};
use ambient_protocol::sse::SEALED;
use anyhow::Context as _;
use futures::StreamExt as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;

use super::{PROJECT, SESSION};
use crate::local::Platform;
use crate::news::{is_recorded, standing};
use crate::output::Progress;

/// A follower that is set up before the commit, so that it misses nothing.
pub(crate) struct Follower {
    client: Client,
    backend: String,
    token: String,
}

/// How the session ended.
pub(crate) struct Ended {
    /// Its status at the end.
    pub(crate) status: AgenticSessionStatus,
}

impl Follower {
    pub(crate) fn prepare(platform: &Platform) -> Self {
        Self {
            client: platform.client.clone(),
            backend: format!("http://{}", platform.dashboard),
            token: platform.token.clone(),
        }
    }

    /// Shows the run until its result is recorded, or until it has failed for good.
    pub(crate) async fn follow(&self, progress: &Progress, run: u32) -> anyhow::Result<Ended> {
        let (ended, ()) = tokio::join!(self.follow_object(progress, run), self.show_events(progress, run));
        ended
    }

    async fn follow_object(&self, progress: &Progress, run: u32) -> anyhow::Result<Ended> {
        let sessions: Api<AgenticSession> = Api::namespaced(self.client.clone(), PROJECT);
        let config = watcher::Config::default().fields(&format!("metadata.name={SESSION}"));
        let mut changes = watcher(sessions, config).default_backoff().applied_objects().boxed();
        let mut last = String::new();
        while let Some(change) = changes.next().await {
            // A fault of the watch is tried again by the watcher.
            let Ok(session) = change else { continue };
            let Some(status) = session.status else { continue };
            // An earlier demo in this folder has left earlier runs.
            if status.run.is_none_or(|of| of.get() < run) {
                continue;
            }
            let line = standing(&status);
            if line != last {
                progress.step(&line);
                last = line;
            }
            if is_over(&status) {
                return Ok(Ended { status });
            }
        }
        anyhow::bail!("the watch of the session has ended")
    }

    /// Shows what the agent says. It is a show: if it breaks, the outcome still counts.
    async fn show_events(&self, progress: &Progress, run: u32) {
        let token = self.token.clone();
        let path = format!("/api/projects/{PROJECT}/agentic-sessions/{SESSION}/events");
        let mut seen = 0;
        let mut show = Show::default();
        // The session appears when the commit has been applied; until then the backend says that there is none.
        for delay in std::iter::repeat_n(std::time::Duration::from_millis(25), 1200) {
            let bearer = token.clone();
            let stream = follow_events(
                &self.backend,
                &format!("{path}?run={run}&after={seen}"),
                Arc::new(move || Ok(bearer.clone())),
            )
            .await;
            match stream {
                Ok(mut stream) => {
                    while let Some(Ok(frame)) = stream.next().await {
                        if frame.event.as_deref() == Some(SEALED) {
                            return;
                        }
                        seen = frame.id.unwrap_or(seen);
                        show.line(progress, &frame.data);
                    }
                }
                Err(error) if error.is_not_found() => {}
                Err(ClientError::Status { .. }) => return,
                Err(_) => {}
            }
            tokio::time::sleep(delay).await;
        }
    }
}

/// Shows each entry of the conversation once it is complete.
#[derive(Default)]
struct Show {
    conversation: Conversation,
    shown: usize,
    results: BTreeMap<String, ()>,
}

impl Show {
    fn line(&mut self, progress: &Progress, line: &str) {
        self.conversation.apply_line(line);
        while let Some(entry) = self.conversation.entries.get(self.shown) {
            if !say(progress, entry) {
                break;
            }
            self.shown += 1;
        }
        for entry in &self.conversation.entries {
            if let Entry::Tool { id, result: Some(result), .. } = entry
                && self.results.insert(id.clone(), ()).is_none()
            {
                progress.said("result", result);
            }
        }
    }
}

/// Says an entry if it is complete.
fn say(progress: &Progress, entry: &Entry) -> bool {
    match entry {
        Entry::Assistant { open: true, .. }
        | Entry::Reasoning { open: true, .. }
        | Entry::Tool { open: true, .. } => {
            return false;
        }
        Entry::User { text, .. } => progress.said("user", text),
        Entry::Assistant { text, .. } => progress.said("agent", text),
        Entry::Reasoning { text, .. } => progress.said("thinks", text),
        Entry::Tool { name, arguments, .. } => progress.said("tool", &format!("{name} {arguments}")),
        Entry::Activity { activity, .. } => progress.said("does", activity),
        Entry::Notice { text } => progress.said("note", text),
    }
    true
}

/// Whether nothing more will come: the run has ended and its result is recorded, or an edit is needed.
fn is_over(status: &AgenticSessionStatus) -> bool {
    let ended = status.phase.is_some_and(Phase::is_ended);
    let invalid = find(&status.conditions, ConditionType::Ready.as_str()).is_some_and(|ready| {
        matches!(ready.reason.as_str(), "Invalid" | "CeilingExceeded" | "OtherInstallation")
    });
    (ended && is_recorded(status)) || invalid
}

/// Stores the key of the agent's model. The Project's namespace exists before its session: it is made with the first
/// commit.
pub(super) async fn put_key(client: &Client, entries: BTreeMap<&'static str, String>) -> anyhow::Result<()> {
    wait_for_namespace(client).await?;
    let data: BTreeMap<_, _> =
        entries.into_iter().map(|(entry, value)| (entry, ByteString(value.into_bytes()))).collect();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), PROJECT);
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": RUNNER_SECRET}, "data": data});
    let params = PatchParams::apply("ambient-cli").force();
    let stored = secrets.patch(RUNNER_SECRET, &params, &Patch::Apply(secret)).await;
    stored.map(drop).context("cannot store the agent's key")
}

async fn wait_for_namespace(client: &Client) -> anyhow::Result<()> {
    use k8s_openapi::api::core::v1::Namespace;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let there = kube::runtime::wait::await_condition(namespaces, PROJECT, |namespace: Option<&Namespace>| {
        namespace.is_some()
    });
    tokio::time::timeout(std::time::Duration::from_secs(30), there)
        .await
        .context("the project's namespace did not appear within 30 seconds")??;
    Ok(())
}
