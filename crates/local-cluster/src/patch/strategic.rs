//! Strategic merge patches: merge patches that know which lists of built-in kinds merge by a key.

use serde_json::{Map, Value};

use crate::{
    apply::{ListShape, Shape},
    status::{ApiError, ApiResult},
};

/// What a patch asks for beside values.
const DIRECTIVE: &str = "$patch";
const DELETE_ITEMS: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";
const RETAIN: &str = "$retainKeys";

/// Applies a strategic merge patch.
pub(crate) fn strategic(shape: &Shape, object: &Value, patch: &Value) -> ApiResult<Value> {
    let Value::Object(changes) = patch else {
        return Err(ApiError::bad_request("a strategic merge patch must be an object"));
    };
    objects(shape, object.as_object().unwrap_or(&Map::new()), changes).map(Value::Object)
}

fn objects(
    shape: &Shape,
    object: &Map<String, Value>,
    patch: &Map<String, Value>,
) -> ApiResult<Map<String, Value>> {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        None | Some("merge") => {}
        Some("replace") => return Ok(without_directives(patch)),
        Some("delete") => return Ok(Map::new()),
        Some(other) => return Err(ApiError::bad_request(format!("Unknown patch directive: {other}"))),
    }
    let mut merged = object.clone();
    if let Some(retained) = patch.get(RETAIN).and_then(Value::as_array) {
        merged.retain(|name, _| retained.contains(&name.as_str().into()));
    }
    for (name, change) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        if change.is_null() {
            merged.remove(name);
            continue;
        }
        let found = merged.get(name).cloned().unwrap_or_default();
        merged.insert(name.clone(), value(shape.field(name), &found, change)?);
    }
    for (name, items) in patch {
        if let Some(list) = name.strip_prefix(DELETE_ITEMS) {
            delete_items(&mut merged, list, items);
        }
    }
    for (name, order) in patch {
        if let Some(list) = name.strip_prefix(ORDER) {
            let key = merge_key(shape.field(list));
            set_order(&mut merged, list, order, key);
        }
    }
    Ok(merged)
}

fn value(shape: &Shape, found: &Value, change: &Value) -> ApiResult<Value> {
    match (found, change) {
        (Value::Object(found), Value::Object(change)) => objects(shape, found, change).map(Value::Object),
        (_, Value::Object(change)) => objects(shape, &Map::new(), change).map(Value::Object),
        (_, Value::Array(items)) => match (shape, merge_key(shape)) {
            (Shape::List { by: ListShape::Set, .. }, _) => Ok(merge_values(found, items)),
            (Shape::List { item, .. }, Some(key)) => merge_items(item, found, items, key),
            _ => Ok(change.clone()),
        },
        _ => Ok(change.clone()),
    }
}

/// The field that tells items apart here: of several keys the first, as Kubernetes has it.
fn merge_key(shape: &Shape) -> Option<&str> {
    match shape {
        Shape::List { by: ListShape::Keys(keys), .. } => keys.first().map(|(key, _)| key.as_str()),
        _ => None,
    }
}

fn merge_values(found: &Value, items: &[Value]) -> Value {
    let mut merged = found.as_array().cloned().unwrap_or_default();
    for item in items {
        if !merged.contains(item) {
            merged.push(item.clone());
        }
    }
    Value::Array(merged)
}

fn merge_items(shape: &Shape, found: &Value, items: &[Value], key: &str) -> ApiResult<Value> {
    let replaces = |item: &Value| item[DIRECTIVE] == "replace" && item.get(key).is_none();
    if items.iter().any(replaces) {
        return Ok(items.iter().filter(|item| !replaces(item)).cloned().collect());
    }
    let mut merged = found.as_array().cloned().unwrap_or_default();
    for item in items {
        let id = item.get(key).ok_or_else(|| {
            ApiError::bad_request(format!("map: {item} does not contain declared merge key: {key}"))
        })?;
        let place = merged.iter().position(|known| known.get(key) == Some(id));
        if item[DIRECTIVE] == "delete" {
            merged.retain(|known| known.get(key) != Some(id));
            continue;
        }
        match place {
            Some(place) => merged[place] = value(shape, &merged[place], item)?,
            None => merged.push(value(shape, &Value::Null, item)?),
        }
    }
    Ok(Value::Array(merged))
}

fn delete_items(object: &mut Map<String, Value>, list: &str, items: &Value) {
    if let (Some(list), Some(items)) = (object.get_mut(list).and_then(Value::as_array_mut), items.as_array())
    {
        list.retain(|item| !items.contains(item));
    }
}

/// Brings the listed items into the given order; others keep their place after the one they followed.
fn set_order(object: &mut Map<String, Value>, list: &str, order: &Value, key: Option<&str>) {
    let (Some(items), Some(order)) = (object.get_mut(list).and_then(Value::as_array_mut), order.as_array())
    else {
        return;
    };
    let id =
        |item: &Value| key.map_or_else(|| item.clone(), |key| item.get(key).cloned().unwrap_or_default());
    let rank = |item: &Value| order.iter().position(|wanted| id(wanted) == id(item));
    let mut last = 0;
    let mut ranked: Vec<(usize, Value)> = Vec::new();
    for item in items.drain(..) {
        last = rank(&item).unwrap_or(last);
        ranked.push((last, item));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    items.extend(ranked.into_iter().map(|(_, item)| item));
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    patch
        .iter()
        .filter(|(name, _)| !name.starts_with('$'))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn shape() -> Shape {
        let list = |by| Shape::List { by, item: Box::new(Shape::Structure(BTreeMap::new())) };
        Shape::Structure(BTreeMap::from([
            ("env".to_owned(), list(ListShape::Keys(vec![("name".to_owned(), None)]))),
            ("finalizers".to_owned(), list(ListShape::Set)),
        ]))
    }

    #[test]
    fn lists_merge_by_key_and_directives_are_followed() {
        let object = json!({
            "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
            "finalizers": ["x", "y"], "args": ["a"], "m": { "k": "v", "l": "w" },
        });
        for (patch, field, wanted) in [
            (
                json!({ "env": [{ "name": "B", "value": "3" }, { "name": "C" }] }),
                "env",
                json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "3" }, { "name": "C" }]),
            ),
            (
                json!({ "env": [{ "name": "A", "$patch": "delete" }] }),
                "env",
                json!([{ "name": "B", "value": "2" }]),
            ),
            (json!({ "env": [{ "$patch": "replace" }, { "name": "C" }] }), "env", json!([{ "name": "C" }])),
            (
                json!({ "$setElementOrder/env": [{ "name": "B" }, { "name": "A" }] }),
                "env",
                json!([{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }]),
            ),
            (json!({ "finalizers": ["z"] }), "finalizers", json!(["x", "y", "z"])),
            (json!({ "$deleteFromPrimitiveList/finalizers": ["x"] }), "finalizers", json!(["y"])),
            (json!({ "args": ["b"] }), "args", json!(["b"])),
            (json!({ "m": { "k": null, "n": "1" } }), "m", json!({ "l": "w", "n": "1" })),
            (json!({ "m": { "$patch": "replace", "n": "1" } }), "m", json!({ "n": "1" })),
            (json!({ "m": { "$retainKeys": ["l"], "l": "2" } }), "m", json!({ "l": "2" })),
            (json!({ "m": null }), "m", Value::Null),
        ] {
            let patched = strategic(&shape(), &object, &patch).unwrap();
            assert_eq!(patched.get(field).cloned().unwrap_or_default(), wanted, "{patch}");
        }
    }
}
