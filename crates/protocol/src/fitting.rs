//! Whether an answer is what its question asks for: what does not fit is refused, and not taken for a no.
//!
//! Of JSON Schema it knows what questions are asked with here: types, fields, items, and values to choose from. What else a
//! framework's schema says is the framework's to check.

use serde_json::Value;

use crate::answers::{Answer, AnswerStatus, Choices, INPUT_REQUIRED};
use crate::events::Interrupt;

/// What of an answer does not fit its question, in words. Who does not answer need not say anything.
#[must_use]
pub fn misfit(question: &Interrupt, answer: &Answer) -> Option<String> {
    let schema = question.response_schema.as_ref().filter(|_| answer.status == AnswerStatus::Resolved)?;
    let payload = answer.payload.as_ref().unwrap_or(&Value::Null);
    let found = differs(schema, payload, "the payload")?;
    // A question that is put in words can be answered in words, whatever else its framework takes.
    let in_words = question.reason == INPUT_REQUIRED && differs(&Choices::schema(), payload, "").is_none();
    (!in_words).then_some(found)
}

fn differs(schema: &Value, value: &Value, place: &str) -> Option<String> {
    wrong_type(schema, value, place)
        .or_else(|| wrong_choice(schema, value, place))
        .or_else(|| wrong_field(schema, value, place))
        .or_else(|| {
            let items = schema.get("items")?;
            value.as_array()?.iter().find_map(|item| differs(items, item, &format!("an item of {place}")))
        })
}

fn wrong_type(schema: &Value, value: &Value, place: &str) -> Option<String> {
    let wanted = schema.get("type")?;
    let names: Vec<_> = match wanted {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    };
    let fits = names.is_empty() || names.iter().any(|name| is_of(value, name));
    (!fits).then(|| format!("{place} is to be {}, and is {}", names.join(" or "), shown(value)))
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => true,
    }
}

fn wrong_choice(schema: &Value, value: &Value, place: &str) -> Option<String> {
    let choices = schema.get("enum")?.as_array()?;
    let wanted = || choices.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    (!choices.contains(value))
        .then(|| format!("{place} is to be one of {}, and is {}", wanted(), shown(value)))
}

fn wrong_field(schema: &Value, value: &Value, place: &str) -> Option<String> {
    let object = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| !object.contains_key(*name)) {
        return Some(format!("{place} lacks \"{missing}\""));
    }
    object.iter().find_map(|(name, field)| {
        match schema["properties"].get(name).or_else(|| schema.get("additionalProperties")) {
            Some(Value::Bool(false)) => Some(format!("{place} is to have no \"{name}\"")),
            Some(schema) => differs(schema, field, &format!("\"{name}\"")),
            None => None,
        }
    })
}

/// Long ones are not repeated to whoever gave them.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= 80 { text } else { format!("{}…", &text[..text.floor_char_boundary(80)]) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::answers::{Consent, TOOL_CALL};

    fn found(reason: &str, schema: &Value, payload: &Value) -> Option<String> {
        let question = Interrupt { response_schema: Some(schema.clone()), ..Interrupt::new("q", reason) };
        misfit(&question, &Answer::resolved("q", payload.clone()))
    }

    #[test]
    fn an_answer_fits_its_question_or_it_is_said_what_does_not() {
        let consent = Consent::schema(true);
        let graph = json!({"type": ["string", "null"], "enum": ["a", "b", null]});
        let list = json!({"type": "array", "items": {"type": "integer"}});
        let closed = json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false});
        let cases = [
            (&consent, json!({"approved": true}), None),
            (&consent, json!({"approved": false, "message": "no", "more": 1}), None),
            (&consent, json!({"approved": "yes"}), Some("\"approved\" is to be boolean, and is \"yes\"")),
            (&consent, json!({}), Some("the payload lacks \"approved\"")),
            (&consent, json!(true), Some("the payload is to be object, and is true")),
            (
                &consent,
                json!({"approved": true, "updatedInput": "x"}),
                Some("\"updatedInput\" is to be object, and is \"x\""),
            ),
            (&graph, json!("a"), None),
            (&graph, json!(1), Some("the payload is to be string or null, and is 1")),
            (&graph, json!("c"), Some("the payload is to be one of \"a\", \"b\", null, and is \"c\"")),
            (&list, json!([1, 2.0]), None),
            (&list, json!([1, 2.5]), Some("an item of the payload is to be integer, and is 2.5")),
            (&closed, json!({"a": [], "b": 1}), Some("the payload is to have no \"b\"")),
            (&json!({"$ref": "elsewhere"}), json!(1), None),
        ];
        for (schema, payload, expected) in cases {
            assert_eq!(found(TOOL_CALL, schema, &payload).as_deref(), expected, "{payload}");
        }
        let words = json!({"answers": {"Which?": "A"}});
        assert_eq!(found(INPUT_REQUIRED, &graph, &words), None);
        assert!(found(INPUT_REQUIRED, &graph, &json!({"answers": {"Which?": 1}})).is_some());
    }

    #[test]
    fn nobody_has_to_say_how_they_do_not_answer() {
        let question =
            Interrupt { response_schema: Some(Consent::schema(false)), ..Interrupt::new("q", TOOL_CALL) };
        assert_eq!(misfit(&question, &Answer::cancelled("q")), None);
        let nothing = Answer { payload: None, ..Answer::allow("q") };
        assert!(misfit(&question, &nothing).is_some());
        assert_eq!(misfit(&Interrupt::new("q", TOOL_CALL), &nothing), None);
    }
}
