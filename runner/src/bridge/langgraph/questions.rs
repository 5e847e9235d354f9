//! What a graph asks a person (`interrupt()`), and how it is told the answer.
//!
//! A question is any value that the graph's author has chosen, and so is what the graph takes for an answer.

use std::collections::BTreeMap;

use ambient_protocol::answers::{Answer, AnswerStatus, INPUT_REQUIRED};
use ambient_protocol::events::Interrupt;
use serde_json::{Map, Value, json};

/// Where a question stands in words, if it is an object.
const WORDS: [&str; 5] = ["question", "message", "description", "prompt", "text"];

/// Open questions by id.
#[derive(Debug, Default)]
pub(super) struct Questions(BTreeMap<String, Question>);

#[derive(Debug)]
struct Question {
    value: Value,
    schema: Option<Value>,
}

impl Questions {
    /// Looks for questions in what nodes have written: `{"__interrupt__": [{"id", "value", "response_schema"}]}`.
    pub(super) fn note(&mut self, update: &Value) {
        for question in update["__interrupt__"].as_array().into_iter().flatten() {
            let Some(id) = question["id"].as_str() else { continue };
            let schema = Some(question["response_schema"].clone()).filter(|schema| !schema.is_null());
            self.0.insert(id.to_owned(), Question { value: question["value"].clone(), schema });
        }
    }

    /// What is asked now, if anything.
    pub(super) fn open(&self) -> Option<Vec<Interrupt>> {
        (!self.0.is_empty()).then(|| self.0.iter().map(|(id, question)| question.interrupt(id)).collect())
    }

    /// What the graph is resumed with: an answer for each question. Nothing is open after.
    pub(super) fn resume(&mut self, answers: &[Answer]) -> Value {
        let asked = std::mem::take(&mut self.0);
        let told = answers.iter().filter_map(|answer| {
            let question = asked.get(&answer.interrupt_id)?;
            Some((answer.interrupt_id.clone(), question.answer(answer)))
        });
        json!({ "resume": told.collect::<Map<_, _>>() })
    }
}

impl Question {
    fn words(&self) -> String {
        let named = || WORDS.iter().find_map(|name| self.value[*name].as_str());
        self.value.as_str().or_else(named).map_or_else(|| self.value.to_string(), str::to_owned)
    }

    /// The question in words, and as the graph has it: a page may know more of it.
    fn interrupt(&self, id: &str) -> Interrupt {
        let words = self.words();
        let labels = self.value["options"].as_array().into_iter().flatten();
        let labels: Vec<_> =
            labels.filter_map(Value::as_str).map(|label| json!({ "label": label })).collect();
        let question = json!([{"question": words, "options": labels}]);
        let interrupt = Interrupt::new(id, INPUT_REQUIRED).with_metadata("questions", question);
        Interrupt {
            message: Some(words),
            response_schema: self.schema.clone(),
            ..interrupt.with_metadata("value", self.value.clone())
        }
    }

    /// An answer in words is handed on as those, any other as it was given. Nobody's is a clear no.
    fn answer(&self, answer: &Answer) -> Value {
        let said = answer.as_choices().and_then(|mut choices| choices.answers.remove(&self.words()));
        match (answer.status, said) {
            (AnswerStatus::Cancelled, _) => json!({ "approved": false }),
            (AnswerStatus::Resolved, Some(words)) => Value::String(words),
            (AnswerStatus::Resolved, None) => answer.payload.clone().unwrap_or_default(),
        }
    }
}
