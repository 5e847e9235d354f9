//! `metadata.managedFields`: who owns which fields.

use serde_json::{Map, Value};

use super::field_set::{FieldSet, show};

/// How a manager got its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// One entry of `managedFields`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) operation: Operation,
    pub(crate) api_version: String,
    pub(crate) subresource: String,
    /// RFC 3339, whole seconds.
    pub(crate) time: String,
    pub(crate) fields: FieldSet,
}

impl Manager {
    /// Whether two entries are of one manager. An applier is one whatever version it applies.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// The manager in a conflict's message.
    pub(crate) fn shown(&self) -> String {
        let mut shown = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            shown.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            shown.push_str(&format!(" using {}", self.api_version));
        }
        shown
    }

    fn parse(entry: &Value) -> Option<Self> {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
        let operation = match entry.get("operation")?.as_str()? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        Some(Self {
            name: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: FieldSet::from_json(entry.get("fieldsV1").unwrap_or(&Value::Null)),
        })
    }

    fn to_json(&self) -> Value {
        let mut entry = Map::new();
        let mut set = |field: &str, value: &str| {
            if !value.is_empty() {
                entry.insert(field.to_owned(), value.into());
            }
        };
        set("manager", &self.name);
        set("operation", self.operation.name());
        set("apiVersion", &self.api_version);
        set("time", &self.time);
        set("fieldsType", "FieldsV1");
        set("subresource", &self.subresource);
        entry.insert("fieldsV1".to_owned(), self.fields.to_json());
        Value::Object(entry)
    }
}

/// The entries of an object; none if they cannot be read.
pub(crate) fn read(object: &Value) -> Option<Vec<Manager>> {
    let entries = object["metadata"]["managedFields"].as_array()?;
    entries.iter().map(Manager::parse).collect()
}

/// Whether a client asks for all tracking to be dropped, which an empty list or one empty entry means.
pub(crate) fn is_reset(object: &Value) -> bool {
    match object["metadata"]["managedFields"].as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([Value::Object(entry)]) => entry.is_empty(),
        _ => false,
    }
}

/// Writes the entries into an object, in their order.
pub(crate) fn write(object: &mut Value, mut managers: Vec<Manager>) {
    managers.retain(|manager| !manager.fields.is_empty());
    managers.sort_by(|a, b| {
        let key = |m: &Manager| {
            (m.operation, m.time.clone(), m.name.clone(), m.api_version.clone(), m.subresource.clone())
        };
        key(a).cmp(&key(b))
    });
    let entries: Vec<Value> = managers.iter().map(Manager::to_json).collect();
    crate::object::set_meta(object, "managedFields", (!entries.is_empty()).then(|| entries.into()));
}

/// A field that another manager owns and an apply would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The owner as shown in messages.
    pub(crate) manager: String,
    /// The field, as `.spec.replicas`.
    pub(crate) field: String,
}

impl Conflict {
    /// The conflicts with one manager.
    pub(crate) fn with(manager: &Manager, fields: &FieldSet) -> Vec<Self> {
        let paths = fields.paths();
        paths.iter().map(|path| Self { manager: manager.shown(), field: show(path) }).collect()
    }

    /// The message of an apply that meets these conflicts.
    pub(crate) fn message(conflicts: &[Self]) -> String {
        if let [only] = conflicts {
            return format!("Apply failed with 1 conflict: conflict with {}: {}", only.manager, only.field);
        }
        let mut managers: Vec<&str> = conflicts.iter().map(|conflict| conflict.manager.as_str()).collect();
        managers.sort_unstable();
        managers.dedup();
        let mut lines = Vec::new();
        for manager in managers {
            lines.push(format!("conflicts with {manager}:"));
            let fields = conflicts.iter().filter(|conflict| conflict.manager == manager);
            lines.extend(fields.map(|conflict| format!("- {}", conflict.field)));
        }
        format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
    }
}
