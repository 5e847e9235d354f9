//! Paths of fields as an API server writes them: `spec.repos[0].url`.

/// The path of a field of the object at `path`.
pub(crate) fn field(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The path of an item of the list at `path`.
pub(crate) fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// The path of a key of a map in a schema: `properties[spec]`.
pub(crate) fn key(path: &str, name: &str) -> String {
    format!("{path}[{name}]")
}
