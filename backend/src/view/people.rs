//! What a run asks of people, as it is shown, and answers as a form gives them.

use std::collections::BTreeMap;

use ambient_protocol::answers::{Answer, Choices, TOOL_CALL};
use ambient_protocol::events::Interrupt;
use serde_json::Value;

use super::text::{clean, cut};

/// Most characters of a call's arguments on a page.
const INPUT: usize = 8_000;

/// One open question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuestionView {
    /// Its id, which an answer names.
    pub(crate) id: String,
    /// Its words.
    pub(crate) words: String,
    /// Whether it wants a yes or a no to a call.
    pub(crate) is_consent: bool,
    /// The call's arguments.
    pub(crate) input: Option<String>,
    /// What is to be answered in words.
    pub(crate) asked: Vec<AskedView>,
}

/// One thing to be answered in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedView {
    /// The question.
    pub(crate) question: String,
    /// Answers that are proposed.
    pub(crate) options: Vec<String>,
}

impl QuestionView {
    /// A question of the agent.
    pub(crate) fn new(interrupt: &Interrupt) -> Self {
        let is_consent = interrupt.reason == TOOL_CALL;
        let input =
            interrupt.ambient_metadata("input").and_then(|input| serde_json::to_string_pretty(input).ok());
        let asked = interrupt.ambient_metadata("questions").and_then(Value::as_array);
        let asked: Vec<_> = asked.into_iter().flatten().filter_map(AskedView::new).collect();
        let itself = || vec![AskedView { question: interrupt.question().to_owned(), options: Vec::new() }];
        Self {
            id: interrupt.id.clone(),
            words: clean(interrupt.question()),
            is_consent,
            input: input.map(|input| cut(&clean(&input), INPUT)),
            asked: if is_consent {
                Vec::new()
            } else if asked.is_empty() {
                itself()
            } else {
                asked
            },
        }
    }
}

impl AskedView {
    fn new(asked: &Value) -> Option<Self> {
        let options = asked["options"].as_array().map(Vec::as_slice).unwrap_or_default();
        let labels = options.iter().filter_map(|option| option["label"].as_str());
        Some(Self { question: asked["question"].as_str()?.to_owned(), options: labels.map(clean).collect() })
    }
}

/// The answers of a form: for each question `id.N`, and either `consent.N`, or `asked.N.M` and `answer.N.M`.
pub(crate) fn answers(fields: &[(String, String)]) -> Vec<Answer> {
    let fields: BTreeMap<&str, &str> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let field = |name: String| fields.get(name.as_str()).copied();
    let questions = (0..).map_while(|number| Some((number, field(format!("id.{number}"))?)));
    questions
        .map(|(number, id)| match field(format!("consent.{number}")) {
            Some("allow") => Answer::allow(id),
            Some(_) => Answer::deny(id, field(format!("why.{number}")).filter(|why| !why.is_empty())),
            None => {
                let asked = (0..)
                    .map_while(|place| field(format!("asked.{number}.{place}")).map(|asked| (place, asked)));
                let answered = asked.map(|(place, asked)| {
                    let answer = field(format!("answer.{number}.{place}")).unwrap_or_default();
                    (asked.to_owned(), answer.to_owned())
                });
                Answer::choose(id, &Choices { answers: answered.collect() })
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ambient_protocol::answers::INPUT_REQUIRED;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_is_shown_and_its_form_answers_it() {
        let call = Interrupt { message: Some("Bash: make".to_owned()), ..Interrupt::new("q1", TOOL_CALL) };
        let call = QuestionView::new(&call.with_metadata("input", json!({"command": "make"})));
        assert!(call.is_consent && call.input.unwrap().contains("make") && call.asked.is_empty());
        let which = json!([{"question": "Which?", "options": [{"label": "A"}, {"label": "B"}]}, {"question": "Why?"}]);
        let words =
            QuestionView::new(&Interrupt::new("q2", INPUT_REQUIRED).with_metadata("questions", which));
        let shown: Vec<_> =
            words.asked.iter().map(|one| (one.question.as_str(), one.options.len())).collect();
        assert_eq!(shown, [("Which?", 2), ("Why?", 0)]);
        let field = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let fields = [
            ("id.0", "q1"),
            ("consent.0", "deny"),
            ("why.0", "not now"),
            ("id.1", "q2"),
            ("asked.1.0", "Which?"),
            ("answer.1.0", "A"),
            ("asked.1.1", "Why?"),
            ("answer.1.1", "so"),
            ("id.2", "q3"),
            ("consent.2", "allow"),
        ];
        let answers = answers(&fields.map(field));
        assert_eq!(
            (answers[0].interrupt_id.as_str(), answers[0].as_consent().message.as_deref()),
            ("q1", Some("not now"))
        );
        let chosen = answers[1].as_choices().unwrap().answers;
        assert_eq!((chosen["Which?"].as_str(), chosen["Why?"].as_str()), ("A", "so"));
        assert!(!answers[0].as_consent().approved && answers[2].as_consent().approved);
    }
}
