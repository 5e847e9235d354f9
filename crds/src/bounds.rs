//! The bounded string and list shapes that fields share.
//!
//! Every string, list and map has a limit: the API server refuses CEL rules whose worst case is too costly, and an
//! object must fit into etcd (1.5 MiB). Patterns are RE2, the dialect of the API server, so they have no look-ahead.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// A DNS label (RFC 1123): names of namespaces, sessions, runner types.
pub(crate) const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A DNS subdomain (RFC 1123): names of Secrets, ConfigMaps.
pub(crate) const DNS_SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Where a Git remote may be: HTTP, SSH, the `user@host:path` short form, or a path of this machine.
const GIT_URL: &str = r"^(https?://|ssh://|file:///|/|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:)\S+$";
/// The characters of `git check-ref-format`; its other rules are in `validation`.
const REF_NAME: &str = r"^[^-/.\x00-\x20\x7f~^:?*\[\\][^\x00-\x20\x7f~^:?*\[\\]*$";
/// A whole SHA-1 or SHA-256 object id.
const COMMIT_ID: &str = "^[0-9a-f]{40}([0-9a-f]{24})?$";
/// A relative path none of whose parts is `..`.
const RELATIVE_PATH: &str = r"^((\.|[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*|\.[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*|\.\.[^/\\\x00-\x1f\x7f]+)(/|$))*$";
/// Up to three `<number><unit>` pairs of hours, minutes, seconds; never zero.
const DURATION: &str = "^([1-9][0-9]{0,5}(h|m|s)){1,3}$";
/// A Kubernetes quantity without sign or exponent.
const QUANTITY: &str = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";
const MODEL: &str = "^[A-Za-z0-9][A-Za-z0-9._:/@-]*$";
/// The same, or a beginning of names with `*`.
const ALLOWED_MODEL: &str = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*\*?$";
const CLOUD_PROJECT: &str = "^[a-z]([a-z0-9.:-]*[a-z0-9])?$";
/// A host, `*.` and a domain, or either with a port.
const EGRESS: &str = r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$";
const REASON: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";

fn matching(pattern: &str, greatest: usize) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": greatest, "pattern": pattern })
}

/// Free text of at most `MAX` characters; may be empty.
pub(crate) fn text<const MAX: usize>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": MAX })
}

/// Text of 1 to `MAX` characters.
pub(crate) fn word<const MAX: usize>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX })
}

pub(crate) fn dns_label(_: &mut SchemaGenerator) -> Schema {
    matching(DNS_LABEL, 63)
}

pub(crate) fn dns_subdomain(_: &mut SchemaGenerator) -> Schema {
    matching(DNS_SUBDOMAIN, 253)
}

pub(crate) fn git_url(_: &mut SchemaGenerator) -> Schema {
    matching(GIT_URL, 2048)
}

pub(crate) fn branch(_: &mut SchemaGenerator) -> Schema {
    matching(REF_NAME, 244)
}

pub(crate) fn commit_id(_: &mut SchemaGenerator) -> Schema {
    matching(COMMIT_ID, 64)
}

pub(crate) fn relative_path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 1024, "pattern": RELATIVE_PATH })
}

pub(crate) fn duration(_: &mut SchemaGenerator) -> Schema {
    matching(DURATION, 21)
}

pub(crate) fn model(_: &mut SchemaGenerator) -> Schema {
    matching(MODEL, 128)
}

/// A Google Cloud project's id, or one of a domain: `example.com:old`.
pub(crate) fn cloud_project(_: &mut SchemaGenerator) -> Schema {
    matching(CLOUD_PROJECT, 63)
}

/// US dollars. More than nothing, not at least a cent: an API server judges whole numbers by the whole part of a bound,
/// and would take 0.
pub(crate) fn money(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "number", "format": "double", "minimum": 0, "exclusiveMinimum": true, "maximum": 1_000_000,
    })
}

pub(crate) fn reason(_: &mut SchemaGenerator) -> Schema {
    matching(REASON, 128)
}

/// A quantity may be written as a number or as text (`cpu: 2`, `cpu: 500m`).
pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "pattern": QUANTITY,
        "maxLength": 32,
        "minimum": 0,
        "maximum": 1_000_000_000_000_000_i64,
    })
}

pub(crate) fn date_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time", "maxLength": 40 })
}

fn set_of(items: &Value, greatest: usize) -> Schema {
    json_schema!({ "type": "array", "maxItems": greatest, "items": items, "x-kubernetes-list-type": "set" })
}

/// A list of at most `ITEMS` texts of at most `LENGTH` characters, replaced as a whole.
pub(crate) fn texts<const ITEMS: usize, const LENGTH: usize>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": ITEMS, "x-kubernetes-list-type": "atomic",
        "items": { "type": "string", "maxLength": LENGTH },
    })
}

/// A set of at most `ITEMS` texts of 1 to `LENGTH` characters.
pub(crate) fn word_set<const ITEMS: usize, const LENGTH: usize>(_: &mut SchemaGenerator) -> Schema {
    set_of(&json!({ "type": "string", "minLength": 1, "maxLength": LENGTH }), ITEMS)
}

pub(crate) fn model_set(_: &mut SchemaGenerator) -> Schema {
    set_of(&matching(ALLOWED_MODEL, 128).to_value(), 64)
}

pub(crate) fn runner_type_set(_: &mut SchemaGenerator) -> Schema {
    set_of(&matching(DNS_LABEL, 63).to_value(), 32)
}

pub(crate) fn egress_set(_: &mut SchemaGenerator) -> Schema {
    set_of(&matching(EGRESS, 260).to_value(), 64)
}

/// Environment variables: values are bounded here, names in `validation` (a schema cannot bound map keys).
pub(crate) fn environment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": { "type": "string", "maxLength": 4096 },
    })
}

/// MCP servers by name, each an object of the agent's own making; its size is bounded in `validation`.
pub(crate) fn mcp_servers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    })
}

/// `metav1.Condition`, as the API conventions have it, with bounds of our own.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 24,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": condition_part("What is judged, in PascalCase.", 64),
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds." },
                "reason": condition_part("Why, as one PascalCase word.", 128),
                "message": { "type": "string", "maxLength": 1024, "description": "Why, as a sentence for people." },
                "lastTransitionTime": { "type": "string", "format": "date-time", "maxLength": 40, "description": "When the status last changed." },
                "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0, "maximum": 9_007_199_254_740_991_i64, "description": "The generation of the object that was judged." },
            },
        },
    })
}

fn condition_part(description: &str, greatest: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": greatest, "pattern": REASON, "description": description })
}

/// The value of `x-kubernetes-validations` for pairs of rule and message.
pub(crate) fn rules(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(rule, message)| json!({ "rule": rule, "message": message })).collect()
}
