//! From method and path to what is asked for.

use http::Method;

/// What one request asks for, and how it was answered: the argument of an observer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for paths that
    /// name no resource the HTTP method in lower case.
    pub verb: String,
    /// The path without its query.
    pub path: String,
    /// API group, "" for the core group.
    pub group: String,
    /// API version; "" for paths that name no resource.
    pub version: String,
    /// Plural name of the kind; "" for paths that name no resource.
    pub resource: String,
    /// Subresource such as `status`, or "".
    pub subresource: String,
    /// Namespace, or "".
    pub namespace: String,
    /// Name of the object, or "".
    pub name: String,
    /// Name of the user, or "" before authentication.
    pub user: String,
    /// HTTP status code of the answer.
    pub status: u16,
}

impl RequestInfo {
    /// Whether the request can change objects.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !self.resource.is_empty()
            && matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    /// Reads method and path; `watches` says whether the query asks for a watch.
    pub(crate) fn parse(method: &Method, path: &str, watches: bool) -> Self {
        let mut info =
            Self { verb: method.as_str().to_lowercase(), path: path.to_owned(), ..Self::default() };
        let decoded: Vec<String> =
            path.split('/').filter(|segment| !segment.is_empty()).map(percent_decoded).collect();
        let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let rest = match segments.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => {
                info.version = (*version).to_owned();
                rest
            }
            ["apis", group, version, rest @ ..] if !rest.is_empty() => {
                info.group = (*group).to_owned();
                info.version = (*version).to_owned();
                rest
            }
            _ => return info,
        };
        info.read_resource(rest);
        info.verb = verb(method, !info.name.is_empty(), watches).to_owned();
        info
    }

    fn read_resource(&mut self, segments: &[&str]) {
        let rest = match segments {
            // A namespace's own subresources are told from the kinds inside it by name.
            ["namespaces", name, subresource @ ("status" | "finalize")] => {
                self.namespace = (*name).to_owned();
                self.resource = "namespaces".to_owned();
                self.name = (*name).to_owned();
                self.subresource = (*subresource).to_owned();
                return;
            }
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => {
                self.namespace = (*namespace).to_owned();
                rest
            }
            rest => rest,
        };
        let mut parts = rest.iter();
        let mut part = || parts.next().map(ToString::to_string).unwrap_or_default();
        self.resource = part();
        self.name = part();
        self.subresource = part();
        if self.resource == "namespaces" && self.group.is_empty() {
            self.namespace.clone_from(&self.name);
        }
    }
}

/// A segment with its `%` escapes resolved; one that is not UTF-8 then stays as it is.
fn percent_decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%')
            .then(|| segment.get(index + 1..index + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        decoded.push(escaped.unwrap_or(bytes[index]));
        index += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| segment.to_owned())
}

fn verb(method: &Method, has_name: bool, watches: bool) -> &'static str {
    match (method, has_name) {
        (&Method::GET | &Method::HEAD, true) => "get",
        (&Method::GET | &Method::HEAD, false) if watches => "watch",
        (&Method::GET | &Method::HEAD, false) => "list",
        (&Method::POST, _) => "create",
        (&Method::PUT, _) => "update",
        (&Method::PATCH, _) => "patch",
        (&Method::DELETE, true) => "delete",
        (&Method::DELETE, false) => "deletecollection",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_resources() {
        for (method, path, wanted) in [
            (Method::GET, "/api/v1/namespaces/a/pods/p/log", "get  v1 pods/log a/p"),
            (Method::GET, "/api/v1/pods", "list  v1 pods/ /"),
            (Method::GET, "/api/v1/namespaces", "list  v1 namespaces/ /"),
            (Method::GET, "/api/v1/namespaces/a", "get  v1 namespaces/ a/a"),
            (Method::PUT, "/api/v1/namespaces/a/finalize", "update  v1 namespaces/finalize a/a"),
            (Method::POST, "/apis/batch/v1/namespaces/a/jobs", "create batch v1 jobs/ a/"),
            (Method::PATCH, "/apis/x.io/v2/things/t/status", "patch x.io v2 things/status /t"),
            (Method::DELETE, "/apis/x.io/v2/things", "deletecollection x.io v2 things/ /"),
            (Method::GET, "/apis/batch/v1", "get   / /"),
            (Method::GET, "/apis/r/v1/roles/system%3Anode", "get r v1 roles/ /system:node"),
        ] {
            let info = RequestInfo::parse(&method, path, false);
            let RequestInfo { verb, group, version, resource, subresource, namespace, name, .. } = info;
            let found = format!("{verb} {group} {version} {resource}/{subresource} {namespace}/{name}");
            assert_eq!(found, wanted, "{path}");
        }
    }
}
