//! The row of a built-in kind, and the rows' shared starting points.

use ambient_schema::FieldError;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::object;

/// A built-in kind. What kinds have in common is data here; what differs is a function in a column.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) short_names: &'static [&'static str],
    pub(crate) categories: &'static [&'static str],
    pub(crate) namespaced: bool,
    pub(crate) subresources: &'static [&'static str],
    pub(crate) selectable_fields: &'static [&'static str],
    /// Only `create` is served and nothing is stored: the reviews.
    pub(crate) is_review: bool,
    pub(crate) tracks_generation: bool,
    /// A create loses its status; it is set through the subresource alone.
    pub(crate) drops_status: bool,
    pub(crate) unconditional_update: bool,
    /// `PUT` makes an object that is not there.
    pub(crate) create_on_update: bool,
    /// Names may be anything that fits into a path, as those of roles.
    pub(crate) free_names: bool,
    /// A delete without a propagation policy keeps the dependents.
    pub(crate) orphans_by_default: bool,
    /// A delete that removes the object answers with the object instead of a `Status`.
    pub(crate) returns_deleted: bool,
    /// The `plural.group` that keeps the objects, if another than its own.
    pub(crate) stored_as: Option<&'static str>,
    /// Reads the object as its type and writes it again: wrong types fail, unknown fields vanish.
    pub(crate) decode: fn(Value) -> Result<Value, serde_json::Error>,
    /// Fills in what an API server fills in.
    pub(crate) apply_defaults: fn(&mut Value),
    /// Sets what a new object has beyond that, its first status for instance; the UID is known by then.
    pub(crate) on_create: fn(&mut Value),
    /// Finds what is wrong; the second object is the one to be replaced.
    pub(crate) validate: fn(&Value, Option<&Value>) -> Vec<FieldError>,
    /// Shows a stored object, if this kind shows another kind's objects.
    pub(crate) present: Option<fn(&mut Value)>,
    /// Turns an incoming object into the stored form, if it differs.
    pub(crate) absorb: Option<fn(&mut Value)>,
}

/// A namespaced kind of the core group, without status.
pub(crate) const CORE: Builtin = Builtin {
    group: "",
    version: "v1",
    kind: "",
    plural: "",
    short_names: &[],
    categories: &[],
    namespaced: true,
    subresources: &[],
    selectable_fields: &[],
    is_review: false,
    tracks_generation: false,
    drops_status: true,
    unconditional_update: true,
    create_on_update: false,
    free_names: false,
    orphans_by_default: false,
    returns_deleted: false,
    stored_as: None,
    decode: Ok,
    apply_defaults: |_| {},
    on_create: |_| {},
    validate: |_, _| Vec::new(),
    present: None,
    absorb: None,
};

/// Reads JSON as a type and writes it again.
pub(crate) fn decode<T: DeserializeOwned + Serialize>(value: Value) -> Result<Value, serde_json::Error> {
    let mut decoded = serde_json::to_value(serde_json::from_value::<T>(value)?)?;
    object::shorten_numbers(&mut decoded);
    Ok(decoded)
}
