//! The third step: what the schema of the kind says, as the API server will.

use serde_json::Value;

use super::problem::Problem;
use super::spelling::nearest;
use crate::codes::Code;
use crate::crd;
use crate::kinds::CarriedKind;

/// Unknown fields, then values that the schema refuses.
pub(super) fn check(kind: CarriedKind, value: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    unknown_fields(crd::schema_of(kind), value, "", &mut problems);
    problems
}

/// Fields that the API server would drop without a word.
fn unknown_fields(schema: &Value, value: &Value, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                unknown_fields(&schema["items"], item, &format!("{path}[{index}]"), problems);
            }
        }
        Value::Object(fields) => {
            let Some(known) = schema["properties"].as_object() else { return };
            for (name, inner) in fields {
                let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match known.get(name) {
                    Some(schema) => unknown_fields(schema, inner, &here, problems),
                    None => problems.push(unknown_field(&here, name, known.keys())),
                }
            }
        }
        _ => {}
    }
}

fn unknown_field<'a>(path: &str, name: &str, known: impl Iterator<Item = &'a String>) -> Problem {
    let hint = nearest(name, known).map(|known| format!("; did you mean {known}?")).unwrap_or_default();
    Problem::new(path, Code::UnknownField, format!("{path} is no field of the schema{hint}"))
}
