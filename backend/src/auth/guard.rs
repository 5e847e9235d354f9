//! Lets a request through with its user, or not at all.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::user::User;
use crate::error::{ApiError, Error, PageError};
use crate::pages::login;
use crate::state::App;

/// For pages: without a valid token the answer is the sign-in page. A link with `?token=` signs in and leads to the
/// same place without it.
pub(crate) async fn page_user(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if let Some((token, place)) = token_link(request.uri()) {
        return login::sign_in(&app, &token, &place).await;
    }
    match user(&app, request.headers()).await {
        Ok(user) => {
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        Err(error @ (Error::Unauthenticated | Error::InvalidToken)) => {
            login::refused(&error, request.uri().path_and_query().map_or("/", |place| place.as_str()))
        }
        Err(error) => PageError(error).into_response(),
    }
}

/// For programs: without a valid token the answer is 401.
pub(crate) async fn api_user(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    match user(&app, request.headers()).await {
        Ok(user) => {
            request.extensions_mut().insert(user);
            next.run(request).await
        }
        Err(error) => ApiError(error).into_response(),
    }
}

async fn user(app: &App, headers: &HeaderMap) -> Result<User, Error> {
    if let Some(token) = bearer(headers) {
        return app.authenticator.user(token).await;
    }
    let token = app.logins.id(headers).and_then(|id| app.logins.token(id)).ok_or(Error::Unauthenticated)?;
    app.authenticator.user(&token).await
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token in a link, and the link without it.
fn token_link(uri: &Uri) -> Option<(String, String)> {
    let pairs = || uri.query().unwrap_or_default().split('&');
    let token = pairs().find_map(|pair| pair.strip_prefix("token="))?;
    let rest: Vec<_> = pairs().filter(|pair| !pair.is_empty() && !pair.starts_with("token=")).collect();
    let place =
        if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), rest.join("&")) };
    Some((token.to_owned(), place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_parted_from_its_token() {
        for (uri, expected) in [
            ("/", None),
            ("/?token=abc", Some(("abc", "/"))),
            ("/projects/demo?run=1&token=abc", Some(("abc", "/projects/demo?run=1"))),
            ("/?tokens=abc", None),
        ] {
            let found = token_link(&uri.parse().unwrap());
            let found = found.as_ref().map(|(token, place)| (token.as_str(), place.as_str()));
            assert_eq!(found, expected, "{uri}");
        }
    }
}
