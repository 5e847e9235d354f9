//! Style sheet, script and icon, compiled in. Their names hold a digest of their content, so browsers keep them for good.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("../../../templates/static/style.css");
const SCRIPT: &str = include_str!("../../../templates/static/live.js");
const ICON: &str = include_str!("../../../templates/static/icon.svg");

static STYLE_NAME: LazyLock<String> = LazyLock::new(|| name("style", STYLE, "css"));
static SCRIPT_NAME: LazyLock<String> = LazyLock::new(|| name("live", SCRIPT, "js"));

/// The style sheet's name.
pub(crate) fn style_name() -> &'static str {
    &STYLE_NAME
}

/// The script's name.
pub(crate) fn script_name() -> &'static str {
    &SCRIPT_NAME
}

/// `GET /static/{file}`.
pub(crate) async fn serve(Path(file): Path<String>) -> Response {
    let for_good = "public, max-age=31536000, immutable";
    let (content, kind, keep) = match file.as_str() {
        name if name == style_name() => (STYLE, "text/css; charset=utf-8", for_good),
        name if name == script_name() => (SCRIPT, "text/javascript; charset=utf-8", for_good),
        "icon.svg" => (ICON, "image/svg+xml", "public, max-age=86400"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(keep)),
    ];
    (headers, content).into_response()
}

fn name(stem: &str, content: &str, extension: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    let mut name = format!("{stem}-");
    for byte in digest.iter().take(5) {
        let _ = write!(name, "{byte:02x}");
    }
    name + "." + extension
}
