//! Patches that say what to change, as pure functions from object to object.

mod strategic;

use serde_json::Value;

pub(crate) use self::strategic::strategic;
use crate::status::{ApiError, ApiResult};

/// Applies a JSON patch (RFC 6902).
pub(crate) fn json(object: &Value, operations: &Value) -> ApiResult<Value> {
    let operations: json_patch::Patch = serde_json::from_value(operations.clone())
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &operations).map_err(|error| {
        ApiError::unprocessable(format!(
            "the server rejected our request due to an error in our request: {error}"
        ))
    })?;
    Ok(patched)
}

/// Applies a JSON merge patch (RFC 7386).
pub(crate) fn merge(object: &Value, changes: &Value) -> Value {
    let mut patched = object.clone();
    json_patch::merge(&mut patched, changes);
    patched
}
