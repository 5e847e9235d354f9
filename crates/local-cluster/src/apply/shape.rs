//! How the values of a kind are shared between writers.

use std::collections::BTreeMap;

use ambient_schema::{Additional, ListType, Schema, SchemaType};
use serde_json::{Map, Value};

use super::field_set::Step;

/// The topology of a value.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// One value with one owner, whatever is in it.
    Leaf,
    /// Known by its value alone: objects are maps, lists are leaves.
    Free,
    /// A built-in kind's structure: these fields have a shape of their own, all others are structures but
    /// for those that are maps or single values by their name.
    Structure(BTreeMap<String, Self>),
    /// An object with declared fields, and a shape for others if there may be any.
    Object { fields: BTreeMap<String, Self>, rest: Option<Box<Self>> },
    /// A list with owners per item.
    List { by: ListShape, item: Box<Self> },
}

/// How the items of a list are told apart.
#[derive(Clone, Debug)]
pub(crate) enum ListShape {
    /// By their value.
    Set,
    /// By the values of these fields; a missing one has the default.
    Keys(Vec<(String, Option<Value>)>),
}

/// What a walk does with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Leaf,
    Object,
    List,
}

static LEAF: Shape = Shape::Leaf;
static FREE: Shape = Shape::Free;
static STRUCTURE: Shape = Shape::Structure(BTreeMap::new());

/// Fields of built-in kinds that are maps of single values, wherever they occur.
const MAP_FIELDS: &[&str] = &[
    "allocatable",
    "annotations",
    "binaryData",
    "capacity",
    "data",
    "default",
    "defaultRequest",
    "hard",
    "labels",
    "limits",
    "matchLabels",
    "max",
    "maxLimitRequestRatio",
    "min",
    "overhead",
    "parameters",
    "requests",
    "stringData",
    "used",
    "volumeAttributes",
];

/// Fields of built-in kinds that are one value although they are objects, wherever they occur.
const ATOMIC_FIELDS: &[&str] = &[
    "claimRef",
    "configMapKeyRef",
    "dataSource",
    "fieldRef",
    "involvedObject",
    "labelSelector",
    "namespaceSelector",
    "nodeSelector",
    "podSelector",
    "regarding",
    "related",
    "resourceFieldRef",
    "roleRef",
    "secretKeyRef",
    "selector",
    "targetRef",
];

impl Shape {
    /// The shape of values of a schema.
    pub(crate) fn of_schema(schema: &Schema) -> Self {
        if schema.int_or_string || schema.atomic_map {
            return Self::Leaf;
        }
        match schema.schema_type {
            Some(SchemaType::Object) => Self::of_object(schema),
            Some(SchemaType::Array) => Self::of_list(schema),
            Some(_) => Self::Leaf,
            None => Self::Free,
        }
    }

    /// The shape of objects of a custom kind.
    pub(crate) fn of_resource(schema: &Schema) -> Self {
        let mut shape = Self::of_object(schema);
        if let Self::Object { fields, .. } = &mut shape {
            fields.insert("apiVersion".into(), Self::Leaf);
            fields.insert("kind".into(), Self::Leaf);
            fields.insert("metadata".into(), Self::metadata());
        }
        shape
    }

    /// The shape of `metadata`.
    pub(crate) fn metadata() -> Self {
        let keys = |key: &str| Self::List {
            by: ListShape::Keys(vec![(key.to_owned(), None)]),
            item: Box::new(Self::Structure(BTreeMap::new())),
        };
        let map = || Self::Object { fields: BTreeMap::new(), rest: Some(Box::new(Self::Leaf)) };
        let mut fields: BTreeMap<String, Self> = BTreeMap::new();
        fields.insert("ownerReferences".into(), keys("uid"));
        fields.insert("finalizers".into(), Self::List { by: ListShape::Set, item: Box::new(Self::Leaf) });
        fields.insert("labels".into(), map());
        fields.insert("annotations".into(), map());
        Self::Structure(fields)
    }

    fn of_object(schema: &Schema) -> Self {
        let fields =
            schema.properties.iter().map(|(name, child)| (name.clone(), Self::of_schema(child))).collect();
        let rest = match &schema.additional {
            Additional::Schema(child) => Some(Box::new(Self::of_schema(child))),
            Additional::Any => Some(Box::new(Self::Free)),
            Additional::None => schema.preserve_unknown_fields.then(|| Box::new(Self::Free)),
        };
        Self::Object { fields, rest }
    }

    fn of_list(schema: &Schema) -> Self {
        let Some(items) = &schema.items else { return Self::Leaf };
        let by = match &schema.list_type {
            ListType::Atomic => return Self::Leaf,
            ListType::Set => ListShape::Set,
            ListType::Map(keys) => ListShape::Keys(
                keys.iter()
                    .map(|key| {
                        let default = items.properties.get(key).and_then(|key| key.default.clone());
                        (key.clone(), default)
                    })
                    .collect(),
            ),
        };
        Self::List { by, item: Box::new(Self::of_schema(items)) }
    }

    /// What to do with a value of this shape. A value that does not fit its shape is a leaf: validation
    /// will refuse it.
    pub(crate) fn view(&self, value: &Value) -> View {
        match (self, value) {
            (Self::Free | Self::Structure(_) | Self::Object { .. }, Value::Object(_)) => View::Object,
            (Self::List { .. }, Value::Array(_)) => View::List,
            _ => View::Leaf,
        }
    }

    /// The shape of a field.
    pub(crate) fn field(&self, name: &str) -> &Self {
        match self {
            Self::Leaf | Self::List { .. } => &LEAF,
            Self::Free => &FREE,
            Self::Structure(fields) => match fields.get(name) {
                Some(shape) => shape,
                None if MAP_FIELDS.contains(&name) => &FREE,
                None if ATOMIC_FIELDS.contains(&name) => &LEAF,
                None => &STRUCTURE,
            },
            Self::Object { fields, rest } => fields.get(name).or(rest.as_deref()).unwrap_or(&FREE),
        }
    }

    /// Whether a field is part of a structure, not a key of a map.
    pub(crate) fn declares(&self, name: &str) -> bool {
        match self {
            Self::Structure(_) => true,
            Self::Object { fields, .. } => fields.contains_key(name),
            Self::Leaf | Self::Free | Self::List { .. } => false,
        }
    }

    /// The shape of list items.
    pub(crate) fn item(&self) -> &Self {
        match self {
            Self::List { item, .. } => item,
            _ => &FREE,
        }
    }

    /// The step to an item of a list of this shape.
    pub(crate) fn step_to(&self, item: &Value) -> Step {
        match self {
            Self::List { by: ListShape::Keys(keys), .. } => {
                let found: Map<String, Value> = keys
                    .iter()
                    .filter_map(|(key, default)| {
                        let value = item.get(key).or(default.as_ref())?;
                        Some((key.clone(), value.clone()))
                    })
                    .collect();
                Step::key(found)
            }
            _ => Step::value(item),
        }
    }

    /// The shape at the end of a path, and whether its last step is a declared field.
    pub(crate) fn declares_path(&self, path: &[Step]) -> bool {
        let mut shape = self;
        let mut declared = false;
        for step in path {
            match step.field_name() {
                Some(name) => {
                    declared = shape.declares(name);
                    shape = shape.field(name);
                }
                None => {
                    declared = false;
                    shape = shape.item();
                }
            }
        }
        declared
    }
}
