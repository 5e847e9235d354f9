//! Uniqueness and correlation of list items.

use serde_json::{Map, Value};

use crate::{
    FieldError, path,
    schema::{ListType, Schema},
};

/// The values that tell one item of a map-like list from the others.
pub(crate) fn item_key<'a>(
    item: &'a Value,
    keys: &[String],
    items: Option<&'a Schema>,
) -> Vec<Option<&'a Value>> {
    keys.iter()
        .map(|key| {
            let default = || items?.properties.get(key)?.default.as_ref();
            item.get(key).or_else(default)
        })
        .collect()
}

/// The item of an older list that a new item continues, where the list's type tells.
pub(crate) fn correlate<'a>(
    schema: &'a Schema,
    item: &'a Value,
    old: Option<&'a Value>,
) -> Option<&'a Value> {
    let ListType::Map(keys) = &schema.list_type else { return None };
    let items = schema.items.as_deref();
    let wanted = item_key(item, keys, items);
    old?.as_array()?.iter().find(|candidate| item_key(candidate, keys, items) == wanted)
}

/// Finds items that occur twice in lists that forbid it.
pub(crate) fn check_unique(schema: &Schema, list: &[Value], at: &str, errors: &mut Vec<FieldError>) {
    match &schema.list_type {
        ListType::Atomic => {}
        ListType::Set => {
            for (index, item) in list.iter().enumerate() {
                if list[..index].contains(item) {
                    errors.push(FieldError::duplicate(path::item(at, index), item));
                }
            }
        }
        ListType::Map(keys) => {
            let items = schema.items.as_deref();
            let found: Vec<_> = list.iter().map(|item| item_key(item, keys, items)).collect();
            for (index, key) in found.iter().enumerate() {
                if found[..index].contains(key) {
                    let shown: Map<String, Value> = keys
                        .iter()
                        .zip(key)
                        .filter_map(|(name, value)| Some((name.clone(), (*value)?.clone())))
                        .collect();
                    errors.push(FieldError::duplicate(path::item(at, index), &Value::Object(shown)));
                }
            }
        }
    }
}
