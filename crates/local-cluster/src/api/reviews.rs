//! Reviews: questions about users and rights, answered and not stored.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{call::Call, paths::RequestInfo, prepare, render::respond, server::Server};
use crate::{
    auth,
    config::UserInfo,
    kinds::Resource,
    object,
    status::{ApiError, ApiResult},
};

/// Answers a review.
pub(crate) fn review(server: &Server, call: &Call, resource: &Resource) -> ApiResult<Response<Body>> {
    if call.info.verb != "create" || !call.info.name.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    let prepared = prepare::prepare(call, resource, call.object(resource)?)?;
    let mut review = prepared.object;
    let spec = review["spec"].clone();
    review["status"] = match resource.kind.as_str() {
        "SelfSubjectReview" => json!({ "userInfo": user_json(&call.user) }),
        "TokenReview" => token_status(server, &spec),
        "SelfSubjectAccessReview" => access_status(&call.user, &spec),
        _ => access_status(&user_of(&spec), &spec),
    };
    object::set_meta(&mut review, "creationTimestamp", None);
    Ok(respond(StatusCode::CREATED, &resource.present(&review), &prepared.warnings))
}

fn token_status(server: &Server, spec: &Value) -> Value {
    match server.authenticator.user(spec["token"].as_str().unwrap_or_default()) {
        Some(user) => json!({ "authenticated": true, "user": user_json(&user) }),
        None => json!({ "user": {}, "error": "invalid bearer token" }),
    }
}

fn access_status(user: &UserInfo, spec: &Value) -> Value {
    match auth::authorize(user, &request_of(user, spec)) {
        Ok(()) => json!({ "allowed": true }),
        Err(error) => json!({ "allowed": false, "reason": error.to_string() }),
    }
}

fn user_of(spec: &Value) -> UserInfo {
    let groups = spec["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    UserInfo {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: groups.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
    }
}

/// The request that a review asks about.
fn request_of(user: &UserInfo, spec: &Value) -> RequestInfo {
    let attributes = &spec["resourceAttributes"];
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    if attributes.is_object() {
        return RequestInfo {
            verb: text(attributes, "verb"),
            group: text(attributes, "group"),
            version: text(attributes, "version"),
            resource: text(attributes, "resource"),
            subresource: text(attributes, "subresource"),
            namespace: text(attributes, "namespace"),
            name: text(attributes, "name"),
            user: user.name.clone(),
            ..RequestInfo::default()
        };
    }
    let attributes = &spec["nonResourceAttributes"];
    RequestInfo {
        verb: text(attributes, "verb"),
        path: text(attributes, "path"),
        user: user.name.clone(),
        ..RequestInfo::default()
    }
}

fn user_json(user: &UserInfo) -> Value {
    let mut groups = user.groups.clone();
    if !groups.iter().any(|group| group == "system:authenticated") {
        groups.push("system:authenticated".to_owned());
    }
    json!({ "username": user.name, "groups": groups })
}
