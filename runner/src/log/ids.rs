//! Ids that agents choose, and that may hold what nobody may see: told as others, each always as the same.

use std::hash::{BuildHasher as _, RandomState};

use ambient_redaction::{Counts, Redactor};
use serde_json::Value;

/// Tells ids apart that read the same without their secrets. Its key is this process's own: what stood there cannot be
/// found out by trying.
#[derive(Debug, Default)]
pub(super) struct Ids {
    key: RandomState,
}

impl Ids {
    /// Redacts all ids within a value.
    pub(super) fn redact(&self, value: &mut Value, redactor: &Redactor) -> Counts {
        let mut counts = Counts::default();
        self.redact_within(value, redactor, &mut counts);
        counts
    }

    fn redact_within(&self, value: &mut Value, redactor: &Redactor, counts: &mut Counts) {
        match value {
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.redact_within(item, redactor, counts));
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(id) if is_of_id(name) => self.tell(id, redactor, counts),
                        Value::Array(ids) if is_of_id(name) => {
                            ids.iter_mut().for_each(|id| match id {
                                Value::String(id) => self.tell(id, redactor, counts),
                                other => self.redact_within(other, redactor, counts),
                            });
                        }
                        other => self.redact_within(other, redactor, counts),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn tell(&self, id: &mut String, redactor: &Redactor, counts: &mut Counts) {
        let redacted = redactor.redact(id);
        if redacted.counts.total() == 0 {
            return;
        }
        counts.merge(&redacted.counts);
        *id = format!("{}-{:016x}", redacted.text, self.key.hash_one(&*id));
    }
}

fn is_of_id(name: &str) -> bool {
    name == "id" || name.ends_with("Id") || name.ends_with("Ids")
}

#[cfg(test)]
mod tests {
    use ambient_redaction::Secret;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_told_as_the_same_everywhere_and_as_no_other() {
        let redactor = Redactor::new([Secret::new("planted-secret-0123456789")]);
        let (one, two) = ("planted-secret-0123456789", "x-planted-secret-0123456789");
        let mut value = json!({
            "toolCallId": one, "parentId": two, "pendingToolCallIds": [one, "plain", 1], "deep": [{"id": two}],
            "text": one, "plainId": "plain",
        });
        assert_eq!(Ids::default().redact(&mut value, &redactor).total(), 4);
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        let (told, other) = (id(&value["toolCallId"]), id(&value["parentId"]));
        assert!(told.starts_with("[redacted]-") && other.starts_with("x-[redacted]-"), "{value}");
        assert_eq!(value["pendingToolCallIds"], json!([told, "plain", 1]));
        assert_eq!((id(&value["deep"][0]["id"]), id(&value["plainId"])), (other, "plain".to_owned()));
        assert_eq!(value["text"], one, "what is no id is another's business");
    }
}
