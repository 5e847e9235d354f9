//! Taking fields out of a value.

use serde_json::{Map, Value};

use super::{
    field_set::{FieldSet, Step},
    shape::{Shape, View},
};

/// The value without the fields of a set; null where everything in it went. Who reads the object as its kind
/// drops such nulls; until then they tell that the field itself was not taken.
pub(crate) fn remove(shape: &Shape, value: &Value, gone: &FieldSet) -> Value {
    match (shape.view(value), value) {
        (View::Object, Value::Object(fields)) if !fields.is_empty() => {
            let kept: Map<String, Value> = fields
                .iter()
                .filter_map(|(name, child)| {
                    let kept = keep(shape.field(name), child, &Step::field(name), gone)?;
                    Some((name.clone(), kept))
                })
                .collect();
            if kept.is_empty() { Value::Null } else { Value::Object(kept) }
        }
        (View::List, Value::Array(items)) if !items.is_empty() => {
            let kept: Vec<Value> = items
                .iter()
                .filter_map(|item| keep(shape.item(), item, &shape.step_to(item), gone))
                .collect();
            if kept.is_empty() { Value::Null } else { Value::Array(kept) }
        }
        _ => value.clone(),
    }
}

fn keep(shape: &Shape, value: &Value, step: &Step, gone: &FieldSet) -> Option<Value> {
    if gone.has(step) {
        return None;
    }
    Some(match gone.below(step) {
        Some(below) => remove(shape, value, below),
        None => value.clone(),
    })
}
