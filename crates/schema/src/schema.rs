//! The parsed schema.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::rules::Rules;

/// The JSON type that a schema asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaType {
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
    /// A JSON string.
    String,
    /// A number without a fraction.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl SchemaType {
    /// The name in a schema.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// How several writers share a list (`x-kubernetes-list-type`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// The list is one value.
    #[default]
    Atomic,
    /// Items are unique and have owners of their own.
    Set,
    /// Items are objects told apart by the values of these fields.
    Map(Vec<String>),
}

/// What an object may hold beside its declared properties (`additionalProperties`).
#[derive(Debug, Default)]
pub enum Additional {
    /// Nothing: unknown fields are pruned.
    #[default]
    None,
    /// Anything.
    Any,
    /// Values of this schema under any key.
    Schema(Box<Schema>),
}

/// One node of a structural schema. Made by [`Schema::parse`]; everything in it is consistent.
#[derive(Debug, Default)]
pub struct Schema {
    /// The wanted JSON type; none for `x-kubernetes-int-or-string` and free-form nodes.
    pub schema_type: Option<SchemaType>,
    /// Text for people (`kubectl explain`).
    pub description: String,
    /// Whether `null` is a value.
    pub nullable: bool,
    /// The value of a field that is not there.
    pub default: Option<Value>,
    /// Declared fields of an object.
    pub properties: BTreeMap<String, Self>,
    /// Fields beyond the declared ones.
    pub additional: Additional,
    /// The schema of list items.
    pub items: Option<Box<Self>>,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown_fields: bool,
    /// `x-kubernetes-int-or-string`.
    pub int_or_string: bool,
    /// `x-kubernetes-embedded-resource`: `apiVersion`, `kind` and `metadata` belong to it.
    pub embedded_resource: bool,
    /// `x-kubernetes-list-type` and its keys.
    pub list_type: ListType,
    /// `x-kubernetes-map-type: atomic`: the object is one value for its writers.
    pub atomic_map: bool,
    pub(crate) limits: Limits,
    pub(crate) rules: Option<Rules>,
}

/// The value validations of one node.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) required: Vec<String>,
    pub(crate) enumeration: Vec<Value>,
    pub(crate) pattern: Option<Regex>,
    pub(crate) format: Option<String>,
    pub(crate) minimum: Option<f64>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_maximum: bool,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) unique_items: bool,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) all_of: Vec<Schema>,
    pub(crate) any_of: Vec<Schema>,
    pub(crate) one_of: Vec<Schema>,
    pub(crate) not: Option<Box<Schema>>,
}

impl Schema {
    /// The schema of a field of an object, declared or additional.
    #[must_use]
    pub fn child(&self, field: &str) -> Option<&Self> {
        self.properties.get(field).or(match &self.additional {
            Additional::Schema(schema) => Some(schema),
            Additional::None | Additional::Any => None,
        })
    }
}
