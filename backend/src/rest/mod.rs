//! JSON for programs; the paths are the origin platform's where it had them.

pub(crate) mod health;
pub(crate) mod me;
pub(crate) mod people;
pub(crate) mod runs;
pub(crate) mod sessions;

use axum::http::Uri;

use crate::error::{ApiError, Error};

/// Answers paths that are none.
pub(crate) async fn no_such_resource(uri: Uri) -> ApiError {
    ApiError(Error::NotFound(format!("resource {}", uri.path())))
}
