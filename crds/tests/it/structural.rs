//! A value against a schema, as the API server judges it.

use ambient_schema::Schema;
use serde_json::Value;

/// What the schema refuses of a value.
pub(crate) fn refusals(schema: &Schema, value: &Value) -> Vec<String> {
    schema.validate(value, None).iter().map(ToString::to_string).collect()
}

/// The schema of one of our kinds.
pub(crate) fn schema_of(kind: &str) -> Schema {
    let definition = ambient_crds::crd::of_kind(kind).expect("a kind of ours");
    Schema::parse_resource(&ambient_crds::crd::schema(&definition), "").expect("a structural schema")
}
