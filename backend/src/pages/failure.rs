//! The page that says what went wrong and what to do.

use askama::Template;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use super::{Shell, html};
use crate::error::{Error, PageError};
use crate::view::text::clean;

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    shell: Shell,
    heading: &'static str,
    message: String,
}

/// The page of an error.
pub(crate) fn page(error: &Error) -> Response {
    let status = error.status();
    let page = FailurePage {
        shell: Shell::stranger(heading(status)),
        heading: heading(status),
        message: clean(&error.to_string()),
    };
    html(status, &page).unwrap_or_else(|_| status.into_response())
}

/// Answers paths that are none.
pub(crate) async fn no_such_page(uri: Uri) -> PageError {
    PageError(Error::NotFound(format!("page {}", uri.path())))
}

fn heading(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "This address makes no sense",
        401 => "Sign in",
        403 => "Not allowed",
        404 => "Not found",
        502 => "Something behind this page does not answer",
        _ => "Something went wrong",
    }
}
