//! An agent's process, over as many turns as it lives: feeds it, takes its lines, watches the clock, ends it and all it
//! has started.

mod ending;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use ambient_protocol::outcome::ExitReason;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::cause::{Cause, Silence, note_complaints};
use super::lines::{LINE_LIMIT, Line, Tail, read_lines};
use super::terms::{Job, Opening, Pause, Turn};
use super::voice::Voice;
use super::{TurnEnd, Watchdogs};
use crate::bridge::{Flow, Translation, Translator};
use crate::carrier::{AgentExit, AgentProcess, StartError, Streams};
use crate::log::Recorder;

/// How often processes that an agent has forgotten are cleared away.
const REAPING: Duration = Duration::from_secs(10);
/// Lines that are taken one after the other before others may speak.
const IN_A_ROW: u32 = 64;

/// A started agent. Dropped, its own process is killed; whoever has one ends it.
pub(crate) struct Agent {
    voice: Voice,
    converses: bool,
    lines: mpsc::Receiver<Line>,
    open: bool,
    complaints: Tail,
    process: Box<dyn AgentProcess>,
    translator: Box<dyn Translator>,
    watchdogs: Watchdogs,
    /// When processes are cleared away next.
    reaping: Instant,
    concluded: bool,
    silence: Silence,
    /// When its turn is over that was called off.
    called_off: Option<Instant>,
}

impl Agent {
    /// Starts one.
    pub(crate) async fn start(job: Job<'_>) -> Result<Self, TurnEnd> {
        let started = tokio::select! {
            started = job.carrier.start(job.command, job.mark) => started,
            () = job.stop.cancelled() => return Err(stopped()),
        };
        let (Streams { stdin, stdout, stderr }, process) = started.map_err(|error| not_started(&error))?;
        let converses = job.translator.converses();
        let (now, patience) = (Instant::now(), job.watchdogs.silence);
        let mut agent = Self {
            voice: Voice::open(stdin, job.command.input.clone(), converses),
            converses,
            lines: read_lines(stdout, LINE_LIMIT, job.redactor.clone()),
            open: true,
            complaints: Tail::drain(stderr, job.redactor),
            process,
            translator: job.translator,
            watchdogs: job.watchdogs,
            reaping: now,
            concluded: false,
            silence: Silence { until: now, patience, of_model: false },
            called_off: None,
        };
        agent.silence = agent.silence_from_now();
        Ok(agent)
    }

    /// Follows it until it pauses. What interrupts that for a moment changes no bound.
    ///
    /// Its lines go before its end, so that none is lost. Those of an agent that says one after the other keep neither its
    /// bounds nor people waiting.
    pub(crate) async fn follow(&mut self, turn: &mut Turn<'_>) -> Pause {
        let mut in_a_row = 0;
        loop {
            if let Some(pause) = self.due(turn, &mut in_a_row) {
                return pause;
            }
            let called_off = self.called_off;
            tokio::select! {
                biased;
                () = turn.stop.cancelled() => return Pause::Over(Cause::Stopped),
                line = self.lines.recv(), if self.open => match line {
                    None => self.open = false,
                    Some(line) => {
                        in_a_row += 1;
                        if let Some(pause) = self.heard(&line, turn) {
                            return pause;
                        }
                    }
                },
                exit = self.process.wait() => return Pause::Over(Cause::Ended(exit)),
                Some(order) = turn.orders.recv() => return Pause::Wanted(order),
                () = tokio::time::sleep_until(self.reaping) => self.reap(),
                () = tokio::time::sleep_until(turn.deadline) => return Pause::Over(Cause::TimedOut),
                () = until(called_off) => return Pause::Over(Cause::BrokenOff),
                () = tokio::time::sleep_until(self.silence.until) => {
                    let silence = self.silence;
                    return Pause::Over(if self.concluded { Cause::Lingered } else { Cause::Silent(silence) });
                }
            }
        }
    }

    /// What has come by now, without waiting for it.
    fn due(&mut self, turn: &mut Turn<'_>, in_a_row: &mut u32) -> Option<Pause> {
        let now = Instant::now();
        if now >= self.reaping {
            self.reap();
        }
        if turn.stop.is_cancelled() {
            return Some(Pause::Over(Cause::Stopped));
        }
        if now >= turn.deadline {
            return Some(Pause::Over(Cause::TimedOut));
        }
        if self.called_off.is_some_and(|until| now >= until) {
            return Some(Pause::Over(Cause::BrokenOff));
        }
        if *in_a_row < IN_A_ROW {
            return None;
        }
        *in_a_row = 0;
        turn.orders.try_recv().ok().map(Pause::Wanted)
    }

    fn reap(&mut self) {
        self.process.reap();
        self.reaping = Instant::now() + REAPING;
    }

    /// Another turn begins: with answers, or with a message.
    pub(crate) fn go_on(
        &mut self,
        turn: &str,
        with: &Opening<'_>,
        recorder: &mut Recorder,
    ) -> Result<(), Cause> {
        self.translator.begin(turn);
        let translation = match with {
            Opening::Answers(answers) => Some(self.translator.answered(answers)),
            Opening::Message(text) => self.translator.said(text),
        };
        self.called_off = None;
        self.silence = self.silence_from_now();
        self.perform(translation.unwrap_or_default(), recorder).map(drop)
    }

    /// Says a message in the turn that goes on; `false` where it cannot be told.
    pub(crate) fn steer(&mut self, text: &str, recorder: &mut Recorder) -> Result<bool, Cause> {
        let translation = self.translator.said(text).filter(|_| !self.concluded);
        let heard = translation.is_some();
        self.perform(translation.unwrap_or_default(), recorder).map(|_| heard)
    }

    /// Has it work with another model; `false` where it cannot be told.
    pub(crate) fn use_model(&mut self, model: &str) -> bool {
        let words = self.translator.use_model(model).filter(|_| !self.concluded);
        words.is_some_and(|words| self.voice.say(words).is_ok())
    }

    /// Tells it that its turn is called off. One that cannot be told is ended by whoever follows it on.
    pub(crate) fn call_off(&mut self) {
        let words = self.translator.call_off();
        let told = !words.is_empty() && self.voice.say(words).is_ok();
        let courtesy = if told { self.watchdogs.courtesy } else { Duration::ZERO };
        self.called_off.get_or_insert_with(|| Instant::now() + courtesy);
    }

    /// What its turn amounts to, now that it rests.
    pub(crate) fn report(&mut self) -> TurnEnd {
        let end = TurnEnd { report: self.translator.report() };
        match self.called_off.take() {
            Some(_) => end.overridden(ExitReason::Stopped, super::BROKEN_OFF.to_owned()),
            None => end,
        }
    }

    /// What the framework calls the conversation.
    pub(crate) fn conversation(&self) -> Option<&str> {
        self.translator.conversation()
    }

    /// Whether it was to take up a conversation that is not there any more.
    pub(crate) fn has_lost_conversation(&self) -> bool {
        self.translator.has_lost_conversation()
    }

    /// Waits for its end, while nobody works. Safe to cancel.
    pub(crate) async fn ended(&mut self) -> AgentExit {
        loop {
            tokio::select! {
                exit = self.process.wait() => return exit,
                () = tokio::time::sleep_until(self.reaping) => self.reap(),
            }
        }
    }

    fn heard(&mut self, line: &Line, turn: &mut Turn<'_>) -> Option<Pause> {
        let pause = match self.take(line, turn.recorder) {
            Err(cause) => Some(Pause::Over(cause)),
            Ok(Flow::Asks(questions)) => Some(Pause::Asks(questions)),
            Ok(Flow::Concluded) if turn.stays && self.converses => Some(Pause::Rests),
            Ok(Flow::Concluded) => {
                self.concluded = true;
                self.voice.close();
                None
            }
            Ok(Flow::Continue | Flow::Abort(_)) => None,
        };
        if matches!(pause, Some(Pause::Rests)) {
            note_complaints(&mut *self.translator, &self.complaints, turn.recorder);
        }
        turn.conversation.note(self.translator.conversation());
        self.silence = self.silence_from_now();
        pause
    }

    fn take(&mut self, line: &Line, recorder: &mut Recorder) -> Result<Flow, Cause> {
        let translation = match line {
            Line::Whole(line) => self.translator.line(line),
            Line::Overlong { head, length } => {
                let events = vec![overlong(head, *length)];
                Translation { flow: self.translator.overlong(head, *length), ..Translation::of(events) }
            }
        };
        self.perform(translation, recorder)
    }

    fn perform(&mut self, translation: Translation, recorder: &mut Recorder) -> Result<Flow, Cause> {
        let Translation { events, flow, words } = translation;
        for event in events {
            let stored = recorder.check_room().and_then(|()| recorder.record(event));
            stored.map_err(|error| Cause::Unrecorded(error.to_string()))?;
        }
        self.voice.say(words).map_err(|error| Cause::Hopeless(error.to_string()))?;
        match flow {
            Flow::Abort(reason) => Err(Cause::Hopeless(reason)),
            flow => Ok(flow),
        }
    }

    /// The silence that begins now.
    fn silence_from_now(&self) -> Silence {
        let patience = self.patience();
        Silence { until: Instant::now() + patience, patience, of_model: self.translator.awaits_model() }
    }

    /// How long it may be silent. One that converses waits for more when it has said all; the end of its standard input
    /// tells it that there is none.
    fn patience(&self) -> Duration {
        let Watchdogs { silence, model, lingering, courtesy, .. } = self.watchdogs;
        match (self.concluded, self.converses) {
            (false, _) if self.translator.awaits_model() => model.min(silence),
            (false, _) => silence,
            (true, false) => lingering,
            (true, true) => courtesy,
        }
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

fn stopped() -> TurnEnd {
    TurnEnd::failed(ExitReason::Stopped, "the run was stopped while its agent was being started")
}

fn not_started(error: &StartError) -> TurnEnd {
    TurnEnd::failed(ExitReason::AgentNotStarted, error.to_string())
}

fn overlong(head: &str, length: usize) -> Event {
    let event = serde_json::json!({ "overlongLine": head, "bytes": length });
    EventBody::Raw { event, source: Some("ambient-runner".to_owned()), subagent_run_id: None }.into()
}
