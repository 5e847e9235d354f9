//! Signing in with a token, and out.
//!
//! `ambient up` prints a link with the token. Following it sets the cookie and leads on to an address without the
//! token, so that it stays in no history entry, bookmark or referrer. It is the one GET that leaves something behind:
//! a sign-in of the very browser that already holds the token.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{Shell, html};
use crate::error::{Error, PageError};
use crate::state::App;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    shell: Shell,
    problem: Option<String>,
    next: String,
}

/// What a sign-in form or link brings.
#[derive(Deserialize)]
pub(crate) struct SignIn {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

/// `GET /login`: the form; with a token, the sign-in itself.
pub(crate) async fn form(State(app): State<Arc<App>>, Query(query): Query<SignIn>) -> Response {
    if query.token.is_empty() {
        return page(StatusCode::OK, None, local(&query.next));
    }
    sign_in(&app, &query.token, &query.next).await
}

/// `POST /login`.
pub(crate) async fn submit(State(app): State<Arc<App>>, Form(form): Form<SignIn>) -> Response {
    sign_in(&app, form.token.trim(), &form.next).await
}

/// `POST /logout`.
pub(crate) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(id) = app.logins.id(&headers) {
        app.logins.close(id);
    }
    leading_to("/login", app.logins.no_cookie())
}

/// Checks a token, remembers it for this browser and leads on.
pub(crate) async fn sign_in(app: &App, token: &str, next: &str) -> Response {
    match app.authenticator.user(token).await {
        Ok(user) => {
            tracing::info!(user.name = user.name, "signed in");
            leading_to(local(next), app.logins.cookie(&app.logins.open(token)))
        }
        Err(error @ Error::InvalidToken) => refused(&error, next),
        Err(error) => PageError(error).into_response(),
    }
}

/// The form, for a request without a valid token.
pub(crate) fn refused(error: &Error, next: &str) -> Response {
    let problem = matches!(error, Error::InvalidToken).then(|| error.to_string());
    page(StatusCode::UNAUTHORIZED, problem, local(next))
}

fn page(status: StatusCode, problem: Option<String>, next: &str) -> Response {
    let page = LoginPage { shell: Shell::stranger("Sign in"), problem, next: next.to_owned() };
    html(status, &page).unwrap_or_else(|error| PageError(error).into_response())
}

fn leading_to(place: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = Redirect::to(place).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A place within these pages; anything else leads to the first one.
fn local(next: &str) -> &str {
    let within = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let printable = next.bytes().all(|byte| byte.is_ascii_graphic());
    if within && printable && !next.starts_with("/login") { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_only_to_our_own_pages() {
        for (next, expected) in [
            ("/projects/demo?run=1", "/projects/demo?run=1"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/login?next=/", "/"),
            ("/a\r\nset-cookie: x", "/"),
        ] {
            assert_eq!(local(next), expected, "{next:?}");
        }
    }
}
