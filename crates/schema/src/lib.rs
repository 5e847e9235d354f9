//! Structural schemas of Kubernetes kinds: JSON in, verdict out.
//!
//! [`Schema::parse`] reads the OpenAPI v3 subset that a CustomResourceDefinition may carry, once, into a
//! type that cannot be wrong. The schema then fills in defaults, prunes what it does not know, and finds
//! everything that is wrong with an object, in the words of an API server. No I/O, and no knowledge of any
//! particular kind.
//!
//! Known gaps: rules that use the CEL macros `cel.bind`, `sortBy` or two-variable comprehensions are refused
//! when they run, and the cost of rules is not estimated.

mod defaults;
mod error;
mod formats;
mod limits;
mod lists;
mod parse;
mod path;
mod prune;
mod rules;
mod schema;
mod validate;

pub use self::{
    error::{FieldError, FieldErrorKind},
    schema::{Additional, ListType, Schema, SchemaType},
};
