//! The Job controller: pods for Jobs, and Jobs' status from their pods.
//!
//! Pods carry the tracking finalizer until they have been counted in the Job's status, so that none is missed and none
//! counted twice whenever this process ends. What it does not do: Indexed Jobs, pod failure and success policies, limits per
//! index; such Jobs get an event that says so, and no pods.

mod account;
mod cache;
mod finish;
mod plan;
mod pod;

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy},
    runtime::{
        WatchStreamExt,
        events::Reporter,
        watcher::{self, Event, watcher},
    },
};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::{
    cache::{Cache, Key},
    plan::{Plan, plan},
    pod::TRACKING,
};
use crate::event_queue::{EventQueue, Note};

/// After a failed request a Job is tried again after this time, doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// Rounds of deciding and acting for one Job at a time. Each but the last changes something; this bounds a mistake.
const MOST_ROUNDS: usize = 16;

/// Runs Jobs until `shutdown`.
pub(crate) async fn run(client: Client, shutdown: CancellationToken) {
    let reporter = Reporter { controller: "job-controller".to_owned(), instance: None };
    let (events, write_events) = EventQueue::new(client.clone(), reporter);
    let controller = Controller { client, events, cache: Cache::default(), due: BTreeMap::new() };
    tokio::select! {
        () = async { tokio::join!(controller.run(), write_events); } => {}
        () = shutdown.cancelled() => {}
    }
}

struct Controller {
    client: Client,
    events: EventQueue,
    cache: Cache,
    /// Jobs that are to be looked at, and when; after how many failures.
    due: BTreeMap<Key, (Instant, u32)>,
}

/// What a round of acting has changed.
#[derive(Debug, PartialEq, Eq)]
enum Round {
    Nothing,
    Something,
    /// The Job is another than was known: news of it are on their way.
    Outdated,
}

impl Controller {
    async fn run(mut self) {
        let mut jobs = watch::<Job>(&self.client);
        let mut pods = watch::<Pod>(&self.client);
        loop {
            let next = self.next_due();
            tokio::select! {
                Some(event) = jobs.next() => self.take_job(event),
                Some(event) = pods.next() => self.take_pod(event),
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            self.work().await;
        }
    }

    /// When the next Job is due; none before both lists are whole: a pod that was not listed yet would be made again.
    fn next_due(&self) -> Option<Instant> {
        self.due.values().map(|(at, _)| *at).min().filter(|_| self.cache.is_whole())
    }

    fn take_job(&mut self, event: Result<Event<Job>, watcher::Error>) {
        match event {
            Ok(event) => {
                for key in self.cache.take_job(event) {
                    self.look_at(key);
                }
            }
            Err(error) => tracing::warn!(%error, "the watch of Jobs broke; it is tried again"),
        }
    }

    fn take_pod(&mut self, event: Result<Event<Pod>, watcher::Error>) {
        match event {
            Ok(event) => {
                for key in self.cache.take_pod(event) {
                    self.look_at(key);
                }
            }
            Err(error) => tracing::warn!(%error, "the watch of pods broke; it is tried again"),
        }
    }

    fn look_at(&mut self, key: Key) {
        let entry = self.due.entry(key).or_insert_with(|| (Instant::now(), 0));
        entry.0 = entry.0.min(Instant::now());
    }

    async fn work(&mut self) {
        while let Some(now) = self.next_due().map(|_| Instant::now()) {
            let ready = self.due.iter().find(|(_, (at, _))| *at <= now);
            let Some((key, (_, failures))) = ready.map(|(key, due)| (key.clone(), *due)) else { return };
            self.due.remove(&key);
            match self.reconcile(&key).await {
                Ok(Some(wake_at)) => drop(self.due.insert(key, (instant(wake_at), 0))),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(job = %key, %error, "the Job is tried again");
                    let pause = FIRST_RETRY.saturating_mul(1 << failures.min(16)).min(LONGEST_RETRY);
                    self.due.insert(key, (Instant::now() + pause, failures + 1));
                }
            }
        }
    }

    /// Decides and acts until nothing is left to do, and says when the Job is to be looked at again.
    async fn reconcile(&mut self, key: &Key) -> Result<Option<Timestamp>, kube::Error> {
        self.release_orphans(key).await?;
        for _ in 0..MOST_ROUNDS {
            let Some(job) = self.cache.job(key).cloned() else { return Ok(None) };
            let pods: Vec<Pod> = self.cache.pods_of(&job).cloned().collect();
            let plan = plan(&job, &pods, now());
            let wake_at = plan.wake_at;
            if self.act(key, &job, plan).await? != Round::Something {
                return Ok(wake_at);
            }
        }
        tracing::warn!(job = %key, "the Job does not come to rest; it is left until it changes");
        Ok(None)
    }

    async fn act(&mut self, key: &Key, job: &Job, plan: Plan) -> Result<Round, kube::Error> {
        let Plan { create, delete, release, status, wake_at: _, remove_job, notes } = plan;
        let (jobs, pods) = (self.jobs(&key.namespace), self.pods(&key.namespace));
        for note in notes {
            self.events.tell(job.object_ref(&()), note);
        }
        let mut changed = create > 0 || !delete.is_empty() || !release.is_empty();
        for _ in 0..create {
            let made = pods.create(&PostParams::default(), &pod::pod_of(job)).await?;
            let note = Note::normal("SuccessfulCreate", format!("Created pod: {}", made.name_any()));
            self.events.tell(job.object_ref(&()), note);
            self.cache.put_pod(made);
        }
        for name in delete {
            let deleted = pods.delete(&name, &DeleteParams::default()).await;
            if let Some(answer) = unless_missing(deleted)? {
                answer.map_left(|pod| self.cache.put_pod(pod));
                let note = Note::normal("SuccessfulDelete", format!("Deleted pod: {name}"));
                self.events.tell(job.object_ref(&()), note);
            }
        }
        for name in release {
            self.release(&key.namespace, &name).await?;
        }
        if let Some(status) = status {
            let wanted = Job { status: Some(*status), ..job.clone() };
            match jobs.replace_status(&job.name_any(), &PostParams::default(), &wanted).await {
                Ok(job) => self.cache.put_job(job),
                Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {
                    return Ok(Round::Outdated);
                }
                Err(error) => return Err(error),
            }
            changed = true;
        }
        if remove_job {
            let this = Preconditions { uid: job.uid(), resource_version: None };
            let parameters = DeleteParams {
                propagation_policy: Some(PropagationPolicy::Background),
                preconditions: Some(this),
                ..DeleteParams::default()
            };
            unless_missing(jobs.delete(&job.name_any(), &parameters).await)?;
            return Ok(Round::Outdated);
        }
        Ok(if changed { Round::Something } else { Round::Nothing })
    }

    /// Lets pods go whose Job is gone: nobody will count them.
    async fn release_orphans(&mut self, key: &Key) -> Result<(), kube::Error> {
        for name in self.cache.orphans(key) {
            self.release(&key.namespace, &name).await?;
        }
        Ok(())
    }

    async fn release(&mut self, namespace: &str, name: &str) -> Result<(), kube::Error> {
        let patch =
            Patch::Strategic(json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": [TRACKING] } }));
        let patched = self.pods(namespace).patch(name, &PatchParams::default(), &patch).await;
        match unless_missing(patched)? {
            Some(pod) => self.cache.put_pod(pod),
            None => self.cache.forget_pod(namespace, name),
        }
        Ok(())
    }

    fn jobs(&self, namespace: &str) -> Api<Job> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

fn watch<K>(client: &Client) -> BoxStream<'static, Result<Event<K>, watcher::Error>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    watcher(Api::<K>::all(client.clone()), watcher::Config::default()).default_backoff().boxed()
}

fn unless_missing<T>(result: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        other => other.map(Some),
    }
}

#[expect(clippy::disallowed_methods, reason = "deadlines are kept by the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn instant(time: Timestamp) -> Instant {
    Instant::now() + Duration::try_from(time.duration_since(now())).unwrap_or_default()
}
