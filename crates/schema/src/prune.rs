//! Dropping what a schema does not know.

use serde_json::Value;

use crate::{
    path,
    schema::{Additional, Schema},
};

/// Fields that every resource has whether its schema names them or not.
const RESOURCE_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Schema {
    /// Drops unknown fields, and gives their paths.
    pub fn prune(&self, value: &mut Value) -> Vec<String> {
        let mut pruned = Vec::new();
        self.prune_at(value, "", &mut pruned);
        pruned
    }

    fn prune_at(&self, value: &mut Value, at: &str, pruned: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, child| {
                    let at = path::field(at, name);
                    if self.embedded_resource && RESOURCE_FIELDS.contains(&name.as_str()) {
                        return true;
                    }
                    if let Some(schema) = self.properties.get(name) {
                        schema.prune_at(child, &at, pruned);
                        return true;
                    }
                    match &self.additional {
                        Additional::Any => true,
                        Additional::Schema(schema) => {
                            schema.prune_at(child, &at, pruned);
                            true
                        }
                        Additional::None => {
                            if !self.preserve_unknown_fields {
                                pruned.push(at);
                            }
                            self.preserve_unknown_fields
                        }
                    }
                });
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    for (index, item) in items.iter_mut().enumerate() {
                        schema.prune_at(item, &path::item(at, index), pruned);
                    }
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
    fn unknown_fields_go_and_are_named() {
        let schema = json!({ "type": "object", "properties": {
            "known": { "type": "string" },
            "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "properties": { "strict": { "type": "object" } } },
            "list": { "type": "array", "items": { "type": "object", "properties": { "a": { "type": "string" } } } },
            "map": { "type": "object", "additionalProperties": { "type": "object", "properties": { "a": { "type": "string" } } } },
            "any": { "type": "object", "additionalProperties": true },
            "inner": { "type": "object", "x-kubernetes-embedded-resource": true },
        } });
        let schema = Schema::parse_resource(&schema, "").unwrap();
        let mut value = json!({
            "apiVersion": "v1", "kind": "K", "metadata": { "name": "n", "x": 1 }, "unknown": 1, "known": "k",
            "free": { "x": 1, "strict": { "y": 1 } }, "list": [{ "a": "1", "b": 2 }],
            "map": { "k": { "a": "1", "b": 2 } }, "any": { "z": [1] },
            "inner": { "kind": "Pod", "spec": {} },
        });
        let pruned = schema.prune(&mut value);
        assert_eq!(pruned, ["free.strict.y", "inner.spec", "list[0].b", "map.k.b", "unknown"]);
        assert_eq!(
            value,
            json!({
                "apiVersion": "v1", "kind": "K", "metadata": { "name": "n", "x": 1 }, "known": "k",
                "free": { "x": 1, "strict": {} }, "list": [{ "a": "1" }],
                "map": { "k": { "a": "1" } }, "any": { "z": [1] }, "inner": { "kind": "Pod" },
            })
        );
    }
}
