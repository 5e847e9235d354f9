//! Variables in a fixture's texts.

use std::collections::BTreeMap;

use serde_json::Value;

/// Variables by name.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Puts each variable in the place of `{{name}}`; an unknown name stays as it is. What is put in is not looked
    /// through again.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            filled.push_str(before);
            match behind.split_once("}}").and_then(|(name, after)| Some((self.0.get(name.trim())?, after))) {
                Some((value, after)) => {
                    filled.push_str(value);
                    rest = after;
                }
                None => {
                    filled.push_str("{{");
                    rest = behind;
                }
            }
        }
        filled.push_str(rest);
        filled
    }

    /// The same for every string of a JSON value.
    pub(super) fn fill_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(items) => items.iter().map(|item| self.fill_json(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, field)| (name.clone(), self.fill_json(field))).collect()
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_filled_and_others_stay() {
        let mut variables = Variables::default();
        variables.set("a", "{{b}}");
        variables.set("b", "two");
        let cases = [("{{a}} {{ b }}", "{{b}} two"), ("{{x}}", "{{x}}"), ("{{", "{{"), ("}} {{b", "}} {{b")];
        for (text, expected) in cases {
            assert_eq!(variables.fill(text), expected);
        }
        let value = serde_json::json!({"path": ["{{b}}", 1]});
        assert_eq!(variables.fill_json(&value), serde_json::json!({"path": ["two", 1]}));
    }
}
