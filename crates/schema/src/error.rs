//! What is wrong with one field, in the words and classes of a Kubernetes API server.

use std::fmt;

use serde_json::Value;

/// The class of a field error; each maps to one `cause.reason` of a `metav1.Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorKind {
    /// A field that must be there is not.
    Required,
    /// The value breaks a rule of the schema.
    Invalid,
    /// The value has another JSON type than the schema says.
    TypeInvalid,
    /// The value is not one of the enumerated ones.
    NotSupported,
    /// A key or an item occurs twice in a list where it must not.
    Duplicate,
    /// A string is longer than allowed.
    TooLong,
    /// A list or map has more entries than allowed.
    TooMany,
    /// The field must not be set or changed.
    Forbidden,
    /// The field names something that does not exist.
    NotFound,
}

impl FieldErrorKind {
    /// The `reason` of a cause in `metav1.Status.details.causes`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotFound => "FieldValueNotFound",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not found",
        }
    }
}

/// One field that is wrong, and why.
///
/// `Display` gives `field: message`, as in the `message` of an API server's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, such as `spec.repos[0].url`.
    pub field: String,
    /// Class of the error.
    pub kind: FieldErrorKind,
    /// The message without the field, such as `Invalid value: "y": must not be y`.
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for FieldError {}

impl FieldError {
    /// A field that must be there; `detail` may be empty.
    #[must_use]
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::without_value(field, FieldErrorKind::Required, detail)
    }

    /// A field that must not be set or changed.
    #[must_use]
    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::without_value(field, FieldErrorKind::Forbidden, detail)
    }

    /// A value that breaks a rule.
    #[must_use]
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::with_value(field, FieldErrorKind::Invalid, value, detail)
    }

    /// A value that breaks a rule, and is not worth showing.
    #[must_use]
    pub fn invalid_as_a_whole(field: impl Into<String>, detail: &str) -> Self {
        Self::without_value(field, FieldErrorKind::Invalid, detail)
    }

    /// A value of the wrong JSON type.
    #[must_use]
    pub fn type_invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self::with_value(field, FieldErrorKind::TypeInvalid, value, detail)
    }

    /// A second occurrence of a value that must be unique.
    #[must_use]
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self::with_value(field, FieldErrorKind::Duplicate, value, "")
    }

    /// A value outside an enumeration.
    #[must_use]
    pub fn not_supported(field: impl Into<String>, value: &Value, allowed: &[Value]) -> Self {
        let allowed: Vec<String> = allowed
            .iter()
            .map(|value| match value {
                Value::String(text) => format!("{text:?}"),
                other => format!("{:?}", other.to_string()),
            })
            .collect();
        let detail = format!("supported values: {}", allowed.join(", "));
        Self::with_value(field, FieldErrorKind::NotSupported, value, &detail)
    }

    /// A string over its greatest length.
    #[must_use]
    pub fn too_long(field: impl Into<String>, max: u64) -> Self {
        let bytes = if max == 1 { "byte" } else { "bytes" };
        Self::without_value(field, FieldErrorKind::TooLong, &format!("may not be more than {max} {bytes}"))
    }

    /// A list or map with more than `max` entries.
    #[must_use]
    pub fn too_many(field: impl Into<String>, actual: u64, max: u64) -> Self {
        let items = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {items}");
        Self::with_value(field, FieldErrorKind::TooMany, &actual.into(), &detail)
    }

    fn without_value(field: impl Into<String>, kind: FieldErrorKind, detail: &str) -> Self {
        Self { field: field.into(), kind, message: join(kind.title(), detail) }
    }

    fn with_value(field: impl Into<String>, kind: FieldErrorKind, value: &Value, detail: &str) -> Self {
        let shown = format!("{}: {}", kind.title(), show(value));
        Self { field: field.into(), kind, message: join(&shown, detail) }
    }
}

/// Renders a value as the API server does: strings quoted, all else as JSON.
fn show(value: &Value) -> String {
    value.to_string()
}

fn join(head: &str, detail: &str) -> String {
    if detail.is_empty() { head.to_owned() } else { format!("{head}: {detail}") }
}
