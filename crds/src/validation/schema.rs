//! The third step: what the schema of the kind says, in the words of the API server.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ambient_schema::{FieldError, FieldErrorKind, Schema};
use serde_json::Value;

use super::problem::Problem;
use super::spelling::nearest;
use super::without_nulls;
use crate::codes::Code;
use crate::crd;
use crate::kinds::CarriedKind;

/// The schema of a kind, parsed once, and the messages of its rules.
struct KindSchema {
    schema: Schema,
    rule_messages: Vec<String>,
}

static SCHEMAS: LazyLock<BTreeMap<CarriedKind, KindSchema>> = LazyLock::new(|| {
    let parse = |kind: &CarriedKind| {
        let json = crd::schema_of(*kind);
        let schema = Schema::parse_resource(json, "").expect("a test parses the schema of each kind");
        let mut rule_messages = Vec::new();
        collect_messages(json, &mut rule_messages);
        (*kind, KindSchema { schema, rule_messages })
    };
    CarriedKind::ALL.iter().map(parse).collect()
});

/// Unknown fields, values that the schema refuses, and rules that are broken.
pub(super) fn check(kind: CarriedKind, value: &Value) -> Vec<Problem> {
    let json = crd::schema_of(kind);
    let kind = &SCHEMAS[&kind];
    let mut value = without_nulls(value);
    let unknown = kind.schema.prune(&mut value);
    let mut problems: Vec<Problem> = unknown.iter().map(|path| unknown_field(json, path)).collect();
    kind.schema.apply_defaults(&mut value);
    let errors = kind.schema.validate(&value, None);
    problems.extend(errors.iter().filter(|error| error.field != "<nil>").map(|error| refusal(kind, error)));
    problems
}

fn refusal(kind: &KindSchema, error: &FieldError) -> Problem {
    if let Some(message) = kind.rule_messages.iter().find(|message| error.message.ends_with(message.as_str()))
    {
        return Problem::new(&error.field, Code::BrokenRule, message);
    }
    let code = match error.kind {
        FieldErrorKind::Required => Code::MissingField,
        FieldErrorKind::TypeInvalid => Code::WrongType,
        _ => Code::InvalidValue,
    };
    Problem::new(&error.field, code, error.to_string())
}

fn collect_messages(schema: &Value, messages: &mut Vec<String>) {
    let rules = schema["x-kubernetes-validations"].as_array();
    messages
        .extend(rules.into_iter().flatten().filter_map(|rule| rule["message"].as_str()).map(str::to_owned));
    for inner in schema["properties"].as_object().into_iter().flat_map(|properties| properties.values()) {
        collect_messages(inner, messages);
    }
    for key in ["items", "additionalProperties"] {
        schema.get(key).into_iter().for_each(|inner| collect_messages(inner, messages));
    }
}

/// A field that the API server would drop without a word.
fn unknown_field(schema: &Value, path: &str) -> Problem {
    let mut node = schema;
    let mut name = path;
    for step in path.split('.') {
        let (field, indices) =
            step.split_once('[').map_or((step, 0), |(field, rest)| (field, 1 + rest.matches('[').count()));
        name = field;
        match node["properties"].get(field) {
            None => break,
            Some(inner) => node = (0..indices).fold(inner, |node, _| &node["items"]),
        }
    }
    let known = node["properties"].as_object().into_iter().flat_map(|properties| properties.keys());
    let hint = nearest(name, known).map(|known| format!("; did you mean {known}?")).unwrap_or_default();
    Problem::new(path, Code::UnknownField, format!("{path} is no field of the schema{hint}"))
}
