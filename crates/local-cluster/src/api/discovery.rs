//! Paths that name no object: discovery, version, health.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use serde_json::{Value, json};

use super::{openapi, paths::RequestInfo, render::respond, server::Server};
use crate::{
    kinds::{Registry, Resource},
    status::{ApiError, ApiResult},
};

/// The Kubernetes release whose behaviour this server follows.
const MINOR_VERSION: &str = "36";

/// Answers a path that names no resource.
pub(crate) fn answer(server: &Server, parts: &Parts, info: &RequestInfo) -> ApiResult<Response<Body>> {
    if parts.method != http::Method::GET && parts.method != http::Method::HEAD {
        return Err(ApiError::no_such_path());
    }
    let segments: Vec<&str> = info.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let body = match segments.as_slice() {
        ["livez" | "readyz" | "healthz", ..] => return Ok(plain("ok")),
        ["version"] => version(),
        ["openapi", "v3"] => openapi::index(&server.registry),
        ["openapi", "v3", "api", version] => open_api(&server.registry, "", version)?,
        ["openapi", "v3", "apis", group, version] => open_api(&server.registry, group, version)?,
        ["api"] => json!({
            "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [],
        }),
        ["apis"] => {
            let groups: Vec<Value> =
                server.registry.groups().iter().map(|name| group(&server.registry, name)).collect();
            json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
        }
        ["api", version] => resource_list(&server.registry, "", version)?,
        ["apis", name] if !server.registry.group(name).is_empty() => {
            let mut found = group(&server.registry, name);
            found["kind"] = "APIGroup".into();
            found["apiVersion"] = "v1".into();
            found
        }
        ["apis", group, version] => resource_list(&server.registry, group, version)?,
        _ => return Err(ApiError::no_such_path()),
    };
    Ok(respond(StatusCode::OK, &body, &[]))
}

fn plain(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn open_api(registry: &Registry, group: &str, version: &str) -> ApiResult<Value> {
    let all = registry.group(group);
    let found: Vec<&Resource> =
        all.iter().map(AsRef::as_ref).filter(|resource| resource.version == version).collect();
    if found.is_empty() { Err(ApiError::no_such_path()) } else { Ok(openapi::document(&found)) }
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": MINOR_VERSION,
        "gitVersion": format!("v1.{MINOR_VERSION}.0+local-cluster"),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

fn group(registry: &Registry, name: &str) -> Value {
    let mut versions: Vec<String> = Vec::new();
    for resource in registry.group(name) {
        if !versions.contains(&resource.version) {
            versions.push(resource.version.clone());
        }
    }
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions.first() })
}

fn resource_list(registry: &Registry, group: &str, version: &str) -> ApiResult<Value> {
    let resources: Vec<Value> = registry
        .group(group)
        .iter()
        .filter(|resource| resource.version == version)
        .flat_map(|resource| entries(resource))
        .collect();
    if resources.is_empty() {
        return Err(ApiError::no_such_path());
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
    }))
}

fn entries(resource: &Resource) -> Vec<Value> {
    let verbs: &[&str] = if resource.builtin().is_some_and(|builtin| builtin.is_review) {
        &["create"]
    } else {
        &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    };
    let mut main = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.is_namespaced(),
        "kind": resource.kind,
        "verbs": verbs,
    });
    if !resource.short_names.is_empty() {
        main["shortNames"] = resource.short_names.clone().into();
    }
    if !resource.categories.is_empty() {
        main["categories"] = resource.categories.clone().into();
    }
    let subresources = resource.subresources.iter().map(|name| {
        let verbs: &[&str] = match name.as_str() {
            "log" => &["get"],
            "finalize" => &["update"],
            _ => &["get", "patch", "update"],
        };
        json!({
            "name": format!("{}/{name}", resource.plural),
            "singularName": "",
            "namespaced": resource.is_namespaced(),
            "kind": resource.kind,
            "verbs": verbs,
        })
    });
    std::iter::once(main).chain(subresources).collect()
}
