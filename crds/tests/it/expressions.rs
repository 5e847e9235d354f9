//! Values of test tables: written as they are, or as a short expression where they would be long.

use serde_json::{Map, Value};

/// The value of an expression. `{repeat: [text, times]}`, `{text: [part, ..]}`, `{list: [item, times]}`,
/// `{map: [value, times]}` and `{value: anything}` are expressions; all else stands for itself.
pub(crate) fn evaluate(expression: &Value) -> Value {
    let single =
        expression.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.iter().next());
    match single.map(|(name, argument)| (name.as_str(), argument)) {
        Some(("repeat", argument)) => {
            let (text, times) = pair(argument);
            text.as_str().expect("a text to repeat").repeat(times).into()
        }
        Some(("text", parts)) => {
            let parts = parts.as_array().expect("parts of a text").iter().map(evaluate);
            parts.map(|part| part.as_str().expect("a part of a text").to_owned()).collect::<String>().into()
        }
        Some(("list", argument)) => {
            let (item, times) = pair(argument);
            (0..times).map(|index| numbered(&evaluate(item), index)).collect()
        }
        Some(("map", argument)) => {
            let (value, times) = pair(argument);
            Value::Object(
                (0..times).map(|index| (format!("k{index}"), evaluate(value))).collect::<Map<_, _>>(),
            )
        }
        Some(("value", literal)) => literal.clone(),
        _ => expression.clone(),
    }
}

fn pair(argument: &Value) -> (&Value, usize) {
    let times = argument[1].as_u64().and_then(|times| usize::try_from(times).ok());
    (&argument[0], times.expect("how many times"))
}

/// Replaces `#` in texts by the index.
fn numbered(value: &Value, index: usize) -> Value {
    match value {
        Value::String(text) => text.replace('#', &index.to_string()).into(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(key, inner)| (key.clone(), numbered(inner, index))).collect())
        }
        other => other.clone(),
    }
}
