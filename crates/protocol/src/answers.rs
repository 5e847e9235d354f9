//! Answers to questions: the items of AG-UI's `resume`, and what this platform puts into them.
//!
//! A question is an [`Interrupt`](crate::events::Interrupt) of the outcome that ended a turn. `POST /answers` takes
//! [`Answers`]; they begin the next turn, whose input keeps them with who gave them and when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::events::METADATA_KEY;

/// Reason of an interrupt that holds a tool call until a person allows it; AG-UI's own.
pub const TOOL_CALL: &str = "tool_call";
/// Reason of an interrupt that asks a person something; AG-UI's own.
pub const INPUT_REQUIRED: &str = "input_required";

/// The body of `POST /answers`: one for each open question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// The answers.
    pub resume: Vec<Answer>,
}

impl Answers {
    /// What such a body looks like, for whoever sent another.
    pub const EXAMPLE: &str =
        r#"{"resume": [{"interruptId": "…", "status": "resolved", "payload": {"approved": true}}]}"#;
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The question's id.
    pub interrupt_id: String,
    /// Whether it was answered at all.
    pub status: AnswerStatus,
    /// What was answered: a [`Consent`] or [`Choices`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// Additions by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// Whether a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerStatus {
    /// Yes, by the payload.
    Resolved,
    /// No: whatever was asked for counts as denied.
    Cancelled,
}

/// The payload that answers [`TOOL_CALL`]: for this one call, as it was shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// Whether it may be made.
    pub approved: bool,
    /// Other arguments, where the framework can make a call with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_input: Option<Value>,
    /// Why not: the agent is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Consent {
    /// JSON schema of such an answer; other arguments only where the framework can make a call with them.
    #[must_use]
    pub fn schema(with_other_input: bool) -> Value {
        let mut properties = json!({"approved": {"type": "boolean"}, "message": {"type": "string"}});
        if with_other_input {
            properties["updatedInput"] = json!({"type": "object"});
        }
        json!({"type": "object", "required": ["approved"], "properties": properties})
    }

    /// The same where the framework can make a call only as it is: consent to another one is none to this.
    #[must_use]
    pub fn as_it_is(self) -> Self {
        if self.updated_input.is_none() {
            return self;
        }
        let message = Some("this agent can make the call only as it is".to_owned());
        Self { approved: false, updated_input: None, message }
    }
}

/// The payload that answers [`INPUT_REQUIRED`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choices {
    /// Answers by question, as the question was worded.
    pub answers: BTreeMap<String, String>,
}

impl Choices {
    /// JSON schema of such an answer.
    #[must_use]
    pub fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["answers"],
            "properties": {"answers": {"type": "object", "additionalProperties": {"type": "string"}}},
        })
    }
}

impl Answer {
    /// The call may be made.
    #[must_use]
    pub fn allow(interrupt_id: &str) -> Self {
        Self::consent(interrupt_id, &Consent { approved: true, ..Consent::default() })
    }

    /// The call may not be made.
    #[must_use]
    pub fn deny(interrupt_id: &str, why: Option<&str>) -> Self {
        let message = why.map(str::to_owned);
        Self::consent(interrupt_id, &Consent { approved: false, message, ..Consent::default() })
    }

    /// Says of a call whether it may be made, and how.
    #[must_use]
    pub fn consent(interrupt_id: &str, consent: &Consent) -> Self {
        Self::resolved(interrupt_id, serde_json::to_value(consent).unwrap_or_default())
    }

    /// Answers what was asked.
    #[must_use]
    pub fn choose(interrupt_id: &str, choices: &Choices) -> Self {
        Self::resolved(interrupt_id, serde_json::to_value(choices).unwrap_or_default())
    }

    /// Answers with any payload.
    #[must_use]
    pub fn resolved(interrupt_id: &str, payload: Value) -> Self {
        let interrupt_id = interrupt_id.to_owned();
        Self { interrupt_id, status: AnswerStatus::Resolved, payload: Some(payload), metadata: None }
    }

    /// Nobody answers.
    #[must_use]
    pub fn cancelled(interrupt_id: &str) -> Self {
        let interrupt_id = interrupt_id.to_owned();
        Self { interrupt_id, status: AnswerStatus::Cancelled, payload: None, metadata: None }
    }

    /// The consent in it. What is no clear yes is a no.
    #[must_use]
    pub fn as_consent(&self) -> Consent {
        let payload = self.payload.as_ref().filter(|_| self.status == AnswerStatus::Resolved);
        payload.and_then(|payload| Consent::deserialize(payload).ok()).unwrap_or_default()
    }

    /// The choices in it; none where it is no answer.
    #[must_use]
    pub fn as_choices(&self) -> Option<Choices> {
        let payload = self.payload.as_ref().filter(|_| self.status == AnswerStatus::Resolved)?;
        Choices::deserialize(payload).ok()
    }

    /// The same answer with who gave it, which only the runner knows: what a client says of it is replaced.
    #[must_use]
    pub fn given(mut self, given: &Given) -> Self {
        let value = serde_json::to_value(given).unwrap_or_default();
        self.metadata.get_or_insert_default().insert(METADATA_KEY.to_owned(), value);
        self
    }

    /// Who gave it, as the log has it.
    #[must_use]
    pub fn giver(&self) -> Option<Given> {
        Given::deserialize(self.metadata.as_ref()?.get(METADATA_KEY)?).ok()
    }
}

/// Who said something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Given {
    /// The subject of the token: a user, or [`PLATFORM`] where nobody answered in time.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// In whose name an unanswered question is denied.
pub const PLATFORM: &str = "ambient";

/// What came of answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswersReceipt {
    /// The run id of the turn that went on with them.
    pub turn: String,
    /// Who gave them.
    pub given: Given,
    /// Whether these questions had been answered before: then what was sent now changes nothing.
    pub before: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        let cases = [
            (Answer::allow("q"), true),
            (Answer::deny("q", Some("no")), false),
            (Answer::cancelled("q"), false),
            (Answer { status: AnswerStatus::Cancelled, ..Answer::allow("q") }, false),
            (Answer::resolved("q", json!({"approved": "true"})), false),
            (Answer::resolved("q", json!(true)), false),
            (Answer::resolved("q", json!({})), false),
        ];
        for (answer, approved) in cases {
            assert_eq!(answer.as_consent().approved, approved, "{answer:?}");
        }
        let consent = Answer::resolved("q", json!({"approved": true, "updatedInput": {"a": 1}})).as_consent();
        assert_eq!(consent.updated_input, Some(json!({"a": 1})));
        assert!(!consent.as_it_is().approved && Answer::allow("q").as_consent().as_it_is().approved);
    }

    #[test]
    fn answers_are_agui_s_and_name_their_giver() {
        let given = Given { by: "ann".to_owned(), at: "2026-11-21T10:00:00Z".parse().unwrap() };
        let choices = Choices { answers: [("Which?".to_owned(), "A".to_owned())].into() };
        let forged = Given { by: "eve".to_owned(), ..given.clone() };
        let answer = Answer::choose("q", &choices).given(&forged).given(&given);
        let expected = json!({
            "interruptId": "q", "status": "resolved", "payload": {"answers": {"Which?": "A"}},
            "metadata": {"ambient": {"by": "ann", "at": "2026-11-21T10:00:00Z"}},
        });
        assert_eq!(serde_json::to_value(&answer).unwrap(), expected);
        let read: Answer = serde_json::from_value(expected).unwrap();
        assert_eq!((read.as_choices(), read.giver()), (Some(choices), Some(given)));
    }
}
