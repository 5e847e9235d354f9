//! The form of an answer: whole objects, only metadata, or a table for people.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::table::{RowObject, table};
use crate::{
    kinds::Resource,
    object,
    status::{ApiError, ApiResult},
};

/// What a client wants to see of objects, by its `Accept` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    Whole,
    Metadata,
    Table,
}

impl Representation {
    /// Picks the first form of an `Accept` header that this server has.
    pub(crate) fn negotiate(accept: &str) -> ApiResult<Self> {
        if accept.trim().is_empty() {
            return Ok(Self::Whole);
        }
        accept.split(',').find_map(Self::of_media_type).ok_or_else(ApiError::not_acceptable)
    }

    fn of_media_type(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next()?;
        if !matches!(media_type, "application/json" | "application/*" | "*/*") {
            return None;
        }
        match parts.find_map(|part| part.strip_prefix("as=")) {
            None => Some(Self::Whole),
            Some("Table") => Some(Self::Table),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Self::Metadata),
            Some(_) => None,
        }
    }

    /// One object in this form.
    pub(crate) fn object(self, resource: &Resource, object: Value, rows: RowObject) -> Value {
        match self {
            Self::Whole => object,
            Self::Metadata => partial(&object),
            Self::Table => {
                let metadata = json!({ "resourceVersion": object::meta_str(&object, "resourceVersion") });
                table(resource, &[object], &metadata, rows)
            }
        }
    }

    /// A list in this form.
    pub(crate) fn list(self, resource: &Resource, mut list: Value, rows: RowObject) -> Value {
        match self {
            Self::Whole => list,
            Self::Metadata => {
                list["apiVersion"] = "meta.k8s.io/v1".into();
                list["kind"] = "PartialObjectMetadataList".into();
                for item in list["items"].as_array_mut().into_iter().flatten() {
                    *item = partial(item);
                }
                list
            }
            Self::Table => {
                let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
                table(resource, items, &list["metadata"], rows)
            }
        }
    }
}

/// The metadata of an object, as an object.
pub(crate) fn partial(object: &Value) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": object["metadata"],
    })
}

/// An answer with a JSON body, and warnings for the person at the client.
pub(crate) fn respond(code: StatusCode, body: &Value, warnings: &[String]) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for warning in warnings {
        if let Ok(value) = HeaderValue::from_str(&format!("299 - {warning:?}")) {
            headers.append(header::WARNING, value);
        }
    }
    response
}
