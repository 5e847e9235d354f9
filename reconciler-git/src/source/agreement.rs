//! Whether an object in the cluster is as Git wants it, told from the watch alone: an agreement costs no request.

use serde_json::{Map, Value};

use ambient_crds::crd;

use super::wanted::{Tracking, Wanted};
use crate::live::LiveObject;

/// Whether applying `wanted` would change nothing.
///
/// Fields that Git does not name are not compared: the API server's defaults and other managers' fields stay theirs.
/// A field that left the manifest changes the digest of its document, which is one of the annotations.
pub(crate) fn agrees(wanted: &Wanted, tracking: &Tracking, live: &LiveObject) -> bool {
    let schema = crd::schema_of(wanted.kind());
    live.was_applied_by_sync()
        && wanted.labels(tracking).iter().all(|(key, value)| live.labels.get(key) == Some(value))
        && wanted.annotations(tracking).iter().all(|(key, value)| live.annotations.get(key) == Some(value))
        && wanted
            .content()
            .all(|(key, value)| holds(&schema["properties"][key], value, live.content.get(key)))
}

/// Whether what is live contains what is wanted, by the rules of server-side apply.
fn holds(schema: &Value, wanted: &Value, live: Option<&Value>) -> bool {
    match (wanted, live) {
        (Value::Null, _) => true,
        (Value::Object(wanted), None) => wanted.is_empty(),
        (Value::Array(wanted), None) => wanted.is_empty(),
        (_, None) => false,
        (Value::Object(wanted), Some(Value::Object(live))) => holds_fields(schema, wanted, live),
        (Value::Array(wanted), Some(Value::Array(live))) => holds_items(schema, wanted, live),
        (Value::Number(wanted), Some(Value::Number(live))) => {
            wanted == live || wanted.as_f64() == live.as_f64()
        }
        (wanted, Some(live)) => wanted == live,
    }
}

fn holds_fields(schema: &Value, wanted: &Map<String, Value>, live: &Map<String, Value>) -> bool {
    wanted.iter().all(|(key, value)| {
        let known = &schema["properties"][key];
        let schema = if known.is_null() { &schema["additionalProperties"] } else { known };
        holds(schema, value, live.get(key))
    })
}

fn holds_items(schema: &Value, wanted: &[Value], live: &[Value]) -> bool {
    let items = &schema["items"];
    match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => {
            let keys = &schema["x-kubernetes-list-map-keys"];
            let keys: Vec<&str> = keys.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            wanted.iter().all(|item| {
                let twin = live.iter().find(|other| keys.iter().all(|key| other[*key] == item[*key]));
                holds(items, item, twin)
            })
        }
        Some("set") => wanted.iter().all(|item| live.contains(item)),
        _ => {
            wanted.len() == live.len()
                && wanted.iter().zip(live).all(|(item, other)| holds(items, item, Some(other)))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wanted_is_contained_in_what_is_live() {
        let plain = Value::Null;
        let list = json!({"properties": {"l": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"]}}});
        let set = json!({"properties": {"l": {"x-kubernetes-list-type": "set"}}});
        for (schema, wanted, live, expected) in [
            (&plain, json!({"a": 1}), json!({"a": 1, "b": 2}), true),
            (&plain, json!({"a": 1}), json!({"a": 1.0}), true),
            (&plain, json!({"a": 1}), json!({"a": 2}), false),
            (&plain, json!({"a": null}), json!({}), true),
            (&plain, json!({"a": {}}), json!({}), true),
            (&plain, json!({"a": {"b": 1}}), json!({}), false),
            (&plain, json!({"l": [1, 2]}), json!({"l": [1, 2]}), true),
            (&plain, json!({"l": [1]}), json!({"l": [1, 2]}), false),
            (&plain, json!({"l": [{"a": 1}]}), json!({"l": [{"a": 1, "defaulted": true}]}), true),
            (&list, json!({"l": [{"n": "x", "v": 1}]}), json!({"l": [{"n": "y"}, {"n": "x", "v": 1}]}), true),
            (&list, json!({"l": [{"n": "x", "v": 1}]}), json!({"l": [{"n": "x", "v": 2}]}), false),
            (&set, json!({"l": ["b"]}), json!({"l": ["a", "b"]}), true),
            (&set, json!({"l": ["c"]}), json!({"l": ["a", "b"]}), false),
        ] {
            assert_eq!(holds(schema, &wanted, Some(&live)), expected, "{wanted} in {live}");
        }
    }
}
