//! Follows a run to its end, as one stream of frames, wherever its events are meanwhile.

use std::sync::Arc;
use std::time::Duration;

use ambient_protocol::client::RunnerClient;
use ambient_protocol::sse::{Frame, SEALED};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::mpsc;

use super::place::{self, Place};
use super::recorded::Transcript;
use super::runner;
use super::target::Target;
use super::transcript::numbered;
use crate::auth::Verb;
use crate::error::Error;
use crate::state::App;

/// Frames that wait for a slow client; the runner's log is the buffer beyond that.
const WAITING: usize = 256;
/// How often a stream's right is reviewed again.
const REVIEW: Duration = Duration::from_secs(30);
/// Reviews in a row that may stay without an answer, so that a short outage does not end every stream.
const UNANSWERED: u32 = 2;
/// The first and the longest pause after a runner could not be read.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Looked again after this, though watches tell every change.
const SAFETY_NET: Duration = Duration::from_secs(10);

/// The frames of a run after a sequence number, as they come. The stream ends with the frame `sealed` once the run's
/// log is whole, and without it where the right is lost, the session is gone or the backend ends.
pub(crate) fn follow(app: &Arc<App>, target: Target, after: u64) -> mpsc::Receiver<Frame> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let follower = Follower { app: Arc::clone(app), target, after, pause: PAUSES.0, sender };
    tokio::spawn(follower.run());
    receiver
}

struct Follower {
    app: Arc<App>,
    target: Target,
    after: u64,
    pause: Duration,
    sender: mpsc::Sender<Frame>,
}

/// What a step of following came to.
enum Step {
    /// Look again after a change, or a while.
    Wait,
    /// Look again after a short pause.
    Pause,
    /// There is nothing more.
    End,
}

impl Follower {
    async fn run(mut self) {
        let (app, target, closed) = (Arc::clone(&self.app), self.target.clone(), self.sender.clone());
        tokio::select! {
            () = closed.closed() => {}
            () = app.shutdown.cancelled() => {}
            () = right_lost(&app, &target) => {}
            () = self.forward() => {}
        }
    }

    async fn forward(&mut self) {
        // The bell is taken before looking, so that a change in between is not missed.
        let mut bell = self.app.sessions.bell(self.target.key.project(), self.target.key.session());
        loop {
            let step = self.step().await.unwrap_or_else(|error| {
                tracing::warn!(run = %self.target.key, %error, "a stream cannot find its run");
                Step::Pause
            });
            match step {
                Step::Wait => tokio::select! {
                    () = bell.rung(&self.app.sessions) => {}
                    () = pod_appears(&self.target) => {}
                    () = tokio::time::sleep(SAFETY_NET) => {}
                },
                Step::Pause => {
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(PAUSES.1);
                }
                Step::End => return,
            }
        }
    }

    async fn step(&mut self) -> Result<Step, Error> {
        self.target = self.target.clone().refreshed().await?;
        Ok(match place::find(&self.app, &self.target).await? {
            Place::Runner(client) => self.copy(&client).await,
            Place::Record(transcript) => self.replay(&transcript).await,
            Place::Nowhere => self.seal(self.after).await,
            Place::NotYet => Step::Wait,
            Place::Gone => Step::End,
        })
    }

    async fn copy(&mut self, client: &RunnerClient) -> Step {
        let mut stream = match client.events(self.after).await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(run = %self.target.key, %error, "the runner cannot be read yet");
                return Step::Pause;
            }
        };
        while let Some(Ok(frame)) = stream.next().await {
            self.pause = PAUSES.0;
            let sealed = frame.event.as_deref() == Some(SEALED);
            if frame.id.is_some_and(|id| id <= self.after) {
                continue;
            }
            self.after = frame.id.unwrap_or(self.after);
            if self.sender.send(frame).await.is_err() || sealed {
                return Step::End;
            }
        }
        Step::Pause
    }

    async fn replay(&mut self, transcript: &Transcript) -> Step {
        let mut last = 0;
        for (sequence, line) in numbered(&transcript.text, transcript.truncated) {
            last = sequence;
            if sequence > self.after && self.sender.send(Frame::event(sequence, line)).await.is_err() {
                return Step::End;
            }
        }
        self.seal(last).await
    }

    async fn seal(&self, last: u64) -> Step {
        // A client that is gone needs no end.
        let _ = self.sender.send(Frame::sealed(last)).await;
        Step::End
    }
}

/// Ends when the user may no longer read the session, or when nobody has been able to tell for a while.
async fn right_lost(app: &App, target: &Target) {
    let (project, session) = (target.key.project(), target.key.session());
    let mut unanswered = 0;
    while unanswered <= UNANSWERED {
        tokio::time::sleep(REVIEW).await;
        match app.access.may(&target.user, Verb::Get, Some(project), Some(session)).await {
            Ok(true) => unanswered = 0,
            Ok(false) | Err(Error::InvalidToken | Error::Forbidden(_)) => return,
            Err(error) => {
                tracing::warn!(run = %target.key, %error, "a stream's right cannot be reviewed");
                unanswered += 1;
            }
        }
    }
}

/// Ends when a pod of the run has an address. The watch is the user's own.
async fn pod_appears(target: &Target) {
    let pods: Api<Pod> = Api::namespaced(target.user.client.clone(), target.key.project());
    let config = watcher::Config::default().labels(&runner::selector(target));
    let events = watcher(pods, config).default_backoff().applied_objects();
    let uid = target.uid();
    let serving = events.filter_map(|pod| {
        let found = pod
            .ok()
            .filter(|pod| runner::is_of(pod, uid.as_deref()))
            .and_then(|pod| runner::address_of(&pod));
        std::future::ready(found)
    });
    if std::pin::pin!(serving).next().await.is_none() {
        std::future::pending::<()>().await;
    }
}
