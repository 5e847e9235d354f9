//! What people and the program have to say to each other: questions that wait, answers, messages.

use ambient_protocol::events::Interrupt;
use ambient_protocol::{Answer, Event};
use serde_json::json;

use super::control::{self, PermissionRequest};
use super::permission::{Decision, Rules, question, verdict};
use crate::bridge::{Translation, Word};

/// Most questions that wait at once; a program that asks for more does not wait for answers.
const QUESTIONS: usize = 64;

/// The program's requests, and what was said to it.
#[derive(Debug, Default)]
pub(super) struct People {
    rules: Rules,
    /// Not put to anybody yet.
    waiting: Vec<PermissionRequest>,
    /// Put, and not answered.
    put: Vec<PermissionRequest>,
    /// Whether the message that began the turn is still to be told of.
    opens: bool,
    /// How much was said besides that the program has not begun to work on.
    unheard: u32,
    called_off: bool,
}

impl People {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, opens: true, ..Self::default() }
    }

    /// Another turn begins.
    pub(super) fn begin(&mut self) {
        self.called_off = false;
        self.opens = true;
    }

    /// The turn is called off: nothing is asked any more.
    pub(super) fn call_off(&mut self) -> Vec<Word> {
        if std::mem::replace(&mut self.called_off, true) {
            return Vec::new();
        }
        let denied = self.waiting.drain(..).chain(self.put.drain(..));
        let mut words: Vec<_> = denied.map(|request| deny(&request, "the turn is called off")).collect();
        words.push(Word::Line(control::interrupt()));
        words
    }

    /// Begins a turn with this.
    pub(super) fn open(text: &str) -> Word {
        Word::Line(control::user(text))
    }

    /// Says something within the turn. The program tells when it works on it; of its own commands it does not.
    pub(super) fn steer(&mut self, text: &str) -> Word {
        if !text.starts_with('/') {
            self.unheard += 1;
        }
        Word::Line(control::user(text))
    }

    /// It works on what was said next.
    pub(super) fn heard(&mut self) {
        if !std::mem::take(&mut self.opens) {
            self.unheard = self.unheard.saturating_sub(1);
        }
    }

    /// Whether a result is the answer to all that was said.
    pub(super) fn has_heard_all(&self) -> bool {
        self.unheard == 0 || self.called_off
    }

    /// The program asks whether it may use a tool.
    pub(super) fn permission(&mut self, request: PermissionRequest) -> Translation {
        let denied = match self.rules.decide(&request.tool) {
            _ if self.called_off => "the turn is called off",
            Decision::Ask if self.waiting.len() >= QUESTIONS => "too many questions wait for an answer",
            Decision::Ask => {
                self.waiting.push(request);
                return Translation::default();
            }
            Decision::Allow => {
                let words = vec![Word::Line(control::allow(&request.id, &request.input))];
                return Translation { words, ..Translation::default() };
            }
            Decision::Deny(reason) => reason,
        };
        let words = vec![deny(&request, denied)];
        Translation { words, ..Translation::of(vec![told(&request, false, denied)]) }
    }

    /// It takes a request back.
    pub(super) fn withdraw(&mut self, id: &str) {
        self.waiting.retain(|request| request.id != id);
    }

    /// Puts all that waits; `owner` gives the subagent that made a call.
    pub(super) fn put<'a>(&mut self, owner: impl Fn(&str) -> Option<&'a str>) -> Vec<Interrupt> {
        let questions = self.waiting.iter().map(|request| {
            let subagent = request.call.as_deref().and_then(&owner);
            question(request, subagent)
        });
        let questions = questions.collect();
        self.put.append(&mut self.waiting);
        questions
    }

    /// What the answers tell the program.
    pub(super) fn answered(&mut self, answers: &[Answer]) -> Translation {
        let mut translation = Translation::default();
        for request in self.put.drain(..) {
            let answer = answers.iter().find(|answer| answer.interrupt_id == request.id);
            let (word, event) = match verdict(&request, answer) {
                Ok(input) => {
                    let by = answer.and_then(Answer::giver).map(|given| given.by);
                    let reason = format!("allowed by {}", by.as_deref().unwrap_or("whoever was asked"));
                    (Word::Line(control::allow(&request.id, &input)), told(&request, true, &reason))
                }
                Err(reason) => (deny(&request, &reason), told(&request, false, &reason)),
            };
            translation.words.push(word);
            translation.events.push(event);
        }
        translation
    }
}

fn deny(request: &PermissionRequest, why: &str) -> Word {
    Word::Line(control::deny(&request.id, why))
}

fn told(request: &PermissionRequest, allowed: bool, reason: &str) -> Event {
    let decision = if allowed { "allowed" } else { "denied" };
    let value = json!({"toolCallId": request.call, "decision": decision, "reason": reason});
    Event::custom("ambient.permission", value)
}
