//! The turns of one attempt: the first, then those that answers and messages begin, until the run ends or rests.

use std::time::Duration;

use ambient_protocol::events::{Event, Interrupt};
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Outcome, RunAgentInput};
use tokio::time::Instant;

use super::RunnerError;
use super::attempt::{Attempt, stopped_before_start};
use super::ending::{ending_event, question_event};
use super::openings::Begun;
use super::rest::{Rest, inactivity};
use crate::clock;
use crate::orders::{Taken, Unwanted, Wish};
use crate::server::Stage;
use crate::turn::{Agent, BROKEN_OFF, Cause, Pause, Turn, TurnEnd};
use crate::workspace::WorkspaceRecord;

/// A year: longer times do not fit every system's clock.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Where work on a turn comes to.
enum Halt {
    /// The agent waits for answers.
    Asks(Vec<Interrupt>),
    /// The turn has ended.
    Ended(TurnEnd),
    /// The conversation that was to be taken up is lost.
    Lost,
}

impl Attempt {
    /// Talks with the agent until the run has ended or rests. No process of the agent's is left after, whatever went
    /// wrong.
    pub(super) async fn converse(&mut self, record: &WorkspaceRecord) -> Result<Outcome, RunnerError> {
        let mut agent = None;
        let outcome = self.talk(&mut agent, record).await;
        dismiss(&mut agent).await;
        outcome
    }

    async fn talk(
        &mut self,
        agent: &mut Option<Agent>,
        record: &WorkspaceRecord,
    ) -> Result<Outcome, RunnerError> {
        let mut next = self.opening(record).await?;
        loop {
            let turn = match next {
                Rest::Next(turn) => *turn,
                ended => return self.end_at_rest(ended, agent, record).await,
            };
            self.desk.enter(Stage::Working);
            if let Some(end) = self.exhausted(&turn) {
                dismiss(agent).await;
                return self.conclude(end, &turn.input, record).await;
            }
            match self.work_on(agent, &turn, record).await? {
                Halt::Lost => {
                    self.conversation.forget();
                    next = Rest::Next(Box::new(turn.anew()));
                    continue;
                }
                Halt::Asks(questions) => {
                    self.recorder.close_open()?;
                    let questions = self.with_expiry(questions);
                    self.recorder.record(question_event(&turn.input, questions))?;
                }
                Halt::Ended(end) if self.goes_on(&end, agent.is_some()) => {
                    self.recorder.close_open()?;
                    self.recorder.record(ending_event(&end, &turn.input))?;
                }
                Halt::Ended(end) => {
                    dismiss(agent).await;
                    return self.conclude(end, &turn.input, record).await;
                }
            }
            next = self.rest(agent).await?;
        }
    }

    /// The run ends while nobody works, or falls asleep.
    async fn end_at_rest(
        &mut self,
        how: Rest,
        agent: &mut Option<Agent>,
        record: &WorkspaceRecord,
    ) -> Result<Outcome, RunnerError> {
        match how {
            Rest::Stopped if self.recorder.facts().turn().is_none() => {
                self.end_unstarted(&stopped_before_start())
            }
            Rest::Stopped if self.may_sleep() => {
                dismiss(agent).await;
                self.end_idle("the pod was told to end while nobody worked")
            }
            Rest::Stopped => self.stop_at_rest(agent, record).await,
            Rest::Gone(exit) if let Some(mut gone) = agent.take() => {
                let end = self.end_agent(&mut gone, Cause::Ended(exit)).await;
                self.conclude(end, &self.expected_input(), record).await
            }
            Rest::Silence | Rest::Gone(_) | Rest::Next(_) => {
                dismiss(agent).await;
                let seconds = inactivity(&self.config.session).as_secs();
                self.end_idle(&format!("nobody said anything for {seconds} s"))
            }
        }
    }

    async fn work_on(
        &mut self,
        agent: &mut Option<Agent>,
        turn: &Begun,
        record: &WorkspaceRecord,
    ) -> Result<Halt, RunnerError> {
        let told = match agent {
            Some(agent) => agent.go_on(&turn.input.run_id, &turn.opening(), &mut self.recorder),
            None => match self.start(turn, record).await {
                Ok(started) => {
                    *agent = Some(started);
                    Ok(())
                }
                Err(end) => return Ok(Halt::Ended(end)),
            },
        };
        // It is there: told or started just now.
        let Some(mut working) = agent.take() else { return Ok(Halt::Lost) };
        let cause = match told {
            Err(cause) => cause,
            Ok(()) => match self.follow(&mut working).await? {
                Pause::Asks(questions) => {
                    *agent = Some(working);
                    return Ok(Halt::Asks(questions));
                }
                Pause::Rests => {
                    let end = working.report();
                    *agent = Some(working);
                    return Ok(Halt::Ended(end));
                }
                Pause::Over(cause) => cause,
                Pause::Wanted(_) => Cause::Stopped,
            },
        };
        let end = self.end_agent(&mut working, cause).await;
        Ok(if working.has_lost_conversation() { Halt::Lost } else { Halt::Ended(end) })
    }

    /// Follows the agent through its turn, and grants what people want meanwhile.
    async fn follow(&mut self, agent: &mut Agent) -> Result<Pause, RunnerError> {
        let timeout = Duration::from_secs(self.config.session.limits.timeout_seconds).min(LONGEST);
        let worked = self.recorder.facts().attendance().agent_time(clock::now().as_millisecond());
        let deadline = Instant::now() + timeout.saturating_sub(worked);
        let interactive = self.is_interactive();
        loop {
            let pause = agent
                .follow(&mut Turn {
                    recorder: &mut self.recorder,
                    stop: self.desk.stop(),
                    orders: &mut self.orders,
                    conversation: &mut self.conversation,
                    deadline,
                    stays: interactive,
                })
                .await;
            let Pause::Wanted(order) = pause else { return Ok(pause) };
            let (wish, by, answering) = order.open();
            let last = self.recorder.log().progress().last;
            let reply = match wish {
                Wish::Say(message) if self.recorder.facts().was_said(&message.id) => {
                    Err(Unwanted::SaidBefore)
                }
                Wish::Say(message) => match agent.steer(&message.text(), &mut self.recorder) {
                    Err(cause) => return Ok(Pause::Over(cause)),
                    Ok(false) => Err(Unwanted::Deaf),
                    Ok(true) => match self.record_said(&message, &by) {
                        Err(error) => return Ok(Pause::Over(Cause::Unrecorded(error.to_string()))),
                        Ok(()) => Ok(Taken::Within(last)),
                    },
                },
                Wish::Answer(answers) => self.answered_before(&answers).ok_or(Unwanted::NoQuestion),
                Wish::BreakOff if interactive => {
                    agent.call_off();
                    Ok(Taken::After(last))
                }
                Wish::BreakOff => {
                    answering.reply(Ok(Taken::After(last)));
                    return Ok(Pause::Over(Cause::Stopped));
                }
                Wish::UseModel(model) => match self.use_model(&model, &by, Some(agent))? {
                    Ok(()) => self.record_model().map(|()| Ok(Taken::After(last)))?,
                    Err(unwanted) => Err(unwanted),
                },
                Wish::Begin(_) => Err(Unwanted::SaidBefore),
            };
            answering.reply(reply);
        }
    }

    async fn end_agent(&mut self, agent: &mut Agent, cause: Cause) -> TurnEnd {
        let timeout = Duration::from_secs(self.config.session.limits.timeout_seconds);
        let end = agent.end(cause, timeout, &mut self.recorder).await;
        self.conversation.note(agent.conversation());
        end
    }

    /// Whether the run goes on after a turn that ended like this.
    fn goes_on(&self, end: &TurnEnd, lives: bool) -> bool {
        let can_be_taken_up = self.conversation.known().is_some();
        self.is_interactive()
            && match end.exit() {
                ExitReason::Completed => true,
                ExitReason::AgentFailed => lives || can_be_taken_up,
                ExitReason::AgentCrashed => can_be_taken_up,
                ExitReason::Stopped => end.message() == BROKEN_OFF,
                _ => false,
            }
    }

    /// A further turn is not begun where the run's limits are reached: agents know only of what they spent themselves.
    fn exhausted(&self, turn: &Begun) -> Option<TurnEnd> {
        if !turn.is_further {
            return None;
        }
        let (limits, spent) = (&self.config.session.limits, self.recorder.facts().usage());
        let message = if limits.max_turns.is_some_and(|most| spent.turns >= most) {
            "the limit of model turns was reached"
        } else if limits.max_cost_usd.zip(spent.cost_usd).is_some_and(|(most, cost)| cost >= most) {
            "the limit of money was reached"
        } else {
            return None;
        };
        Some(TurnEnd::failed(ExitReason::BudgetExceeded, message))
    }

    /// The run is stopped while nobody works: a turn of its own says so.
    pub(super) async fn stop_at_rest(
        &mut self,
        agent: &mut Option<Agent>,
        record: &WorkspaceRecord,
    ) -> Result<Outcome, RunnerError> {
        // From here on there is something to fetch: told to go, the runner waits for that.
        self.state.claim_start(&self.expected_input())?;
        let input = self.closing_input();
        self.recorder.record(Event::run_started(input.clone()))?;
        let end = match agent.take() {
            Some(mut agent) => self.end_agent(&mut agent, Cause::Stopped).await,
            None => TurnEnd::failed(ExitReason::Stopped, "the run was stopped"),
        };
        self.conclude(end, &input, record).await
    }

    /// Whether it is the pod that is told to end, and not the run: then a message goes on with it in another one. An open
    /// question is a turn that is to be run again, which only another attempt does.
    fn may_sleep(&self) -> bool {
        let asks = !self.recorder.facts().attendance().questions().is_empty();
        self.shutdown.is_cancelled() && self.is_interactive() && !asks
    }

    /// Ends the attempt, and not the run. The workspace stays as it is.
    pub(super) fn end_idle(&mut self, why: &str) -> Result<Outcome, RunnerError> {
        self.store_outcome(&TurnEnd::failed(ExitReason::Idle, why), clock::now(), Vec::new())
    }

    /// The input of a turn that only says how the run ends: all that is open counts as denied.
    fn closing_input(&mut self) -> RunAgentInput {
        let questions = self.recorder.facts().attendance().questions().to_vec();
        self.input_of(Vec::new(), super::openings::denied(&questions))
    }
}

/// Lets an agent go that rests.
async fn dismiss(agent: &mut Option<Agent>) {
    if let Some(agent) = agent.take() {
        agent.dismiss().await;
    }
}
