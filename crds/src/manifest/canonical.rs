//! The digest of a document: the same for documents that mean the same, whatever their comments, order and style.

use serde_json::Value;

use crate::names::digest;

/// `sha256:<hex>` of the value as JSON with sorted keys.
pub(super) fn digest_of(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    digest(text.as_bytes())
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (key, inner) in sorted {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(inner, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}
