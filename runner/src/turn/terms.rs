//! What an agent is started and followed with, and where that comes to.

use ambient_protocol::Answer;
use ambient_protocol::events::Interrupt;
use ambient_redaction::Redactor;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Watchdogs;
use super::cause::Cause;
use crate::bridge::Translator;
use crate::carrier::{AgentCommand, Carrier};
use crate::life::ConversationName;
use crate::log::Recorder;
use crate::orders::Order;

/// What it takes to start an agent.
pub(crate) struct Job<'a> {
    pub(crate) carrier: &'a dyn Carrier,
    pub(crate) command: &'a AgentCommand,
    pub(crate) mark: &'a str,
    pub(crate) translator: Box<dyn Translator>,
    pub(crate) watchdogs: Watchdogs,
    pub(crate) stop: &'a CancellationToken,
    /// For what is cut before it comes to the log.
    pub(crate) redactor: &'a Redactor,
}

/// What an agent is followed with through a turn.
pub(crate) struct Turn<'a> {
    pub(crate) recorder: &'a mut Recorder,
    pub(crate) stop: &'a CancellationToken,
    pub(crate) orders: &'a mut mpsc::Receiver<Order>,
    pub(crate) conversation: &'a mut ConversationName,
    pub(crate) deadline: Instant,
    /// Whether the agent is to stay for another turn.
    pub(crate) stays: bool,
}

/// Where following an agent comes to.
#[derive(Debug)]
pub(crate) enum Pause {
    /// Somebody wants something; the turn goes on.
    Wanted(Order),
    /// The agent waits for answers.
    Asks(Vec<Interrupt>),
    /// It has given its result, and waits for more.
    Rests,
    /// It is not to be followed any longer.
    Over(Cause),
}

/// What a further turn begins with.
#[derive(Debug)]
pub(crate) enum Opening<'a> {
    /// Answers to all that was asked.
    Answers(&'a [Answer]),
    /// What somebody said.
    Message(String),
}
