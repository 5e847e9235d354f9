//! Requests that change something must come from our own pages.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::error::{Error, PageError};

/// Refuses a changing request that another site's page may have made. GET and HEAD change nothing here.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_own(request.headers()) {
        return next.run(request).await;
    }
    PageError(Error::CrossSite).into_response()
}

/// A browser names the origin of every form and script that posts; a client without cookies needs no protection.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST);
    match text(header::ORIGIN) {
        Some(origin) => host.is_some() && origin.split_once("://").map(|(_, rest)| rest) == host,
        None => !headers.contains_key(header::COOKIE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_origin_may_change_something() {
        let own = "127.0.0.1:8080";
        for (origin, cookie, expected) in [
            (Some("http://127.0.0.1:8080"), true, true),
            (Some("https://127.0.0.1:8080"), true, true),
            (Some("http://127.0.0.1:9999"), true, false),
            (Some("https://evil.example"), false, false),
            (Some("null"), true, false),
            (None, true, false),
            (None, false, true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, own.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            if cookie {
                headers.insert(header::COOKIE, "ambient_login=x".parse().unwrap());
            }
            assert_eq!(is_own(&headers), expected, "{origin:?} cookie: {cookie}");
        }
    }
}
