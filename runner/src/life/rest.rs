//! Between turns: somebody is waited for, with an answer or a message.

use std::time::Duration;

use ambient_protocol::EffectiveSession;
use ambient_protocol::events::Interrupt;
use tokio::time::Instant;

use super::RunnerError;
use super::attempt::Attempt;
use super::openings::{Begun, denied};
use super::talk::LONGEST;
use crate::carrier::AgentExit;
use crate::clock;
use crate::orders::{Order, Taken, Unwanted, Wish, check, named};
use crate::turn::Agent;
use crate::workspace::WorkspaceRecord;

/// How a rest ends.
pub(super) enum Rest {
    /// By another turn.
    Next(Box<Begun>),
    /// The run is stopped.
    Stopped,
    /// Nobody said anything for too long.
    Silence,
    /// The agent's process has ended over a question.
    Gone(AgentExit),
}

/// How long a person is waited for.
pub(super) fn inactivity(session: &EffectiveSession) -> Duration {
    Duration::from_secs(session.limits.inactivity_timeout_seconds).min(LONGEST)
}

impl Attempt {
    /// Waits for the attempt's first turn. An attempt that takes a conversation up has none: it waits for a message, and
    /// not for ever.
    pub(super) async fn opening(&mut self, record: &WorkspaceRecord) -> Result<Rest, RunnerError> {
        let stop = self.desk.stop().clone();
        let rests = self.is_interactive() && self.recorder.facts().turn().is_some();
        let until = Instant::now() + if rests { inactivity(&self.config.session) } else { LONGEST };
        loop {
            let order = tokio::select! {
                () = stop.cancelled() => return Ok(Rest::Stopped),
                () = tokio::time::sleep_until(until) => return Ok(Rest::Silence),
                order = self.orders.recv() => order,
            };
            let Some(order) = order else { return Ok(Rest::Stopped) };
            match order.open() {
                (Wish::Begin(input), by, _) => match self.begin_first(*input, &by)? {
                    Some(begun) => {
                        self.tell_of_workspace(&begun, record)?;
                        return Ok(Rest::Next(Box::new(begun)));
                    }
                    None => return self.rest(&mut None).await,
                },
                (Wish::Say(message), by, answering) if rests => {
                    // From here on another runner of this attempt only ends it.
                    self.state.claim_start(&self.expected_input())?;
                    let (wish, order) = Order::new(Wish::Say(message), &by);
                    let begun = self.at_rest(wish, &mut None)?;
                    answering.pass_on(order);
                    if let Some(begun) = begun {
                        return Ok(Rest::Next(Box::new(begun)));
                    }
                }
                (Wish::Say(_), _, answering) => answering.reply(Err(Unwanted::NotBegun)),
                (Wish::Answer(answers), _, answering) => {
                    answering.reply(self.answered_before(&answers).ok_or(Unwanted::NoQuestion));
                }
                (Wish::UseModel(model), by, answering) => {
                    answering.reply(self.use_model(&model, &by, None)?.map(|()| self.nothing_new()));
                }
                (Wish::BreakOff, _, answering) => answering.reply(Err(Unwanted::NoTurn)),
            }
        }
    }

    /// Waits for what begins the next turn. A question that nobody answers in time is answered in the platform's name.
    pub(super) async fn rest(&mut self, agent: &mut Option<Agent>) -> Result<Rest, RunnerError> {
        let stop = self.desk.stop().clone();
        let until = Instant::now() + inactivity(&self.config.session);
        loop {
            let asks = !self.recorder.facts().attendance().questions().is_empty();
            let order = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Rest::Stopped),
                exit = ended(agent) => {
                    if asks {
                        return Ok(Rest::Gone(exit));
                    }
                    // The next message starts another one.
                    if let Some(agent) = agent.take() {
                        agent.dismiss().await;
                    }
                    continue;
                }
                order = self.orders.recv() => order,
                () = tokio::time::sleep_until(until) => {
                    return if asks { self.deny_all() } else { Ok(Rest::Silence) };
                }
            };
            let Some(order) = order else { return Ok(Rest::Stopped) };
            if let Some(begun) = self.at_rest(order, agent)? {
                return Ok(Rest::Next(Box::new(begun)));
            }
        }
    }

    /// Grants an order, and gives the turn that it begins.
    fn at_rest(&mut self, order: Order, agent: &mut Option<Agent>) -> Result<Option<Begun>, RunnerError> {
        let (wish, by, answering) = order.open();
        let questions = self.recorder.facts().attendance().questions();
        match wish {
            Wish::Answer(answers) => {
                if let Some(before) = self.answered_before(&answers) {
                    answering.reply(Ok(before));
                } else if let Err(unwanted) = check(questions, &answers) {
                    answering.reply(Err(unwanted));
                } else {
                    let (begun, receipt) = self.begin_answers(answers, &by)?;
                    answering.reply(Ok(Taken::Answered(receipt)));
                    return Ok(Some(begun));
                }
            }
            Wish::Say(_) if !questions.is_empty() => {
                answering.reply(Err(Unwanted::QuestionsOpen(named(questions))));
            }
            Wish::Say(message) if self.recorder.facts().was_said(&message.id) => {
                answering.reply(Err(Unwanted::SaidBefore));
            }
            Wish::Say(message) => {
                let last = self.recorder.log().progress().last;
                let begun = self.begin_message(message, &by)?;
                answering.reply(Ok(Taken::After(last)));
                return Ok(Some(begun));
            }
            Wish::UseModel(model) => {
                let done = self.use_model(&model, &by, agent.as_mut())?;
                answering.reply(done.map(|()| self.nothing_new()));
            }
            Wish::BreakOff => answering.reply(Err(Unwanted::NoTurn)),
            Wish::Begin(_) => answering.reply(Err(Unwanted::SaidBefore)),
        }
        Ok(None)
    }

    /// Nothing follows that is not in the log yet.
    fn nothing_new(&self) -> Taken {
        Taken::After(self.recorder.log().progress().last)
    }

    fn deny_all(&mut self) -> Result<Rest, RunnerError> {
        let questions = self.recorder.facts().attendance().questions().to_vec();
        let (begun, _) = self.begin_answers(denied(&questions), ambient_protocol::answers::PLATFORM)?;
        Ok(Rest::Next(Box::new(begun)))
    }

    /// Says until when each question may be answered.
    pub(super) fn with_expiry(&self, questions: Vec<Interrupt>) -> Vec<Interrupt> {
        let wait = jiff::SignedDuration::try_from(inactivity(&self.config.session)).unwrap_or_default();
        let expires_at = clock::now().checked_add(wait).ok().map(|at| at.to_string());
        questions
            .into_iter()
            .map(|question| Interrupt { expires_at: expires_at.clone(), ..question })
            .collect()
    }

    /// Nothing more can be wanted of this attempt.
    pub(super) fn refuse_orders(&mut self) {
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            order.reply(Err(Unwanted::Ended));
        }
    }
}

async fn ended(agent: &mut Option<Agent>) -> AgentExit {
    match agent {
        Some(agent) => agent.ended().await,
        None => std::future::pending().await,
    }
}
