//! Redaction inside JSON values.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::kind::Counts;
use crate::redactor::Redactor;

/// Redacts the strings and keys of a value.
pub(crate) fn redact_value(redactor: &Redactor, value: &mut Value, counts: &mut Counts) {
    match value {
        Value::String(text) => {
            if let Some(redacted) = redact_text(redactor, text, counts) {
                *text = redacted;
            }
        }
        Value::Array(items) => {
            for item in items {
                redact_value(redactor, item, counts);
            }
        }
        Value::Object(entries) => redact_object(redactor, entries, counts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn redact_object(redactor: &Redactor, entries: &mut Map<String, Value>, counts: &mut Counts) {
    let mut renamed = Vec::new();
    for (key, value) in entries.iter_mut() {
        redact_value(redactor, value, counts);
        if let Some(redacted) = redact_text(redactor, key, counts) {
            renamed.push((key.clone(), redacted));
        }
    }
    for (key, redacted) in renamed {
        if let Some(value) = entries.remove(&key) {
            let free = free_key(entries, redacted);
            entries.insert(free, value);
        }
    }
}

fn redact_text(redactor: &Redactor, text: &str, counts: &mut Counts) -> Option<String> {
    let redacted = redactor.redact(text);
    counts.merge(&redacted.counts);
    match redacted.text {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    }
}

fn free_key(entries: &Map<String, Value>, key: String) -> String {
    if !entries.contains_key(&key) {
        return key;
    }
    let mut number = 2_u64;
    loop {
        let numbered = format!("{key} {number}");
        if !entries.contains_key(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::Secret;

    #[test]
    fn strings_and_keys_at_every_depth() {
        let redactor = Redactor::new([Secret::new("hunter2hunter2"), Secret::new("correct horse")]);
        let mut value = json!({
            "list": ["hunter2hunter2", 12, null, {"deep": "a correct horse b"}],
            "hunter2hunter2": 1,
            "correct horse": 2,
            "plain": "text",
        });
        let counts = redactor.redact_json(&mut value);
        let expected = json!({
            "list": ["[redacted]", 12, null, {"deep": "a [redacted] b"}],
            "[redacted]": 2,
            "[redacted] 2": 1,
            "plain": "text",
        });
        assert_eq!(value, expected);
        assert_eq!(counts.total(), 4);
    }
}
