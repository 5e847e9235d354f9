//! Tests of the crate as its users see it: generated definitions, field tables, example manifests.

// `cfg(test)` tells the lints that helper functions here may panic too.
#[cfg(test)]
mod bounded;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod generated;
