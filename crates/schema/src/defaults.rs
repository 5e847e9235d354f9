//! Filling in defaults.

use serde_json::Value;

use crate::schema::{Additional, Schema};

impl Schema {
    /// Fills in the defaults of fields that are not there, and drops nulls where null is no value.
    pub fn apply_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, schema) in &self.properties {
                    let missing = match fields.get(name) {
                        None => true,
                        Some(found) => found.is_null() && !schema.nullable,
                    };
                    match (&schema.default, missing) {
                        (Some(default), true) => {
                            fields.insert(name.clone(), default.clone());
                        }
                        (None, true) => {
                            fields.remove(name);
                        }
                        (_, false) => {}
                    }
                    if let Some(child) = fields.get_mut(name) {
                        schema.apply_defaults(child);
                    }
                }
                if let Additional::Schema(schema) = &self.additional {
                    let additional =
                        fields.iter_mut().filter(|(name, _)| !self.properties.contains_key(*name));
                    for (_, child) in additional {
                        if child.is_null()
                            && !schema.nullable
                            && let Some(default) = &schema.default
                        {
                            *child = default.clone();
                        }
                        schema.apply_defaults(child);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    items.iter_mut().for_each(|item| schema.apply_defaults(item));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_fill_gaps_at_every_depth() {
        let schema = json!({ "type": "object", "properties": {
            "a": { "type": "integer", "default": 1 },
            "n": { "type": "string", "nullable": true, "default": "x" },
            "plain": { "type": "string" },
            "inner": { "type": "object", "default": {}, "properties": { "b": { "type": "string", "default": "y" } } },
            "list": { "type": "array", "items": { "type": "object", "properties": { "c": { "type": "boolean", "default": true } } } },
            "map": { "type": "object", "additionalProperties": { "type": "object", "properties": { "d": { "type": "integer", "default": 0 } } } },
        } });
        let schema = Schema::parse(&schema, "").unwrap();
        for (given, wanted) in [
            (json!({}), json!({ "a": 1, "n": "x", "inner": { "b": "y" } })),
            (
                json!({ "a": null, "n": null, "plain": null, "list": [{}, { "c": false }], "map": { "k": {} } }),
                json!({ "a": 1, "n": null, "inner": { "b": "y" }, "list": [{ "c": true }, { "c": false }], "map": { "k": { "d": 0 } } }),
            ),
        ] {
            let mut value = given;
            schema.apply_defaults(&mut value);
            assert_eq!(value, wanted);
        }
    }
}
