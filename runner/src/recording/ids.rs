//! Ids by number: those that events have are of one run, and differ in the next.

use std::collections::BTreeMap;

use serde_json::Value;

/// Fields whose value is an id of this run.
const FIELDS: [&str; 10] = [
    "entityId",
    "id",
    "interruptId",
    "interruptIds",
    "messageId",
    "parentMessageId",
    "parentSubagentRunId",
    "parentToolCallId",
    "subagentRunId",
    "toolCallId",
];
/// Lengths of a UUID's parts.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// A text with its UUIDs numbered in the order in which they come.
#[must_use]
pub fn number_uuids(text: &str) -> String {
    Ids::default().without_uuids(text)
}

/// Ids in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Ids {
    known: BTreeMap<String, String>,
    uuids: BTreeMap<String, String>,
}

impl Ids {
    /// Puts numbers in the place of all ids of an event.
    pub(super) fn number(&mut self, event: &mut Value) {
        if let Value::Object(fields) = event {
            for (name, value) in fields.iter_mut().filter(|(name, _)| FIELDS.contains(&name.as_str())) {
                let inner = if name == "interruptIds" { value.as_array().cloned() } else { None };
                inner.unwrap_or_else(|| vec![value.clone()]).iter().for_each(|id| self.note(id));
            }
            let interrupts = fields.get("outcome").and_then(|outcome| outcome["interrupts"].as_array());
            interrupts.into_iter().flatten().for_each(|interrupt| {
                ["id", "toolCallId"].iter().for_each(|name| self.note(&interrupt[*name]));
            });
        }
        self.replace(event);
    }

    fn note(&mut self, id: &Value) {
        if let Some(id) = id.as_str().filter(|id| !id.is_empty()) {
            let next = format!("{{{{run}}}}.{}", self.known.len() + 1);
            self.known.entry(id.to_owned()).or_insert(next);
        }
    }

    fn replace(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => match self.known.get(text) {
                Some(number) => number.clone_into(text),
                None => *text = self.without_uuids(text),
            },
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.replace(field)),
            _ => {}
        }
    }

    /// UUIDs within texts are ids of sessions, requests and the like.
    fn without_uuids(&mut self, text: &str) -> String {
        let mut rest = text;
        let mut numbered = String::with_capacity(text.len());
        while let Some(first) = rest.chars().next() {
            let is_inner = numbered.ends_with(|before: char| before.is_ascii_alphanumeric());
            if let Some(uuid) = uuid_at(rest).filter(|_| !is_inner) {
                let next = format!("00000000-0000-4000-8000-{:012}", self.uuids.len() + 1);
                numbered.push_str(self.uuids.entry(uuid.to_owned()).or_insert(next));
                rest = &rest[uuid.len()..];
            } else {
                numbered.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        numbered
    }
}

/// The UUID with which a text begins.
fn uuid_at(text: &str) -> Option<&str> {
    let candidate = text.get(..36)?;
    let parts = candidate.split('-');
    let lengths = parts.clone().map(str::len);
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    (lengths.eq(UUID) && parts.clone().all(is_hex)).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_numbered_wherever_they_stand() {
        let mut ids = Ids::default();
        let mut start = json!({"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "c2", "parentMessageId": "m"});
        ids.number(&mut start);
        let mut end = json!({"type": "CUSTOM", "value": {"of": "c", "text": "about c"}});
        ids.number(&mut end);
        assert_eq!(
            (&start["parentMessageId"], &start["toolCallId"]),
            (&json!("{{run}}.1"), &json!("{{run}}.2"))
        );
        assert_eq!(end["value"], json!({"of": "{{run}}.2", "text": "about c"}));
    }

    #[test]
    fn uuids_are_numbered_within_texts() {
        let uuid = "8b0e21c4-90ab-4cde-8f01-23456789abcd";
        let first = "00000000-0000-4000-8000-000000000001";
        let cases = [
            (format!("a {uuid}, {uuid}"), format!("a {first}, {first}")),
            (format!("x{uuid}"), format!("x{uuid}")),
            ("é-8b0e21c4-90ab".to_owned(), "é-8b0e21c4-90ab".to_owned()),
        ];
        for (text, expected) in cases {
            assert_eq!(Ids::default().without_uuids(&text), expected);
        }
    }
}
