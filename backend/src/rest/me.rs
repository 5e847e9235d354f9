//! `GET /api/me`: who the token is.

use axum::{Extension, Json};
use serde::Serialize;

use crate::auth::User;

/// The user of the request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Me {
    username: String,
    groups: Vec<String>,
}

/// Tells who asks.
pub(crate) async fn get(Extension(user): Extension<User>) -> Json<Me> {
    Json(Me { username: user.name, groups: user.groups })
}
