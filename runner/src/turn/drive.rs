//! Drives an agent's process: feeds it, takes its lines, watches the clock, ends it and all it has started.

use std::time::Duration;

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use ambient_protocol::outcome::ExitReason;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lines::{LINE_LIMIT, Line, Tail, read_lines};
use super::voice::Voice;
use super::{TurnEnd, Watchdogs};
use crate::bridge::{Flow, Translation, Translator};
use crate::carrier::{AgentCommand, AgentExit, AgentProcess, Carrier, StartError, Streams};
use crate::log::Recorder;

/// A year: longer times do not fit every system's clock.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How often processes that an agent has forgotten are cleared away.
const REAPING: Duration = Duration::from_secs(10);

/// What it takes to run an agent once.
pub(crate) struct Job<'a> {
    pub(crate) carrier: &'a dyn Carrier,
    pub(crate) command: &'a AgentCommand,
    pub(crate) mark: &'a str,
    pub(crate) translator: Box<dyn Translator>,
    pub(crate) timeout: Duration,
    pub(crate) watchdogs: Watchdogs,
    pub(crate) stop: &'a CancellationToken,
}

/// Runs an agent to its end, whichever comes first: its own, its time's, or a stop. No process of it is left after.
pub(crate) async fn drive(job: Job<'_>, recorder: &mut Recorder) -> TurnEnd {
    let started = tokio::select! {
        started = job.carrier.start(job.command, job.mark) => started,
        () = job.stop.cancelled() => return stopped(),
    };
    let (streams, process) = match started {
        Ok(started) => started,
        Err(error) => return not_started(&error),
    };
    let Streams { stdin, stdout, stderr } = streams;
    let converses = job.translator.converses();
    let mut running = Running {
        voice: Voice::open(stdin, job.command.input.clone(), converses),
        converses,
        lines: read_lines(stdout, LINE_LIMIT),
        complaints: Tail::drain(stderr),
        process,
        translator: job.translator,
        watchdogs: job.watchdogs,
        deadline: Instant::now() + job.timeout.min(LONGEST_TIMEOUT),
        recorder,
    };
    let cause = running.follow(job.stop).await;
    let exit = running.end(&cause).await;
    running.judge(cause, exit, job.timeout)
}

fn stopped() -> TurnEnd {
    TurnEnd::failed(ExitReason::Stopped, "the run was stopped while its agent was being started")
}

fn not_started(error: &StartError) -> TurnEnd {
    TurnEnd::failed(ExitReason::AgentNotStarted, error.to_string())
}

/// A silence, as it stands when it begins: what becomes of the agent when it is called off changes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Silence {
    until: Instant,
    patience: Duration,
    of_model: bool,
}

/// Why the agent is not followed any longer.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    /// Its process has ended.
    Ended(AgentExit),
    /// It has said all, and does not end.
    Lingered,
    /// It was stopped from outside.
    Stopped,
    /// Its time is over.
    TimedOut,
    /// It has said nothing for too long.
    Silent(Silence),
    /// Its bridge sees no good end.
    Hopeless(String),
    /// Its events cannot be stored.
    Unrecorded(String),
}

struct Running<'a> {
    voice: Voice,
    converses: bool,
    lines: mpsc::Receiver<Line>,
    complaints: Tail,
    process: Box<dyn AgentProcess>,
    translator: Box<dyn Translator>,
    watchdogs: Watchdogs,
    deadline: Instant,
    recorder: &'a mut Recorder,
}

impl Running<'_> {
    async fn follow(&mut self, stop: &CancellationToken) -> Cause {
        let mut silence = self.silence(false);
        let mut concluded = false;
        let mut open = true;
        let mut reaping = tokio::time::interval(REAPING);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Cause::Stopped,
                line = self.lines.recv(), if open => match line {
                    None => open = false,
                    Some(line) => {
                        match self.take(&line) {
                            Err(cause) => return cause,
                            Ok(Flow::Concluded) => {
                                concluded = true;
                                self.voice.close();
                            }
                            Ok(_) => {}
                        }
                        silence = self.silence(concluded);
                    }
                },
                exit = self.process.wait() => return Cause::Ended(exit),
                _ = reaping.tick() => self.process.reap(),
                () = tokio::time::sleep_until(self.deadline) => return Cause::TimedOut,
                () = tokio::time::sleep_until(silence.until) => {
                    return if concluded { Cause::Lingered } else { Cause::Silent(silence) };
                }
            }
        }
    }

    /// The silence that begins now.
    fn silence(&self, concluded: bool) -> Silence {
        let patience = self.patience(concluded);
        Silence { until: Instant::now() + patience, patience, of_model: self.translator.awaits_model() }
    }

    /// How long it may be silent. One that converses waits for more when it has said all; the end of its standard input
    /// tells it that there is none.
    fn patience(&self, concluded: bool) -> Duration {
        let Watchdogs { silence, model, lingering, courtesy, .. } = self.watchdogs;
        match (concluded, self.converses) {
            (false, _) if self.translator.awaits_model() => model.min(silence),
            (false, _) => silence,
            (true, false) => lingering,
            (true, true) => courtesy,
        }
    }

    /// Tells an agent that can be told so that its turn is over, and hears it out for a moment.
    async fn call_off(&mut self, cause: &Cause) {
        if !matches!(cause, Cause::Stopped | Cause::TimedOut | Cause::Silent(_)) {
            return;
        }
        let words = self.translator.call_off();
        if words.is_empty() || self.voice.say(words).is_err() {
            return;
        }
        let until = Instant::now() + self.watchdogs.courtesy;
        loop {
            tokio::select! {
                biased;
                line = self.lines.recv() => match line.as_ref().map(|line| self.take(line)) {
                    Some(Ok(Flow::Continue)) => {}
                    _ => return,
                },
                _ = self.process.wait() => return,
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }

    /// Ends every process, then takes the lines that are still under way: with the last process gone, so is the
    /// last writer.
    async fn end(&mut self, cause: &Cause) -> AgentExit {
        self.call_off(cause).await;
        self.voice.close();
        self.process.stop(self.watchdogs.grace).await;
        let exit = match cause {
            Cause::Ended(exit) => *exit,
            _ => self.process.wait().await,
        };
        let until = Instant::now() + self.watchdogs.drain;
        while let Ok(Some(line)) = tokio::time::timeout_at(until, self.lines.recv()).await {
            if self.take(&line).is_err() && *cause != Cause::Stopped {
                break;
            }
        }
        exit
    }

    fn take(&mut self, line: &Line) -> Result<Flow, Cause> {
        let Translation { events, flow, words } = match line {
            Line::Whole(line) => self.translator.line(line),
            Line::Overlong { head, length } => {
                let events = vec![overlong(head, *length)];
                Translation { events, flow: self.translator.overlong(head, *length), words: Vec::new() }
            }
        };
        for event in events {
            self.recorder.record(event).map_err(|error| Cause::Unrecorded(error.to_string()))?;
        }
        self.voice.say(words).map_err(|error| Cause::Hopeless(error.to_string()))?;
        match flow {
            Flow::Abort(reason) => Err(Cause::Hopeless(reason)),
            flow => Ok(flow),
        }
    }

    fn judge(&mut self, cause: Cause, exit: AgentExit, timeout: Duration) -> TurnEnd {
        let report = self.translator.finish(exit);
        let end = TurnEnd { report };
        match cause {
            Cause::Ended(_) | Cause::Lingered => self.with_complaints(end),
            Cause::Stopped => end.overridden(ExitReason::Stopped, "the run was stopped".to_owned()),
            Cause::TimedOut => {
                let message = format!("the agent's time of {} s is over", timeout.as_secs());
                end.overridden(ExitReason::TimedOut, message)
            }
            Cause::Silent(silence) => end.overridden(ExitReason::AgentFailed, self.told_of(silence)),
            Cause::Hopeless(reason) => end.overridden(ExitReason::AgentFailed, reason),
            Cause::Unrecorded(error) => end.overridden(ExitReason::AgentFailed, error),
        }
    }

    /// Some agents tell only on standard error that they ask an overloaded service again and again.
    fn told_of(&self, silence: Silence) -> String {
        let (patience, complaints) = (silence.patience.as_secs(), self.complaints.text());
        let what = match silence.of_model {
            true => format!("the model gave no answer for {patience} s, and the agent was ended"),
            false => format!("the agent said nothing for {patience} s and was ended"),
        };
        if complaints.is_empty() { what } else { format!("{what}; it wrote: {complaints}") }
    }

    /// What a crashed agent wrote on standard error is mostly the best there is to say.
    fn with_complaints(&self, mut end: TurnEnd) -> TurnEnd {
        let complaints = self.complaints.text();
        if let Some(failure) = &mut end.report.failure
            && failure.reason == ExitReason::AgentCrashed
            && !complaints.is_empty()
        {
            failure.message = format!("{}; it wrote: {complaints}", failure.message);
        }
        end
    }
}

fn overlong(head: &str, length: usize) -> Event {
    let event = serde_json::json!({ "overlongLine": head, "bytes": length });
    EventBody::Raw { event, source: Some("ambient-runner".to_owned()), subagent_run_id: None }.into()
}
