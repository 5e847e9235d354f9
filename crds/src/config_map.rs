//! The schema of a ConfigMap, which Ambient carries beside its own kinds.

use serde_json::{Value, json};

/// The fields of `core/v1` ConfigMap, with the API server's limit of 1 MiB on each value.
pub(crate) fn schema() -> Value {
    let texts = json!({
        "type": "object",
        "maxProperties": 10_000,
        "additionalProperties": { "type": "string", "maxLength": 1_048_576 },
    });
    json!({
        "type": "object",
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "data": texts,
            "binaryData": texts,
            "immutable": { "type": "boolean" },
        },
    })
}
