//! What becomes of turns that were cut off: by a kill of their runner, or the loss of its node.

use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Event, Outcome};

use super::RunnerError;
use super::attempt::Attempt;
use super::ending::{ending_event, is_last, turn_end};
use crate::clock;
use crate::turn::TurnEnd;
use crate::workspace::WorkspaceRecord;

impl Attempt {
    /// Another runner started this attempt's turn and was killed: nobody can take up its agent's streams (rule 19).
    pub(super) async fn end_interrupted(&mut self) -> Result<Outcome, RunnerError> {
        self.carrier.sweep(&self.mark()).await;
        let record = WorkspaceRecord::read(&self.state.workspace_record()).unwrap_or_default();
        let facts = self.recorder.facts();
        let waits = !facts.attendance().questions().is_empty();
        let is_ours = facts.turn().is_some_and(|turn| self.is_ours(turn));
        let interactive = self.is_interactive();
        match facts.ending().filter(|_| !waits).cloned() {
            Some(ending) if is_ours && (!interactive || is_last(&ending)) => {
                let (repositories, _) = self.collect(&record).await;
                self.store_outcome(&turn_end(&ending), clock::now(), repositories)
            }
            // Nobody worked: nothing is lost but a process, and the next message takes the conversation up.
            Some(ending) if interactive && !is_last(&ending) => {
                self.end_idle("the runner was killed while nobody worked")
            }
            _ => self.end_crashed(is_ours, waits, &record).await,
        }
    }

    async fn end_crashed(
        &mut self,
        is_ours: bool,
        waits: bool,
        record: &WorkspaceRecord,
    ) -> Result<Outcome, RunnerError> {
        let input = self.expected_input();
        if !is_ours {
            self.recorder.record(Event::run_started(input.clone()))?;
        }
        let doing = if waits { "waited for an answer" } else { "worked" };
        let message = format!("the runner was killed while the agent {doing}");
        self.conclude(TurnEnd::failed(ExitReason::AgentCrashed, message), &input, record).await
    }

    /// Attempts share a workspace: what an earlier one left running must not work in it beside this one.
    pub(super) async fn sweep_earlier_attempts(&self) {
        let session = &self.config.session;
        for number in 1..self.config.attempt.attempt {
            let earlier = session.key.attempt(number);
            self.carrier.sweep(&format!("{}/{earlier}", session.session_uid)).await;
        }
    }

    /// The attempt before this one may have been cut off within its turn, or while a question was open. As far as
    /// anybody knows that was with its last event: the time since then is nobody's work.
    pub(super) fn end_earlier_attempt(&mut self) -> Result<(), RunnerError> {
        let facts = self.recorder.facts();
        let is_open = self.recorder.is_active() || !facts.attendance().questions().is_empty();
        if !is_open || facts.turn().is_some_and(|turn| self.is_ours(turn)) {
            return Ok(());
        }
        let last_at = facts.last_at().unwrap_or_else(clock::now);
        self.recorder.close_open()?;
        let end = TurnEnd::failed(ExitReason::AgentCrashed, "this attempt was cut off");
        self.recorder.record(ending_event(&end, &self.expected_input()).at(last_at))?;
        Ok(())
    }

    /// Whether a turn is one of this attempt's.
    fn is_ours(&self, turn: &str) -> bool {
        let attempt = self.config.attempt.to_string();
        turn.strip_prefix(&attempt).is_some_and(|rest| rest.is_empty() || rest.starts_with("-t"))
    }
}
