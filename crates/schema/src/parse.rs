//! From the JSON of a schema to [`Schema`], refusing what is not structural.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    FieldError, path,
    rules::Rules,
    schema::{Additional, Limits, ListType, Schema, SchemaType},
};

impl Schema {
    /// Reads the schema of a kind: the root also holds `apiVersion`, `kind` and `metadata`.
    ///
    /// `at` is the path of the schema in its definition, for messages.
    ///
    /// # Errors
    /// Everything that makes the schema unusable, with its path.
    pub fn parse_resource(schema: &Value, at: &str) -> Result<Self, Vec<FieldError>> {
        let mut parsed = Self::parse(schema, at)?;
        if parsed.schema_type != Some(SchemaType::Object) {
            let detail = "must be object at the root";
            return Err(vec![FieldError::invalid(path::field(at, "type"), &schema["type"], detail)]);
        }
        parsed.embedded_resource = true;
        Ok(parsed)
    }

    /// Reads the schema of a value.
    ///
    /// # Errors
    /// Everything that makes the schema unusable, with its path.
    pub fn parse(schema: &Value, at: &str) -> Result<Self, Vec<FieldError>> {
        let mut parser = Parser { errors: Vec::new() };
        let parsed = parser.node(schema, at, Place::Structure);
        if parser.errors.is_empty() { Ok(parsed) } else { Err(parser.errors) }
    }
}

/// Whether a node shapes values or only limits them (inside `allOf` and its like).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Structure,
    Limits,
}

struct Parser {
    errors: Vec<FieldError>,
}

impl Parser {
    fn node(&mut self, schema: &Value, at: &str, place: Place) -> Schema {
        let Some(fields) = schema.as_object() else {
            self.errors.push(FieldError::invalid(at, schema, "a schema must be an object"));
            return Schema::default();
        };
        let flag = |name: &str| fields.get(name) == Some(&Value::Bool(true));
        let mut node = Schema {
            schema_type: self.schema_type(fields, at),
            description: text(fields, "description").to_owned(),
            nullable: flag("nullable"),
            default: fields.get("default").cloned(),
            properties: self.properties(fields, at, place),
            additional: self.additional(fields, at, place),
            items: fields
                .get("items")
                .map(|items| Box::new(self.node(items, &path::field(at, "items"), place))),
            preserve_unknown_fields: flag("x-kubernetes-preserve-unknown-fields"),
            int_or_string: flag("x-kubernetes-int-or-string"),
            embedded_resource: flag("x-kubernetes-embedded-resource"),
            list_type: self.list_type(fields, at),
            atomic_map: text(fields, "x-kubernetes-map-type") == "atomic",
            limits: self.limits(fields, at),
            rules: None,
        };
        node.rules = self.rules(schema, at);
        self.check(&node, at, place);
        node
    }

    fn schema_type(&mut self, fields: &Map<String, Value>, at: &str) -> Option<SchemaType> {
        let name = text(fields, "type");
        Some(match name {
            "" => return None,
            "object" => SchemaType::Object,
            "array" => SchemaType::Array,
            "string" => SchemaType::String,
            "integer" => SchemaType::Integer,
            "number" => SchemaType::Number,
            "boolean" => SchemaType::Boolean,
            other => {
                let allowed: Vec<Value> =
                    ["array", "boolean", "integer", "number", "object", "string"].map(Value::from).to_vec();
                self.errors.push(FieldError::not_supported(path::field(at, "type"), &other.into(), &allowed));
                return None;
            }
        })
    }

    fn properties(
        &mut self,
        fields: &Map<String, Value>,
        at: &str,
        place: Place,
    ) -> BTreeMap<String, Schema> {
        let at = path::field(at, "properties");
        let declared = fields.get("properties").and_then(Value::as_object);
        declared
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), self.node(schema, &path::key(&at, name), place)))
            .collect()
    }

    fn additional(&mut self, fields: &Map<String, Value>, at: &str, place: Place) -> Additional {
        match fields.get("additionalProperties") {
            None | Some(Value::Bool(false)) => Additional::None,
            Some(Value::Bool(true)) => Additional::Any,
            Some(schema) => {
                let at = path::field(at, "additionalProperties");
                Additional::Schema(Box::new(self.node(schema, &at, place)))
            }
        }
    }

    fn list_type(&mut self, fields: &Map<String, Value>, at: &str) -> ListType {
        match text(fields, "x-kubernetes-list-type") {
            "" | "atomic" => ListType::Atomic,
            "set" => ListType::Set,
            "map" => {
                let keys = fields.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
                let keys: Vec<String> =
                    keys.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
                if keys.is_empty() {
                    let at = path::field(at, "x-kubernetes-list-map-keys");
                    let detail = "must not be empty if x-kubernetes-list-type is map";
                    self.errors.push(FieldError::required(at, detail));
                }
                ListType::Map(keys)
            }
            other => {
                let at = path::field(at, "x-kubernetes-list-type");
                let allowed = ["atomic", "map", "set"].map(Value::from);
                self.errors.push(FieldError::not_supported(at, &other.into(), &allowed));
                ListType::Atomic
            }
        }
    }

    fn limits(&mut self, fields: &Map<String, Value>, at: &str) -> Limits {
        let number = |name: &str| fields.get(name).and_then(Value::as_f64);
        let count = |name: &str| fields.get(name).and_then(Value::as_u64);
        let flag = |name: &str| fields.get(name) == Some(&Value::Bool(true));
        let list = |name: &str| fields.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let required = list("required").iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
        Limits {
            required,
            enumeration: list("enum"),
            pattern: self.pattern(fields, at),
            format: Some(text(fields, "format").to_owned()).filter(|format| !format.is_empty()),
            minimum: number("minimum"),
            exclusive_minimum: flag("exclusiveMinimum"),
            maximum: number("maximum"),
            exclusive_maximum: flag("exclusiveMaximum"),
            multiple_of: number("multipleOf"),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            unique_items: flag("uniqueItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            all_of: self.branches(fields, at, "allOf"),
            any_of: self.branches(fields, at, "anyOf"),
            one_of: self.branches(fields, at, "oneOf"),
            not: fields
                .get("not")
                .map(|schema| Box::new(self.node(schema, &path::field(at, "not"), Place::Limits))),
        }
    }

    fn pattern(&mut self, fields: &Map<String, Value>, at: &str) -> Option<Regex> {
        let pattern = text(fields, "pattern");
        if pattern.is_empty() {
            return None;
        }
        match Regex::new(pattern) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let detail = format!("must be a valid regular expression, but isn't: {error}");
                self.errors.push(FieldError::invalid(path::field(at, "pattern"), &pattern.into(), &detail));
                None
            }
        }
    }

    fn branches(&mut self, fields: &Map<String, Value>, at: &str, name: &str) -> Vec<Schema> {
        let at = path::field(at, name);
        let branches = fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        branches
            .iter()
            .enumerate()
            .map(|(index, schema)| self.node(schema, &path::item(&at, index), Place::Limits))
            .collect()
    }

    fn rules(&mut self, schema: &Value, at: &str) -> Option<Rules> {
        match Rules::compile(schema) {
            Ok(rules) => rules,
            Err(errors) => {
                let at = path::field(at, "x-kubernetes-validations");
                for (index, rule, message) in errors {
                    let at = path::field(&path::item(&at, index), "rule");
                    self.errors.push(FieldError::invalid(at, &rule.into(), &message));
                }
                None
            }
        }
    }

    /// Refuses combinations that no object could be handled by.
    fn check(&mut self, node: &Schema, at: &str, place: Place) {
        if place == Place::Limits {
            return;
        }
        if node.schema_type.is_none() && !node.int_or_string && !node.preserve_unknown_fields {
            self.errors.push(FieldError::required(
                path::field(at, "type"),
                "must not be empty for specified object fields",
            ));
        }
        if node.schema_type == Some(SchemaType::Array) && node.items.is_none() {
            self.errors.push(FieldError::required(path::field(at, "items"), "must be specified"));
        }
        if !node.properties.is_empty() && !matches!(node.additional, Additional::None) {
            self.errors.push(FieldError::forbidden(
                path::field(at, "additionalProperties"),
                "additionalProperties and properties are mutual exclusive",
            ));
        }
        self.check_list_keys(node, at);
    }

    fn check_list_keys(&mut self, node: &Schema, at: &str) {
        let (ListType::Map(keys), Some(items)) = (&node.list_type, &node.items) else { return };
        for key in keys.iter().filter(|key| !items.properties.contains_key(*key)) {
            let at = path::field(at, "x-kubernetes-list-map-keys");
            let detail = "entries must all be names of item properties";
            self.errors.push(FieldError::invalid(at, &key.as_str().into(), detail));
        }
        for key in keys {
            let required = items.limits.required.contains(key);
            if items.properties.get(key).is_some_and(|key| !required && key.default.is_none()) {
                let at = path::field(
                    &path::key(&path::field(&path::field(at, "items"), "properties"), key),
                    "default",
                );
                let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                self.errors.push(FieldError::required(at, detail));
            }
        }
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or("")
}
