//! Reads what a session's next step depends on. A read that fails is an error, never an absence.

use ambient_crds::git_source::GitSource;
use ambient_crds::labels;
use ambient_crds::names::{RunNumber, attempt_name, run_name};
use ambient_crds::project::{Project, ResultsTargetStatus};
use ambient_crds::project_settings::ProjectSettings;
use ambient_crds::session::AgenticSession;
use ambient_protocol::effective::{
    EffectiveSession, ResultsMode, ResultsSecret, ResultsTarget, SourceReference,
};
use ambient_protocol::run::{InvalidRunKey, RunKey};
use ambient_protocol::token::Signer;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};

use crate::context::Context;

use super::dependencies::Required;
use super::hindrances::{self, Children};
use super::observed::{AttemptState, PodState};
use super::pin::{self, PinError};
use super::pod_state::pod_state;
use super::volume::{self, VolumeNotes};

/// What was read.
#[derive(Debug)]
pub(super) struct Inputs {
    /// The current run.
    pub key: RunKey,
    /// Its number.
    pub run: RunNumber,
    /// The project.
    pub project: Option<Project>,
    /// Its settings.
    pub settings: Option<ProjectSettings>,
    /// Whether the namespace is being deleted.
    pub namespace_terminating: bool,
    /// What was pinned.
    pub pinned: Option<EffectiveSession>,
    /// The newest attempt.
    pub attempt: Option<AttemptState>,
    /// Whether a pod is still going whose Job was deleted.
    pub leaving: bool,
    /// What is written on the run's volume, where it matters and there is one.
    pub notes: Option<VolumeNotes>,
    /// The document the session came from.
    pub source: Option<SourceReference>,
    /// Sessions that must have completed first, as they stand.
    pub dependencies: Vec<Required>,
}

/// Why it could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// A name that can be no part of a run's key.
    #[error(transparent)]
    Name(#[from] InvalidRunKey),
    /// What is in the place of the pin does not count.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The API server's.
    #[error("cannot read {what}: {error}")]
    Api {
        /// What was read.
        what: &'static str,
        /// Its answer.
        error: kube::Error,
    },
}

/// Reads it.
///
/// # Errors
/// See [`FetchError`].
pub(super) async fn fetch(
    context: &Context,
    session: &AgenticSession,
    run: RunNumber,
) -> Result<Inputs, FetchError> {
    let client = &context.client;
    let namespace = session.namespace().unwrap_or_default();
    let key = RunKey::new(&namespace, &session.name_any(), run.get())?;
    let shared = run_name(key.session(), run);
    let (attempt, leaving) = newest_attempt(client, session, run, context.clock.now()).await?;
    let project = get(Api::all(client.clone()), &namespace, "Project").await?;
    let found = get(Api::namespaced(client.clone(), &namespace), &shared, "ConfigMap").await?;
    let mut pinned = pinned(found.as_ref(), &key, session, &context.signer)?;
    if let Some(pinned) = &mut pinned {
        pinned.results.secret = project.as_ref().and_then(results_secret);
    }
    Ok(Inputs {
        run,
        project,
        settings: get(
            Api::namespaced(client.clone(), &namespace),
            labels::PROJECT_SETTINGS_NAME,
            "ProjectSettings",
        )
        .await?,
        namespace_terminating: namespace_terminating(client, &namespace).await?,
        notes: notes(client, session, pinned.as_ref(), attempt.as_ref()).await?,
        pinned,
        attempt,
        leaving,
        source: source(client, session).await?,
        dependencies: dependencies(client, session).await?,
        key,
    })
}

/// Where a project's results go: what it says itself, or what was recorded from its root source.
#[must_use]
pub(crate) fn results_target(project: &Project) -> Option<ResultsTarget> {
    use ambient_crds::shared::ResultsMode as Declared;
    let mode = |mode: Declared| match mode {
        Declared::Commit => ResultsMode::Commit,
        Declared::PullRequest => ResultsMode::PullRequest,
    };
    if let Some(own) = &project.spec.results {
        return Some(ResultsTarget {
            url: own.url.clone(),
            branch: own.branch.clone(),
            mode: mode(own.mode),
            secret: results_secret(project),
        });
    }
    let recorded = project.status.as_ref()?.results.as_ref()?;
    Some(ResultsTarget {
        url: recorded.url.clone(),
        branch: recorded.branch.clone(),
        mode: mode(recorded.mode),
        secret: results_secret(project),
    })
}

/// The Secret that opens a project's results repository: its own, or that of its root source.
fn results_secret(project: &Project) -> Option<ResultsSecret> {
    match &project.spec.results {
        Some(own) => {
            let name = own.secret_ref.as_ref()?.name.clone();
            Some(ResultsSecret { namespace: project.name_any(), name })
        }
        None => recorded_secret(&project.name_any(), project.status.as_ref()?.results.as_ref()?),
    }
}

/// The Secret of a recorded target: in the system's namespace only where a root source named it.
#[must_use]
pub(crate) fn recorded_secret(project: &str, target: &ResultsTargetStatus) -> Option<ResultsSecret> {
    let namespace = if target.source.is_some() { labels::SYSTEM_NAMESPACE } else { project };
    Some(ResultsSecret { namespace: namespace.to_owned(), name: target.secret.clone()? })
}

async fn get<K>(api: Api<K>, name: &str, what: &'static str) -> Result<Option<K>, FetchError>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    api.get_opt(name).await.map_err(|error| FetchError::Api { what, error })
}

async fn namespace_terminating(client: &Client, namespace: &str) -> Result<bool, FetchError> {
    let found: Option<Namespace> = get(Api::all(client.clone()), namespace, "Namespace").await?;
    Ok(found.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()))
}

fn pinned(
    found: Option<&ConfigMap>,
    key: &RunKey,
    session: &AgenticSession,
    signer: &Signer,
) -> Result<Option<EffectiveSession>, PinError> {
    match found.map(|found| pin::read(found, key, session, signer)) {
        // One left behind by an earlier object of the same name is about to be collected; it is not ours.
        None | Some(Err(PinError::Earlier(_))) => Ok(None),
        Some(read) => read.map(Some),
    }
}

/// Only runs that may wait for messages sleep, and only those whose runner is gone leave anything for another.
async fn notes(
    client: &Client,
    session: &AgenticSession,
    pinned: Option<&EffectiveSession>,
    attempt: Option<&AttemptState>,
) -> Result<Option<VolumeNotes>, FetchError> {
    let has_ended = |attempt: &AttemptState| matches!(attempt.pod, PodState::Ended { .. });
    let is_lost = attempt.map_or_else(|| has_begun(session), |one| one.number > 1 || has_ended(one));
    let Some(pinned) = pinned.filter(|pinned| pinned.interactive || is_lost) else { return Ok(None) };
    let volume = run_name(pinned.key.session(), RunNumber::try_from(pinned.key.run()).unwrap_or_default());
    let read = volume::read(client, pinned.key.project(), &volume).await;
    read.map_err(|error| FetchError::Api { what: "the run's volume", error })
}

fn has_begun(session: &AgenticSession) -> bool {
    session.status.as_ref().is_some_and(|status| status.attempt.is_some_and(|one| one > 0))
}

async fn newest_attempt(
    client: &Client,
    session: &AgenticSession,
    run: RunNumber,
    now: Timestamp,
) -> Result<(Option<AttemptState>, bool), FetchError> {
    let namespace = session.namespace().unwrap_or_default();
    let uid = session.uid().unwrap_or_default();
    let selector = format!("{}={uid},{}={run}", labels::SESSION_UID, labels::RUN);
    let params = ListParams::default().labels(&selector);
    let jobs: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let jobs = jobs.list(&params).await.map_err(|error| FetchError::Api { what: "Jobs", error })?;
    if jobs.items.is_empty() && !has_begun(session) {
        return Ok((None, false));
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let pods = pods.list(&params).await.map_err(|error| FetchError::Api { what: "Pods", error })?;
    let live = jobs.items.iter().filter(|job| job.metadata.deletion_timestamp.is_none());
    let newest = live.map(|job| (attempt_number(job.labels()), job)).max_by_key(|(number, _)| *number);
    let number = newest.map(|(number, _)| number);
    let leaving = pods.iter().any(|pod| Some(attempt_number(pod.labels())) != number && !is_over(pod));
    let Some((number, job)) = newest else { return Ok((None, leaving)) };
    let pod = pods.iter().find(|pod| attempt_number(pod.labels()) == number);
    let volume = run_name(&session.name_any(), run);
    let children = Children { job, pod, volume: &volume };
    let state = pod_state(job, pod);
    let is_unexplained = hindrances::wants_explanation(&state);
    let is_going = pod.is_some_and(|pod| !is_over(pod));
    let state = hindrances::explained(client, &children, state, now).await?;
    let job_name = attempt_name(&session.name_any(), run, number);
    Ok((Some(AttemptState { number, job_name, pod: state, is_going, is_unexplained }), leaving))
}

fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn attempt_number(found: &std::collections::BTreeMap<String, String>) -> u32 {
    found.get(labels::ATTEMPT).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The repository, commit and file a session came from, read through the source that applied it.
async fn source(client: &Client, session: &AgenticSession) -> Result<Option<SourceReference>, FetchError> {
    let annotations = session.annotations();
    let (Some(name), Some(path)) =
        (annotations.get(labels::SOURCE_NAME), annotations.get(labels::SOURCE_PATH))
    else {
        return Ok(None);
    };
    let Some((namespace, name)) = name.split_once('/') else { return Ok(None) };
    let found: Option<GitSource> = get(Api::namespaced(client.clone(), namespace), name, "GitSource").await?;
    Ok(found.map(|found| SourceReference {
        repository: found.spec.url.clone(),
        commit: session.annotations().get(labels::SOURCE_COMMIT).cloned(),
        path: path.clone(),
    }))
}

async fn dependencies(client: &Client, session: &AgenticSession) -> Result<Vec<Required>, FetchError> {
    let api: Api<AgenticSession> = Api::namespaced(client.clone(), &session.namespace().unwrap_or_default());
    let mut found = Vec::new();
    for dependency in &session.spec.depends_on {
        let session = get(api.clone(), &dependency.name, "AgenticSession").await?;
        found.push(Required { dependency: dependency.clone(), session });
    }
    Ok(found)
}
