//! Pages: one struct for each template, one file for each page.

pub(crate) mod failure;
pub(crate) mod files;
pub(crate) mod login;
pub(crate) mod parts;
pub(crate) mod people;
pub(crate) mod session;
pub(crate) mod sessions;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::error::Error;

/// What every page has around its content.
pub(crate) struct Shell {
    /// The page's title.
    pub(crate) title: String,
    /// The user who is signed in.
    pub(crate) user: Option<String>,
    /// Seconds after which a browser without script reads the page again.
    pub(crate) reload: Option<u32>,
    /// The name of the style sheet, which changes with its content.
    pub(crate) style: &'static str,
    /// The name of the script.
    pub(crate) script: &'static str,
}

impl Shell {
    /// A page for somebody who is signed in.
    pub(crate) fn new(title: impl Into<String>, user: &str) -> Self {
        Self { user: Some(user.to_owned()), ..Self::stranger(title) }
    }

    /// A page for anybody.
    pub(crate) fn stranger(title: impl Into<String>) -> Self {
        let (style, script) = (files::style_name(), files::script_name());
        Self { title: title.into(), user: None, reload: None, style, script }
    }
}

/// A page as an answer.
pub(crate) fn html(status: StatusCode, page: &impl Template) -> Result<Response, Error> {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok((status, [kind], page.render()?).into_response())
}
