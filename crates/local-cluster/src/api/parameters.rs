//! The query of a request.

use std::collections::HashMap;

use axum::extract::Query;
use http::Uri;

use crate::status::{ApiError, ApiResult};

/// What a write does about fields that its kind does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// Query parameters by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(HashMap<String, String>);

impl Parameters {
    /// Reads the query of a URI.
    pub(crate) fn parse(uri: &Uri) -> ApiResult<Self> {
        Query::<HashMap<String, String>>::try_from_uri(uri)
            .map(|Query(map)| Self(map))
            .map_err(|error| ApiError::bad_request(error.to_string()))
    }

    /// A parameter that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Whether a parameter is set to true.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|text| matches!(text.as_str(), "" | "1" | "true" | "True" | "t"))
    }

    /// A number, if it is there.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> ApiResult<Option<T>> {
        self.text(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError::bad_request(format!("{name}: Invalid value: {text:?}: must be a number"))
                })
            })
            .transpose()
    }

    /// Whether nothing is to be stored.
    pub(crate) fn dry_run(&self) -> ApiResult<bool> {
        match self.text("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => Err(ApiError::unprocessable(format!(
                " \"\" is invalid: dryRun: Unsupported value: {other:?}: supported values: \"All\""
            ))),
        }
    }

    /// The `fieldValidation` of a write; unknown fields are warned about unless it says otherwise.
    pub(crate) fn field_validation(&self) -> ApiResult<FieldValidation> {
        match self.text("fieldValidation") {
            None | Some("Warn") => Ok(FieldValidation::Warn),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some(other) => Err(ApiError::unprocessable(format!(
                " \"\" is invalid: fieldValidation: Unsupported value: {other:?}: supported values: \
                 \"Ignore\", \"Strict\", \"Warn\""
            ))),
        }
    }
}
