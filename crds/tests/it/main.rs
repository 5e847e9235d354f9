//! Tests of the crate as its users see it: generated definitions, field tables, example manifests.
mod generated;
