//! CEL rules (`x-kubernetes-validations`), compiled once per schema node.

use kube_cel::{CompiledSchema, ErrorKind, Validator, compile_schema};
use serde_json::Value;

use crate::{FieldError, path};

/// The compiled rules of one node; children have rules of their own.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Rules that need no older value, and those that compare with it.
    plain: Option<CompiledSchema>,
    transition: Option<CompiledSchema>,
}

thread_local! {
    /// Registering the function library costs more than most rules: once a thread is enough.
    static VALIDATOR: Validator = Validator::new();
}

impl Rules {
    /// Compiles the rules of a node, none if it has none; errors are (index, rule, what is wrong).
    pub(crate) fn compile(schema: &Value) -> Result<Option<Self>, Vec<(usize, String, String)>> {
        let Some(rules) = schema.get("x-kubernetes-validations").and_then(Value::as_array) else {
            return Ok(None);
        };
        if rules.is_empty() {
            return Ok(None);
        }
        let shape = without_children_rules(schema);
        let mut errors = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let compiled = compile_schema(&with_rules(&shape, vec![rule.clone()]));
            for error in compiled.compilation_errors() {
                let text = rule["rule"].as_str().unwrap_or("").to_owned();
                errors.push((index, text, format!("compilation failed: {error}")));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let (transition, plain): (Vec<Value>, Vec<Value>) = rules.iter().cloned().partition(uses_old_self);
        let compiled =
            |rules: Vec<Value>| (!rules.is_empty()).then(|| compile_schema(&with_rules(&shape, rules)));
        Ok(Some(Self { plain: compiled(plain), transition: compiled(transition) }))
    }

    /// Evaluates the rules on a value. Plain rules are left out for a value that did not change: an object
    /// that was valid once stays editable when its schema becomes stricter.
    pub(crate) fn evaluate(
        &self,
        value: &Value,
        old: Option<&Value>,
        at: &str,
        errors: &mut Vec<FieldError>,
    ) {
        let unchanged = old == Some(value);
        let plain = self.plain.iter().filter(|_| !unchanged).map(|rules| (rules, None));
        let transition = self.transition.iter().map(|rules| (rules, old));
        for (rules, old) in plain.chain(transition) {
            let result = VALIDATOR.with(|validator| validator.validate_compiled(rules, value, old));
            for error in result.err().into_iter().flatten() {
                let at = join(at, &error.field_path);
                errors.push(match (&error.kind, error.reason.as_deref()) {
                    (ErrorKind::ValidationFailure, Some("FieldValueForbidden")) => {
                        FieldError::forbidden(at, &error.message)
                    }
                    (ErrorKind::ValidationFailure, Some("FieldValueRequired")) => {
                        FieldError::required(at, &error.message)
                    }
                    (ErrorKind::ValidationFailure, Some("FieldValueDuplicate")) => {
                        FieldError::duplicate(at, value)
                    }
                    // Objects and lists are not shown: they may be long.
                    _ if value.is_object() || value.is_array() => {
                        FieldError::invalid_as_a_whole(at, &error.message)
                    }
                    _ => FieldError::invalid(at, value, &error.message),
                });
            }
        }
    }
}

fn uses_old_self(rule: &Value) -> bool {
    ["rule", "messageExpression"]
        .iter()
        .any(|field| rule[*field].as_str().is_some_and(|text| text.contains("oldSelf")))
}

fn with_rules(shape: &Value, rules: Vec<Value>) -> Value {
    let mut schema = shape.clone();
    schema["x-kubernetes-validations"] = Value::Array(rules);
    schema
}

/// The schema with the types that rules need to read values, and no rules or defaults.
fn without_children_rules(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, value)| {
                let is_rule = *name == "x-kubernetes-validations" && value.is_array();
                let is_default = *name == "default" && fields.contains_key("type") && !value.is_object();
                !is_rule && !is_default
            })
            .map(|(name, value)| (name.clone(), without_children_rules(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(without_children_rules).collect(),
        other => other.clone(),
    }
}

fn join(at: &str, below: &str) -> String {
    match (at.is_empty(), below.is_empty()) {
        (_, true) => at.to_owned(),
        (true, false) => below.to_owned(),
        (false, false) if below.starts_with('[') => format!("{at}{below}"),
        (false, false) => path::field(at, below.trim_start_matches('.')),
    }
}
