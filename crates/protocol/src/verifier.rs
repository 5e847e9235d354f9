//! The rules that a stream of AG-UI events keeps, as the official client's verifier has them.
//!
//! The runner puts every event through it before the event reaches the log, so that what is stored can be replayed to
//! any client; tests put whole transcripts through it.

use std::collections::{BTreeMap, BTreeSet};

use crate::constructs::{Construct, Effect, Key, Owner, effect, key};
use crate::events::{Event, EventBody};

/// Follows one stream and refuses what breaks its rules. A refused event leaves the state as it was.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    phase: Phase,
    open: BTreeMap<Key, Owner>,
    finished_subagents: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Before,
    Active,
    Finished,
    Failed,
}

impl Verifier {
    /// Takes the next event.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn accept(&mut self, event: &Event) -> Result<(), Violation> {
        match &event.body {
            EventBody::RunStarted { .. } => self.start(),
            EventBody::RunFinished { .. } => self.finish(),
            EventBody::RunError { .. } => self.fail(),
            body => self.within_run(body),
        }
    }

    /// Whether a run is going on.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.phase == Phase::Active
    }

    /// The events that close everything open, innermost first: needed before `RUN_FINISHED` where an agent was cut
    /// off.
    #[must_use]
    pub fn closing_events(&self) -> Vec<Event> {
        self.open.iter().map(|((construct, id), owner)| closing_event(*construct, id, owner)).collect()
    }

    fn start(&mut self) -> Result<(), Violation> {
        if self.phase == Phase::Active {
            return Err(Violation::AlreadyActive);
        }
        *self = Self { phase: Phase::Active, ..Self::default() };
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Violation> {
        self.require_active("RUN_FINISHED")?;
        if let Some((construct, id)) = self.open.keys().next() {
            return Err(Violation::StillOpen { noun: construct.noun(), id: id.clone() });
        }
        self.phase = Phase::Finished;
        Ok(())
    }

    fn fail(&mut self) -> Result<(), Violation> {
        if self.phase == Phase::Failed {
            return Err(Violation::NotActive { kind: "RUN_ERROR" });
        }
        self.phase = Phase::Failed;
        self.open.clear();
        Ok(())
    }

    fn require_active(&self, kind: &'static str) -> Result<(), Violation> {
        if self.phase == Phase::Active { Ok(()) } else { Err(Violation::NotActive { kind }) }
    }

    fn within_run(&mut self, body: &EventBody) -> Result<(), Violation> {
        self.require_active(body.kind())?;
        match effect(body) {
            Effect::Open(construct, id, owner) => self.open(construct, id, owner),
            Effect::Continue(construct, id, owner) => self.check_open(construct, id, owner),
            Effect::Close(construct, id, owner) => {
                self.check_open(construct, id, owner)?;
                self.open.remove(&key(construct, id, owner));
                if construct == Construct::Subagent {
                    self.finished_subagents.insert(id.to_owned());
                }
                Ok(())
            }
            Effect::Nothing => Ok(()),
        }
    }

    fn open(&mut self, construct: Construct, id: &str, owner: &Owner) -> Result<(), Violation> {
        let (noun, owned_id) = (construct.noun(), id.to_owned());
        if construct == Construct::Subagent && self.finished_subagents.contains(id) {
            return Err(Violation::Reused { id: owned_id });
        }
        let key = key(construct, id, owner);
        if self.open.contains_key(&key) {
            return Err(Violation::AlreadyOpen { noun, id: owned_id });
        }
        self.open.insert(key, owner.clone());
        Ok(())
    }

    fn check_open(&self, construct: Construct, id: &str, owner: &Owner) -> Result<(), Violation> {
        let noun = construct.noun();
        match self.open.get(&key(construct, id, owner)) {
            None => Err(Violation::NotOpen { noun, id: id.to_owned() }),
            Some(opener) if owner.is_some() && opener != owner => {
                Err(Violation::Attribution { noun, id: id.to_owned() })
            }
            Some(_) => Ok(()),
        }
    }
}

fn closing_event(construct: Construct, id: &str, owner: &Owner) -> Event {
    let subagent_run_id = owner.clone();
    let message_id = id.to_owned();
    let body = match construct {
        Construct::Text => EventBody::TextMessageEnd { message_id, subagent_run_id },
        Construct::ToolCall => EventBody::ToolCallEnd { tool_call_id: message_id, subagent_run_id },
        Construct::ReasoningMessage => EventBody::ReasoningMessageEnd { message_id, subagent_run_id },
        Construct::Reasoning => EventBody::ReasoningEnd { message_id, subagent_run_id },
        Construct::Step => {
            let step_name = message_id.split('\u{0}').next().unwrap_or_default().to_owned();
            EventBody::StepFinished { step_name, subagent_run_id }
        }
        Construct::Subagent => EventBody::SubagentError {
            subagent_run_id: message_id,
            message: "cut off".to_owned(),
            code: None,
        },
    };
    body.into()
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// An event outside a run; a stream begins with `RUN_STARTED` or `RUN_ERROR`.
    #[error("{kind} outside a run")]
    NotActive {
        /// The event's type.
        kind: &'static str,
    },
    /// `RUN_STARTED` within a run.
    #[error("RUN_STARTED while a run is active")]
    AlreadyActive,
    /// Something is begun twice.
    #[error("{noun} {id} is already open")]
    AlreadyOpen {
        /// What.
        noun: &'static str,
        /// Which.
        id: String,
    },
    /// Something is continued or ended that was not begun.
    #[error("{noun} {id} is not open")]
    NotOpen {
        /// What.
        noun: &'static str,
        /// Which.
        id: String,
    },
    /// `RUN_FINISHED` while something is open.
    #[error("RUN_FINISHED while {noun} {id} is open")]
    StillOpen {
        /// What.
        noun: &'static str,
        /// Which.
        id: String,
    },
    /// Something begun by one subagent is continued by another.
    #[error("{noun} {id} belongs to another subagent")]
    Attribution {
        /// What.
        noun: &'static str,
        /// Which.
        id: String,
    },
    /// The id of a subagent that has ended is used again.
    #[error("subagent {id} has already ended")]
    Reused {
        /// Which.
        id: String,
    },
}

#[cfg(test)]
mod tests;
