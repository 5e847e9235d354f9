//! Recording an ended run: agent branches and transcript first, then ledger and result in one commit (ADR 0008).

use std::collections::BTreeMap;

use ambient_crds::conditions::Reason;
use ambient_crds::names::digest;
use ambient_protocol::client::{ClientError, RunnerClient};
use ambient_protocol::conversation::Conversation;
use ambient_protocol::documents::to_yaml;
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::ledger::{Claim, Ending, TranscriptReference};
use ambient_protocol::outcome::Outcome;
use ambient_protocol::result::{Output, README_FILE, RESULT_FILE, RunResult};

use super::count;
use super::progress::Recorded;
use super::publish::{PublishError, Published, publish};
use super::remains::Loss;
use super::transcript::{StoredTranscript, Transcript};
use crate::context::Context;
use crate::ledger::{Edit, EditRefusal, WriteError};
use crate::result::{ResultInputs, render_readme, result_document, to_milliseconds};

/// Why a run cannot be recorded yet.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    /// The runner cannot be read.
    #[error("cannot read the outcome from the runner: {0}")]
    Runner(#[from] ClientError),
    /// What the run has used is not known.
    #[error("the broker does not tell what the run has used: {0}")]
    Usage(#[source] ClientError),
    /// The transcript is not what the outcome says.
    #[error("the event log does not match the outcome: {0}")]
    Transcript(String),
    /// A repository cannot be pushed to.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The results branch cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A document cannot be made.
    #[error(transparent)]
    Document(#[from] ambient_protocol::documents::DocumentError),
}

impl RecordError {
    /// The public reason.
    #[must_use]
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Usage(_) => Reason::Unavailable.as_str(),
            _ => Reason::PushFailed.as_str(),
        }
    }

    /// Whether the runner is not there to tell what is missing.
    #[must_use]
    pub(super) fn is_unserved(&self) -> bool {
        match self {
            Self::Runner(error) | Self::Publish(PublishError::Runner { error, .. }) => error.is_absence(),
            _ => false,
        }
    }

    /// Whether the results branch belongs to somebody else by now.
    #[must_use]
    pub(super) fn is_fenced(&self) -> bool {
        matches!(self, Self::Write(WriteError::Foreign { .. } | WriteError::Fenced { .. }))
    }
}

/// Records an outcome, and how the run was lost of which it is what was left; repeated, it changes nothing.
///
/// # Errors
/// See [`RecordError`]; each is worth another try.
pub(super) async fn record(
    context: &Context,
    session: &EffectiveSession,
    runner: &RunnerClient,
    outcome: &Outcome,
    loss: Option<&Loss>,
    transcript: &mut Transcript,
) -> Result<Recorded, RecordError> {
    let outcome = &count::settled(context, session, outcome).await.map_err(RecordError::Usage)?;
    transcript.complete(runner, outcome).await?;
    let stored = transcript.stored(outcome);
    context.results.branch(&session.results).await?.confirm().await?;
    let reference = store_transcript(context, session, &stored).await?;
    let published = publish(context, session, runner, outcome).await?;
    let ending = Ending {
        at: to_milliseconds(outcome.ended_at),
        phase: outcome.exit.phase(),
        reason: loss.map_or(outcome.exit.as_str(), |loss| loss.reason.as_str()).to_owned(),
        message: outcome.message.clone(),
        attempt: outcome.attempt,
        usage: outcome.usage,
        has_result: true,
        transcript: Some(reference),
        outputs: published.iter().map(|one| one.output.clone()).collect(),
    };
    let conversation = Conversation::from_transcript(transcript.text());
    let files = result_files(context, session, Some(outcome), &ending, &published, &conversation)?;
    write_ending(context, session, ending, files).await
}

/// The ending that the new owner of a branch has given a run of ours: that one counts, nothing more is written.
pub(super) async fn ended_by_others(context: &Context, session: &EffectiveSession) -> Option<Recorded> {
    let branch = context.results.branch(&session.results).await.ok()?;
    let snapshot = branch.as_of_others().await.ok()?;
    let ending = snapshot.entry(&session.key).ok()??.ended?;
    Some(Recorded { ending, commit: snapshot.commit() })
}

/// Records an ending for which there is no outcome, with as much of the log as was seen.
///
/// # Errors
/// See [`RecordError`].
pub(super) async fn conclude(
    context: &Context,
    session: &EffectiveSession,
    mut ending: Ending,
    seen: &Transcript,
) -> Result<Recorded, RecordError> {
    ending.usage = count::used(context, session, ending.usage).await.map_err(RecordError::Usage)?;
    if let Some(stored) = seen.as_far_as_seen() {
        context.results.branch(&session.results).await?.confirm().await?;
        ending.transcript = Some(store_transcript(context, session, &stored).await?);
    }
    let conversation = Conversation::from_transcript(seen.text());
    let files = result_files(context, session, None, &ending, &[], &conversation)?;
    write_ending(context, session, ending, files).await
}

/// The claim of a run, as this installation makes it.
#[must_use]
pub(super) fn claim(context: &Context, session: &EffectiveSession) -> Claim {
    Claim {
        at: session.pinned_at,
        installation: context.installation.name.clone(),
        cluster: context.installation.cluster.clone(),
        epoch: context.installation.epoch,
        session_uid: session.session_uid.clone(),
        source: session.source.clone(),
        effective_digest: session.digest(),
        result_path: session.result_path(),
    }
}

async fn write_ending(
    context: &Context,
    session: &EffectiveSession,
    ending: Ending,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<Recorded, RecordError> {
    let edit = Edit::End {
        key: session.key.clone(),
        claim: claim(context, session),
        ending: Box::new(ending.clone()),
        files,
    };
    let branch = context.results.branch(&session.results).await?;
    match branch.write(edit).await {
        Ok(commit) => Ok(Recorded { ending, commit }),
        // It has ended before, in other words: those stay.
        Err(WriteError::Refused(EditRefusal::Ended(entry))) => {
            Ok(Recorded { ending: entry.ended.unwrap_or(ending), commit: branch.snapshot().await?.commit() })
        }
        Err(error) => Err(error.into()),
    }
}

fn result_files(
    context: &Context,
    session: &EffectiveSession,
    outcome: Option<&Outcome>,
    ending: &Ending,
    published: &[Published],
    conversation: &Conversation,
) -> Result<BTreeMap<String, Vec<u8>>, RecordError> {
    let outputs: Vec<Output> = published.iter().map(|one| one.output.clone()).collect();
    let result: RunResult = result_document(&ResultInputs {
        session,
        installation: &context.installation,
        outcome,
        ending,
        outputs: &outputs,
        transcript: ending.transcript.as_ref(),
    });
    let folder = session.result_path();
    let mut files = BTreeMap::from([
        (format!("{folder}/{RESULT_FILE}"), to_yaml(&result)?.into_bytes()),
        (format!("{folder}/{README_FILE}"), render_readme(&result, conversation).into_bytes()),
    ]);
    for one in published {
        if let (Some(path), false) = (&one.output.patch, one.patch.is_empty()) {
            files.insert(format!("{folder}/{path}"), one.patch.clone());
        }
        let others = one.others.iter().map(|(path, patch)| (format!("{folder}/{path}"), patch.clone()));
        files.extend(others);
    }
    Ok(files)
}

async fn store_transcript(
    context: &Context,
    session: &EffectiveSession,
    stored: &StoredTranscript,
) -> Result<TranscriptReference, RecordError> {
    let branch = context.results.branch(&session.results).await?;
    let message = format!("Transcript of {}", session.key);
    let digest = digest(&stored.content);
    let usual = session.key.transcript_ref();
    // Whoever left another transcript there: that one stays, and this one is not lost for it.
    let beside = format!("{usual}-{}", &digest["sha256:".len()..][..12]);
    let store = |reference: String| {
        let (branch, message) = (&branch, &message);
        async move {
            let content = stored.content.clone();
            let stored = branch.store_transcript(&reference, message, session.pinned_at, content).await;
            stored.map(|commit| (reference, commit))
        }
    };
    let (reference, commit) = match store(usual).await {
        Err(WriteError::Occupied { .. }) => store(beside).await?,
        stored => stored?,
    };
    Ok(TranscriptReference { reference, commit, events: stored.events, digest, truncated: stored.truncated })
}
