//! The forms of labels, annotations and finalizers.

use ambient_schema::FieldError;
use serde_json::Value;

use crate::object;

/// The greatest size of all annotations together, in bytes.
const ANNOTATIONS_LIMIT: usize = 256 << 10;

const NAME: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
    with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
    '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
    regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Finds labels, annotations and finalizers of a wrong form.
///
/// `is_core` asks for finalizers with a domain, as the core kinds do.
pub(crate) fn check(object: &Value, is_core: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let metadata = &object["metadata"];
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        if !is_qualified(key) {
            errors.push(FieldError::invalid("metadata.labels", &key.as_str().into(), NAME));
        }
        let text = value.as_str().unwrap_or("");
        if !(text.is_empty() || is_name(text)) {
            let detail = if text.len() > 63 { "must be no more than 63 bytes" } else { VALUE };
            errors.push(FieldError::invalid("metadata.labels", value, detail));
        }
    }
    let mut size = 0;
    for (key, value) in metadata["annotations"].as_object().into_iter().flatten() {
        if !is_qualified(key) {
            errors.push(FieldError::invalid("metadata.annotations", &key.as_str().into(), NAME));
        }
        size += key.len() + value.as_str().unwrap_or("").len();
    }
    if size > ANNOTATIONS_LIMIT {
        errors.push(FieldError::too_long("metadata.annotations", ANNOTATIONS_LIMIT as u64));
    }
    for finalizer in object::finalizers(object).into_iter().filter(|name| !is_finalizer(name, is_core)) {
        errors.push(FieldError::invalid(
            "metadata.finalizers",
            &finalizer.into(),
            "name is neither a standard finalizer name nor is it fully qualified",
        ));
    }
    errors
}

fn is_finalizer(name: &str, is_core: bool) -> bool {
    let standard = matches!(name, "orphan" | "foregroundDeletion" | "kubernetes");
    standard || (is_qualified(name) && (name.contains('/') || !is_core))
}

fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => {
            !prefix.is_empty() && prefix.len() <= 253 && is_prefix(prefix) && is_name(name)
        }
        None => is_name(key),
    }
}

fn is_prefix(prefix: &str) -> bool {
    prefix.split('.').all(|label| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty() && label.chars().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    })
}

fn is_name(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.len() <= 63
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_of_metadata() {
        for (metadata, wanted) in [
            (
                json!({ "labels": { "a": "", "example.com/b": "V_1.x" }, "finalizers": ["a.io/b", "orphan"] }),
                0,
            ),
            (json!({ "labels": { "a b": "x" } }), 1),
            (json!({ "labels": { "a": "-x" } }), 1),
            (json!({ "labels": { "a": "x".repeat(64) } }), 1),
            (json!({ "annotations": { "Example.com/a": "anything goes" } }), 1),
            (json!({ "finalizers": ["plain"] }), 1),
        ] {
            assert_eq!(check(&json!({ "metadata": metadata }), true).len(), wanted, "{metadata}");
        }
    }
}
