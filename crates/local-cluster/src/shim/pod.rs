//! Holding a pod: its containers in order, its end when it is asked for, its report on disk before anybody asks.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::container::RunningContainer;
use super::descendants::{adopt_orphans, living, reap_orphans, signal_all};
use super::record::{ContainerRecord, PodRecord, StopRecord, files, read_json, write_durably};
use super::report::{ContainerReport, PodReport};

/// Holds the pod in a folder until everything of it has ended.
pub(super) fn hold(folder: &Path) -> Result<(), String> {
    // A session of its own: no signal to the terminal or to the parent's group reaches the pod. A leader has one already.
    let _ = nix::unistd::setsid();
    let lock =
        File::create(folder.join(files::LOCK)).map_err(|error| format!("cannot open the lock: {error}"))?;
    lock.try_lock().map_err(|error| format!("another shim holds this pod: {error}"))?;
    adopt_orphans().map_err(|error| format!("cannot adopt orphans: {error}"))?;
    let record: PodRecord = read_json(&folder.join(files::POD))
        .map_err(|error| format!("cannot read {}: {error}", files::POD))?
        .ok_or("there is no pod to hold")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let holder = Holder::new(folder, record).map_err(|error| error.to_string())?;
        holder.run().await.map_err(|error| error.to_string())
    })
}

struct Holder {
    folder: PathBuf,
    record: PodRecord,
    report: PodReport,
    running: JoinSet<(String, ContainerReport)>,
    pids: Vec<i32>,
    ending: Option<Ending>,
    stops: mpsc::UnboundedReceiver<()>,
    deadline: Option<Instant>,
    _watcher: notify::RecommendedWatcher,
}

struct Ending {
    by_force_at: Instant,
}

/// How often ended orphans are collected and, once the pod ends, its processes are looked for.
const ROUND: Duration = Duration::from_millis(100);

impl Holder {
    fn new(folder: &Path, record: PodRecord) -> Result<Self, Box<dyn std::error::Error>> {
        let (sender, stops) = mpsc::unbounded_channel();
        let mut watcher = notify::recommended_watcher(move |_| {
            // The receiver ends with the process.
            let _ = sender.send(());
        })?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        std::fs::create_dir_all(folder.join(files::LOGS))?;
        let deadline = record.deadline_seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        Ok(Self {
            folder: folder.to_owned(),
            record,
            report: PodReport::default(),
            running: JoinSet::new(),
            pids: Vec::new(),
            ending: None,
            stops,
            deadline,
            _watcher: watcher,
        })
    }

    async fn run(mut self) -> std::io::Result<()> {
        self.write_report()?;
        let mut init: std::collections::VecDeque<_> = self.record.init.clone().into();
        let mut pending: Vec<_> = self.record.containers.clone();
        loop {
            self.start_next(&mut init, &mut pending).await?;
            if self.is_over(&init, &pending) {
                break;
            }
            self.step().await?;
        }
        self.end_everything().await;
        self.report.done = true;
        self.write_report()
    }

    /// Starts what may start now: the next init container once the last one is done, then all containers.
    async fn start_next(
        &mut self,
        init: &mut std::collections::VecDeque<ContainerRecord>,
        pending: &mut Vec<ContainerRecord>,
    ) -> std::io::Result<()> {
        while self.ending.is_none() && !self.waits_for_init() {
            let Some(next) = init.pop_front() else { break };
            self.start(&next).await?;
        }
        if self.ending.is_none() && init.is_empty() && !self.waits_for_init() && !pending.is_empty() {
            self.report.initialized = !self.init_failed();
            for record in std::mem::take(pending) {
                if self.report.initialized {
                    self.start(&record).await?;
                }
            }
        }
        Ok(())
    }

    fn waits_for_init(&self) -> bool {
        let blocking = self.record.init.iter().filter(|record| !record.sidecar);
        blocking.filter_map(|record| self.report.containers.get(&record.name)).any(|state| !state.succeeded())
    }

    fn init_failed(&self) -> bool {
        let blocking = self.record.init.iter().filter(|record| !record.sidecar);
        let states = blocking.filter_map(|record| self.report.containers.get(&record.name));
        states.into_iter().any(|state| !state.runs() && !state.succeeded())
    }

    /// Over when an end was asked for, an init container failed, or every ordinary container has ended.
    fn is_over(
        &self,
        init: &std::collections::VecDeque<ContainerRecord>,
        pending: &[ContainerRecord],
    ) -> bool {
        if self.ending.is_some() || self.init_failed() {
            return true;
        }
        let ended = |record: &ContainerRecord| {
            self.report.containers.get(&record.name).is_some_and(|state| !state.runs())
        };
        init.is_empty() && pending.is_empty() && self.record.containers.iter().all(ended)
    }

    async fn start(&mut self, record: &ContainerRecord) -> std::io::Result<()> {
        let state = match RunningContainer::start(&self.folder, record).await {
            Ok(container) => {
                let state = container.report();
                self.pids.push(container.pid);
                self.running.spawn(container.wait());
                state
            }
            Err(message) => ContainerReport::NotStarted { message },
        };
        self.report.containers.insert(record.name.clone(), state);
        self.write_report()
    }

    /// Waits for the next thing to happen.
    async fn step(&mut self) -> std::io::Result<()> {
        let deadline = self.deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            Some(ended) = self.running.join_next() => self.note(ended)?,
            Some(()) = self.stops.recv() => self.look_for_stop()?,
            () = tokio::time::sleep_until(deadline), if self.deadline.is_some() => {
                self.report.reason = Some("DeadlineExceeded".to_owned());
                self.ask_to_end(self.record.grace_seconds);
            }
            () = tokio::time::sleep(ROUND * 10) => reap_orphans(&self.pids),
        }
        Ok(())
    }

    fn note(
        &mut self,
        ended: Result<(String, ContainerReport), tokio::task::JoinError>,
    ) -> std::io::Result<()> {
        if let Ok((name, state)) = ended {
            self.report.containers.insert(name, state);
            self.write_report()?;
        }
        Ok(())
    }

    fn look_for_stop(&mut self) -> std::io::Result<()> {
        if let Some(stop) = read_json::<StopRecord>(&self.folder.join(files::STOP))? {
            self.ask_to_end(stop.grace_seconds);
        }
        Ok(())
    }

    fn ask_to_end(&mut self, grace_seconds: u64) {
        let by_force_at = Instant::now() + Duration::from_secs(grace_seconds);
        let by_force_at =
            self.ending.as_ref().map_or(by_force_at, |ending| ending.by_force_at.min(by_force_at));
        self.ending = Some(Ending { by_force_at });
    }

    /// TERM to all, then after the grace period KILL to whatever descends from here, until nothing does. Without an
    /// ending that was asked for, the containers are gone and only strays are left: they get no grace.
    async fn end_everything(&mut self) {
        let by_force_at = self.ending.as_ref().map_or_else(Instant::now, |ending| ending.by_force_at);
        signal_all(Signal::SIGTERM);
        loop {
            while let Some(ended) = self.running.try_join_next() {
                // A report that cannot be written now is written whole at the end.
                let _ = self.note(ended);
            }
            reap_orphans(&self.pids);
            if living().is_empty() && self.running.is_empty() {
                return;
            }
            if Instant::now() >= by_force_at {
                signal_all(Signal::SIGKILL);
            }
            tokio::select! {
                Some(ended) = self.running.join_next() => drop(self.note(ended)),
                Some(()) = self.stops.recv() => drop(self.look_for_stop()),
                () = tokio::time::sleep(ROUND / 5) => {}
            }
        }
    }

    fn write_report(&self) -> std::io::Result<()> {
        write_durably(&self.folder.join(files::REPORT), &serde_json::to_vec(&self.report)?)
    }
}
