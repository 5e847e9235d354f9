//! Structural schemas of Kubernetes kinds: JSON in, verdict out.

mod error;

pub use self::error::{FieldError, FieldErrorKind};
