//! What happens to every object on its way into the store, whichever verb brings it.

use ambient_schema::FieldError;
use serde_json::Value;

use super::{call::Call, parameters::FieldValidation};
use crate::{
    kinds::Resource,
    object,
    status::{ApiError, ApiResult},
};

/// An object as its kind understands it, and what a client should be warned about.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) object: Value,
    pub(crate) warnings: Vec<String>,
}

/// Reads an object as its kind: wrong types are refused, unknown fields dropped, warned about or refused.
pub(crate) fn prepare(call: &Call, resource: &Resource, object: Value) -> ApiResult<Prepared> {
    let (mut known, unknown) = decode(resource, object)?;
    if let Some(builtin) = resource.builtin() {
        if let Some(absorb) = builtin.absorb {
            absorb(&mut known);
        }
        (builtin.apply_defaults)(&mut known);
    }
    let warnings = judge_unknown(call, resource, &known, unknown)?;
    Ok(Prepared { object: known, warnings })
}

fn decode(resource: &Resource, object: Value) -> ApiResult<(Value, Vec<String>)> {
    let Some(builtin) = resource.builtin() else { return Ok((object, Vec::new())) };
    let known = (builtin.decode)(object.clone()).map_err(|error| {
        ApiError::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {error}",
            resource.kind, resource.version, resource.kind
        ))
    })?;
    let mut unknown = Vec::new();
    lost_fields(&object, &known, "", &mut unknown);
    Ok((known, unknown))
}

/// Finds what an object had that its decoded form has not.
fn lost_fields(given: &Value, kept: &Value, path: &str, lost: &mut Vec<String>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (field, value) in given.iter().filter(|(_, value)| !value.is_null()) {
                let path = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
                match kept.get(field) {
                    Some(kept) => lost_fields(value, kept, &path, lost),
                    None => lost.push(path),
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) => {
            for (index, (given, kept)) in given.iter().zip(kept).enumerate() {
                lost_fields(given, kept, &format!("{path}[{index}]"), lost);
            }
        }
        _ => {}
    }
}

fn judge_unknown(
    call: &Call,
    resource: &Resource,
    object: &Value,
    unknown: Vec<String>,
) -> ApiResult<Vec<String>> {
    let messages = unknown.into_iter().map(|path| format!("unknown field \"{path}\""));
    match call.parameters.field_validation()? {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(messages.collect()),
        FieldValidation::Strict => {
            let messages: Vec<String> =
                messages.map(|message| format!("strict decoding error: {message}")).collect();
            if messages.is_empty() {
                return Ok(Vec::new());
            }
            let text = messages.join(", ").replace(", strict decoding error: ", ", ");
            let _ = object;
            Err(ApiError::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: {text}",
                resource.kind, resource.version, resource.kind
            )))
        }
    }
}

/// Refuses an object that breaks the rules of metadata or of its kind; `old` is what it replaces.
pub(crate) fn validate(resource: &Resource, new: &Value, old: Option<&Value>) -> ApiResult<()> {
    let mut errors = validate_metadata(new, old);
    if let Some(builtin) = resource.builtin() {
        errors.extend((builtin.validate)(new, old));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(resource, object::name(new), &errors))
}

fn validate_metadata(new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if old.is_none() && !is_subdomain(object::name(new)) {
        errors.push(FieldError::invalid("metadata.name", &object::name(new).into(), SUBDOMAIN));
    }
    if let Some(old) = old.filter(|old| object::is_terminating(old)) {
        let known = object::finalizers(old);
        let added: Vec<&str> =
            object::finalizers(new).into_iter().filter(|found| !known.contains(found)).collect();
        if !added.is_empty() {
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", &detail));
        }
    }
    errors
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
    '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
    validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

fn is_subdomain(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !label.is_empty() && label.chars().all(plain) && !label.starts_with('-') && !label.ends_with('-')
        })
}
