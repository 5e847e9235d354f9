//! What an object is: group, kind, namespace and name. Tracking and duplicates go by it.

use std::fmt;

use crate::labels::SYSTEM_NAMESPACE;
use crate::names::hex_digest;

/// An object's `namespace/name`; cluster-scoped objects have no namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace, absent for cluster-scoped objects.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{namespace}/{}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// What an object is, whatever its version: group, kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectIdentity {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// Namespace and name.
    pub object: ObjectName,
}

impl ObjectIdentity {
    /// The value of the tracking label [`crate::labels::OBJECT_IDENTITY`]: 32 hex digits of a SHA-256.
    pub fn digest(&self) -> String {
        hex_digest(self.to_string().as_bytes(), 16)
    }

    /// Whether it lives in the namespace of the platform itself, the place of root sources.
    pub fn is_in_system_namespace(&self) -> bool {
        self.object.namespace.as_deref() == Some(SYSTEM_NAMESPACE)
    }
}

impl fmt::Display for ObjectIdentity {
    /// `<Kind>.<group> <namespace>/<name>`; the core group is left out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        write!(formatter, "{}{dot}{} {}", self.kind, self.group, self.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_ignores_nothing_but_the_version() {
        let identity = |kind: &str, namespace: Option<&str>, name: &str| ObjectIdentity {
            group: "vteam.ambient-code".into(),
            kind: kind.into(),
            object: ObjectName { namespace: namespace.map(Into::into), name: name.into() },
        };
        let one = identity("AgenticSession", Some("demo"), "a");
        assert_eq!(one.to_string(), "AgenticSession.vteam.ambient-code demo/a");
        assert_eq!(one.digest().len(), 32);
        for other in [
            identity("AgenticSession", Some("demo"), "b"),
            identity("AgenticSession", Some("other"), "a"),
            identity("AgenticSession", None, "a"),
            identity("GitSource", Some("demo"), "a"),
        ] {
            assert_ne!(one.digest(), other.digest());
        }
    }
}
