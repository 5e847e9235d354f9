//! What this platform adds to the metadata of events and questions: an object of its own.

use serde_json::{Map, Value};

use super::METADATA_KEY;

/// Puts a value under a name of ours.
pub(super) fn put(metadata: &mut Option<Map<String, Value>>, name: &str, value: Value) {
    let ours = metadata.get_or_insert_default().entry(METADATA_KEY).or_insert_with(|| Map::new().into());
    if let Some(object) = ours.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// The value under a name of ours.
pub(super) fn get<'a>(metadata: Option<&'a Map<String, Value>>, name: &str) -> Option<&'a Value> {
    metadata?.get(METADATA_KEY)?.get(name)
}
