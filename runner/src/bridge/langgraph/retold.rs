//! A conversation told again as a graph's state has one: messages.

use serde_json::{Value, json};

use crate::retelling::{Part, Retelling, Use};

/// The messages, in order. A call has its result next to it: models' services refuse one without.
pub(super) fn messages(retelling: &Retelling) -> Vec<Value> {
    retelling.parts().iter().flat_map(part).collect()
}

fn part(part: &Part) -> Vec<Value> {
    match part {
        Part::Agent(text) => vec![json!({"role": "assistant", "content": text})],
        Part::User(text) => vec![json!({"role": "user", "content": text})],
        Part::Tool(Use { id, name, arguments, result: Some(result) }) => vec![
            json!({"role": "assistant", "content": "", "tool_calls": [
                {"type": "tool_call", "id": id, "name": name, "args": object(arguments)}]}),
            json!({"role": "tool", "tool_call_id": id, "content": result}),
        ],
        // Nobody else may speak between two of them.
        Part::Tool(Use { result: None, .. }) | Part::Note(_) | Part::LeftOut(_) => {
            vec![json!({"role": "user", "content": part.words()})]
        }
    }
}

/// Arguments that were cut are no object any more.
fn object(arguments: &str) -> Value {
    let parsed = serde_json::from_str(arguments).ok().filter(Value::is_object);
    parsed.unwrap_or_else(|| json!({"shortened": arguments}))
}
