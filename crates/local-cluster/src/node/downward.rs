//! Fields of a pod that it may read about itself (the downward API).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

/// A pod and what only the node knows of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SelfKnowledge<'a> {
    /// The pod.
    pub(crate) pod: &'a Pod,
    /// Its address.
    pub(crate) address: &'a str,
    /// The node's name.
    pub(crate) node: &'a str,
}

impl SelfKnowledge<'_> {
    /// The value of a field by its path; none if it cannot be read this way.
    pub(crate) fn field(&self, path: &str) -> Option<String> {
        let spec = self.pod.spec.as_ref();
        match path {
            "metadata.name" => Some(self.pod.name_any()),
            "metadata.namespace" => self.pod.namespace(),
            "metadata.uid" => self.pod.uid(),
            "metadata.labels" => Some(lines(self.pod.labels())),
            "metadata.annotations" => Some(lines(self.pod.annotations())),
            "spec.nodeName" => Some(self.node.to_owned()),
            "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()),
            "status.podIP" | "status.podIPs" => Some(self.address.to_owned()),
            "status.hostIP" | "status.hostIPs" => Some(super::HOST_ADDRESS.to_owned()),
            _ => self.entry(path),
        }
    }

    /// One label or annotation: `metadata.labels['name']`.
    fn entry(&self, path: &str) -> Option<String> {
        let (field, key) = path.strip_suffix("']")?.split_once("['")?;
        let entries = match field {
            "metadata.labels" => self.pod.labels(),
            "metadata.annotations" => self.pod.annotations(),
            _ => return None,
        };
        Some(entries.get(key).cloned().unwrap_or_default())
    }
}

fn lines(entries: &BTreeMap<String, String>) -> String {
    let lines =
        entries.iter().map(|(key, value)| format!("{key}={}", serde_json::Value::from(value.as_str())));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_by_path() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n", "uid": "u", "labels": { "a/b": "1", "c": "x\"y" } },
            "spec": { "containers": [], "serviceAccountName": "default" },
        }))
        .unwrap();
        let knowledge = SelfKnowledge { pod: &pod, address: "127.1.2.3", node: "local" };
        for (path, expected) in [
            ("metadata.name", Some("p")),
            ("metadata.namespace", Some("n")),
            ("metadata.uid", Some("u")),
            ("metadata.labels", Some("a/b=\"1\"\nc=\"x\\\"y\"")),
            ("metadata.labels['a/b']", Some("1")),
            ("metadata.labels['missing']", Some("")),
            ("metadata.annotations", Some("")),
            ("spec.nodeName", Some("local")),
            ("spec.serviceAccountName", Some("default")),
            ("status.podIP", Some("127.1.2.3")),
            ("status.hostIP", Some("127.0.0.1")),
            ("spec.containers", None),
        ] {
            assert_eq!(knowledge.field(path).as_deref(), expected, "{path}");
        }
    }
}
