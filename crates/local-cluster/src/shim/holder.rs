//! Holding a pod: its containers in order, its end when it is asked for, its report on disk before anybody asks.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    io,
    path::Path,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::Instant,
};

use super::{
    bell::Bell,
    container::{self, Exited, Instance},
    files::{PodFiles, read_json, write_private, write_synced},
    lifecycle,
    log::now,
    processes::{self, descendants, end_by_force, end_group_by_force, marker_of, reap_orphans},
    record::{ContainerRecord, PodRecord, StopRecord},
    report::{ContainerReport, EndCause, PodReport, ProcessState, Termination},
    termination::last_words,
};

/// Between two looks at processes that are being ended by force.
const ROUND: Duration = Duration::from_millis(10);
/// How long strays of one container are looked for while others run.
const STRAYS_LIMIT: Duration = Duration::from_secs(10);
/// Between two attempts to write the last report, on a disk that is full.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

/// Why a pod is not held.
#[derive(Debug, thiserror::Error)]
pub(super) enum HoldError {
    /// A shim holds it, or has held it: a pod is run once.
    #[error("{0} is held by another shim, or has been")]
    Held(String),
    /// There is nothing to hold.
    #[error("{0} is missing")]
    NoRecord(String),
    /// The machine does not let it.
    #[error("cannot hold the pod: {0}")]
    Machine(#[from] io::Error),
}

/// Holds the pod in a folder until everything of it has ended.
pub(super) fn hold(folder: &Path) -> Result<(), HoldError> {
    let files = PodFiles::new(folder);
    let lock = take_lock(&files)?;
    // A leader of a group, which has no need to be one of a session, is started by hand only.
    let _ = nix::unistd::setsid();
    processes::adopt_orphans().map_err(io::Error::from)?;
    let record: PodRecord = read_json(&files.record())?
        .ok_or_else(|| HoldError::NoRecord(files.record().display().to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Holder::new(files, record)?.run().await })?;
    drop(lock);
    Ok(())
}

/// The lock says that this process lives; a report that one has lived before.
fn take_lock(files: &PodFiles) -> Result<File, HoldError> {
    let held = || HoldError::Held(files.folder().display().to_string());
    let lock = File::options().create(true).append(true).open(files.lock())?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => held(),
        TryLockError::Error(error) => error.into(),
    })?;
    if files.report().exists() { Err(held()) } else { Ok(lock) }
}

struct Holder {
    files: PodFiles,
    record: Arc<PodRecord>,
    report: PodReport,
    instances: JoinSet<Exited>,
    /// Processes of running containers, by the containers' names.
    pids: BTreeMap<String, i32>,
    bell: Bell,
    terminations: Signal,
    children: Signal,
    deadline: Option<Instant>,
    by_force_at: Option<Instant>,
}

impl Holder {
    fn new(files: PodFiles, record: PodRecord) -> io::Result<Self> {
        let deadline = record.deadline_seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        Ok(Self {
            bell: Bell::hang(&files.bell())?,
            terminations: signal(SignalKind::terminate())?,
            children: signal(SignalKind::child())?,
            files,
            record: Arc::new(record),
            report: PodReport::new(now()),
            instances: JoinSet::new(),
            pids: BTreeMap::new(),
            deadline,
            by_force_at: None,
        })
    }

    async fn run(mut self) -> io::Result<()> {
        write_private(&self.files.report(), &self.report)?;
        // A wish from before the bell was hung.
        self.look_for_stop();
        let record = self.record.clone();
        while self.by_force_at.is_none() {
            let next = lifecycle::next(&record, &self.report, now());
            self.report.initialized |= next.initialized;
            if next.over {
                break;
            }
            if next.start.is_empty() {
                self.wait(next.wake_at).await?;
            }
            for container in next.start {
                self.start(container).await;
            }
        }
        self.end().await?;
        self.report.done = true;
        self.write_last_report().await;
        Ok(())
    }

    async fn start(&mut self, container: &ContainerRecord) {
        let before = self.report.containers.get(&container.name);
        let (restarts, last) = before.map_or((0, None), |known| (known.restarts + 1, known.ended().cloned()));
        let started = Instance::start(&self.files, &self.record, container, restarts).await;
        let state = match started {
            Ok(instance) => {
                let state = instance.state();
                self.pids.insert(instance.name.clone(), instance.pid);
                self.instances.spawn(instance.exit());
                state
            }
            Err(why) => ProcessState::Ended(container::never_ran(why)),
        };
        self.tell(&container.name, ContainerReport { state, restarts, last });
    }

    /// Waits for the next thing to happen to a pod that is not asked to end.
    async fn wait(&mut self, wake_at: Option<Timestamp>) -> io::Result<()> {
        let wake_in = wake_at.and_then(|at| Duration::try_from(at.duration_since(now())).ok());
        tokio::select! {
            Some(exited) = self.instances.join_next() => self.settle(exited?).await,
            rung = self.bell.rung() => {
                rung?;
                self.look_for_stop();
            }
            _ = self.terminations.recv() => self.ask_to_end(self.record.grace_seconds),
            _ = self.children.recv() => self.reap(),
            () = tokio::time::sleep(wake_in.unwrap_or_default()), if wake_at.is_some() => {}
            () = tokio::time::sleep_until(self.deadline.unwrap_or_else(Instant::now)), if self.deadline.is_some() => {
                self.report.cause = Some(deadline_exceeded());
                self.ask_to_end(self.record.grace_seconds);
            }
        }
        Ok(())
    }

    /// Ends what still runs: TERM to containers, then to sidecars, and when the time is over KILL to whatever descends
    /// from here, until nothing does.
    async fn end(&mut self) -> io::Result<()> {
        if self.by_force_at.is_none() {
            self.ask_to_end(self.record.grace_seconds);
        }
        let mut asked = Vec::new();
        loop {
            self.reap();
            let by_force = self.by_force_at.is_none_or(|at| at <= Instant::now());
            if self.pids.is_empty() || by_force {
                self.pids.values().copied().for_each(end_group_by_force);
                let left = descendants();
                left.iter().for_each(|process| end_by_force(process.pid));
                if left.is_empty() && self.instances.is_empty() {
                    return Ok(());
                }
            } else {
                self.ask_containers(&mut asked);
            }
            let look_at =
                if self.pids.is_empty() || by_force { Instant::now() + ROUND } else { self.force_time() };
            tokio::select! {
                Some(exited) = self.instances.join_next() => self.settle(exited?).await,
                rung = self.bell.rung() => {
                    rung?;
                    self.look_for_stop();
                }
                _ = self.children.recv() => {}
                () = tokio::time::sleep_until(look_at) => {}
            }
        }
    }

    /// Asks containers to end, each once; sidecars when no other container runs any more.
    fn ask_containers(&self, asked: &mut Vec<i32>) {
        let is_sidecar = |name: &str| self.record.container(name).is_some_and(|container| container.sidecar);
        let only_sidecars = self.pids.keys().all(|name| is_sidecar(name));
        for (name, pid) in &self.pids {
            if (only_sidecars || !is_sidecar(name)) && !asked.contains(pid) {
                processes::ask_to_end(*pid);
                asked.push(*pid);
            }
        }
    }

    /// Takes an exit in: what the container left behind ends with it, its log is whole, its end is on disk.
    async fn settle(&mut self, exited: Exited) {
        let name = exited.name.clone();
        self.pids.retain(|_, pid| *pid != exited.pid);
        self.end_strays(&name).await;
        let mut termination: Termination = exited.settle().await;
        let known = self.report.containers.get(&name);
        let (restarts, last) = known.map_or((0, None), |known| (known.restarts, known.last.clone()));
        let log = self.files.log(&name, restarts);
        let from_log = termination.exit_code != 0
            && self.record.container(&name).is_some_and(|container| container.message_from_log);
        termination.message = last_words(&self.files.message(&name), from_log.then_some(log.as_path()));
        self.tell(&name, ContainerReport { state: ProcessState::Ended(termination), restarts, last });
    }

    /// Ends by force what a container left behind. Orphans that do not say whose they are stay until the pod's last
    /// container has ended.
    async fn end_strays(&self, container: &str) {
        let marker = container::marker(&self.record, container);
        let give_up_at = Instant::now() + STRAYS_LIMIT;
        loop {
            self.reap();
            let is_stray = |process: &processes::Descendant| {
                let is_orphan = !self.pids.values().any(|pid| *pid == process.branch);
                is_orphan && (self.pids.is_empty() || marker_of(process.pid).as_ref() == Some(&marker))
            };
            let strays: Vec<_> = descendants().into_iter().filter(is_stray).collect();
            if strays.is_empty() || Instant::now() >= give_up_at {
                return;
            }
            strays.iter().for_each(|process| end_by_force(process.pid));
            tokio::time::sleep(ROUND).await;
        }
    }

    fn reap(&self) {
        let mut managed: Vec<i32> = self.pids.values().copied().collect();
        managed.sort_unstable();
        reap_orphans(&managed);
    }

    fn look_for_stop(&mut self) {
        match read_json::<StopRecord>(&self.files.stop()) {
            Ok(Some(stop)) => {
                self.report.cause = self.report.cause.take().or(stop.cause);
                self.ask_to_end(stop.grace_seconds);
            }
            Ok(None) => {}
            Err(error) => say(&format!("the wish to stop cannot be read: {error}")),
        }
    }

    /// Asks the pod to end; a later wish can only shorten the time.
    fn ask_to_end(&mut self, grace_seconds: u64) {
        let at = Instant::now() + Duration::from_secs(grace_seconds);
        self.by_force_at = Some(self.by_force_at.map_or(at, |known| known.min(at)));
    }

    fn force_time(&self) -> Instant {
        self.by_force_at.unwrap_or_else(Instant::now)
    }

    /// Takes a container's report in and writes it. An end is synced to disk: nobody could find it out again.
    fn tell(&mut self, container: &str, report: ContainerReport) {
        let ended = !report.is_running();
        self.report.containers.insert(container.to_owned(), report);
        let next = lifecycle::next(&self.record, &self.report, now());
        self.report.initialized |= next.initialized;
        let path = self.files.report();
        let written =
            if ended { write_synced(&path, &self.report) } else { write_private(&path, &self.report) };
        if let Err(error) = written {
            // The next report holds this one too; the last is written until it is there.
            say(&format!("{} cannot be written: {error}", path.display()));
        }
    }

    async fn write_last_report(&self) {
        let path = self.files.report();
        while let Err(error) = write_synced(&path, &self.report) {
            say(&format!("{} cannot be written: {error}", path.display()));
            if !self.files.folder().exists() {
                return;
            }
            tokio::time::sleep(WRITE_AGAIN).await;
        }
    }
}

fn deadline_exceeded() -> EndCause {
    EndCause {
        reason: "DeadlineExceeded".to_owned(),
        message: "Pod was active on the node longer than the specified deadline".to_owned(),
    }
}

/// Tells `shim.log`.
fn say(message: &str) {
    use io::Write;
    // Nobody can be told that it cannot be written.
    let _ = writeln!(io::stderr(), "{} {message}", now());
}
