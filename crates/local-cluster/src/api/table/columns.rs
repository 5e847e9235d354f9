//! The columns of built-in kinds, as `kubectl get` shows them.

use serde_json::Value;

use super::{Column, age_column, age_of, cells, column, json_path, name_column};
use crate::object;

/// The columns of a built-in kind.
pub(crate) fn columns_of(kind: &str) -> Vec<Column> {
    let mut columns = vec![name_column()];
    match kind {
        "Pod" => columns.extend(pod()),
        "Job" => columns.extend(job()),
        "Event" => return event(),
        "Service" => columns.extend(service()),
        "PersistentVolumeClaim" => columns.extend(claim()),
        "Node" => columns.extend(node()),
        "Role" | "ClusterRole" | "LimitRange" | "CustomResourceDefinition" => columns.push(created_at()),
        "RoleBinding" | "ClusterRoleBinding" => columns.extend(binding()),
        "ConfigMap" => {
            columns.push(column("Data", "string", 0, cells::config_map_entries));
            columns.push(age_column());
        }
        "Secret" => {
            columns.push(text("Type", ".type"));
            columns.push(column("Data", "string", 0, |object| cells::count(&object["data"])));
            columns.push(age_column());
        }
        "ServiceAccount" => {
            columns.push(column("Secrets", "string", 0, |object| cells::count(&object["secrets"])));
            columns.push(age_column());
        }
        "Namespace" => columns.extend([text("Status", ".status.phase"), age_column()]),
        "Lease" => columns.extend([text("Holder", ".spec.holderIdentity"), age_column()]),
        "NetworkPolicy" => {
            columns.push(column("Pod-Selector", "string", 0, |object| {
                cells::selector(&object["spec"]["podSelector"])
            }));
            columns.push(age_column());
        }
        "StorageClass" => columns.extend([
            text("Provisioner", ".provisioner"),
            text("ReclaimPolicy", ".reclaimPolicy"),
            text("VolumeBindingMode", ".volumeBindingMode"),
            column("AllowVolumeExpansion", "string", 0, |object| {
                (object["allowVolumeExpansion"] == true).into()
            }),
            age_column(),
        ]),
        _ => columns.push(age_column()),
    }
    columns
}

/// A column of text at a path.
fn text(name: &str, path: &'static str) -> Column {
    wide(name, path, 0)
}

/// A column of text at a path, shown with `-o wide` if its priority is not 0.
fn wide(name: &str, path: &'static str, priority: u32) -> Column {
    column(name, "string", priority, move |object| match json_path::find(object, path).first() {
        None | Some(Value::Null) => if priority == 0 { "" } else { "<none>" }.into(),
        Some(Value::String(text)) => text.clone().into(),
        Some(other) => other.to_string().into(),
    })
}

fn created_at() -> Column {
    column("Created At", "date", 0, |object| object::meta_str(object, "creationTimestamp").into())
}

fn pod() -> Vec<Column> {
    vec![
        column("Ready", "string", 0, cells::pod_ready),
        column("Status", "string", 0, cells::pod_status),
        column("Restarts", "string", 0, cells::pod_restarts),
        age_column(),
        wide("IP", ".status.podIP", 1),
        wide("Node", ".spec.nodeName", 1),
        wide("Nominated Node", ".status.nominatedNodeName", 1),
        column("Readiness Gates", "string", 1, |_| "<none>".into()),
    ]
}

fn job() -> Vec<Column> {
    let template = "spec";
    vec![
        column("Status", "string", 0, cells::job_status),
        column("Completions", "string", 0, cells::job_completions),
        column("Duration", "string", 0, cells::job_duration),
        age_column(),
        column("Containers", "string", 1, move |object| {
            cells::of_containers(&object[template]["template"], "name")
        }),
        column("Images", "string", 1, move |object| {
            cells::of_containers(&object[template]["template"], "image")
        }),
        column("Selector", "string", 1, |object| cells::selector(&object["spec"]["selector"])),
    ]
}

fn event() -> Vec<Column> {
    let seen = |object: &Value| {
        let times = [".series.lastObservedTime", ".lastTimestamp", ".deprecatedLastTimestamp", ".eventTime"];
        let found = times.iter().find_map(|path| json_path::find(object, path).first()?.as_str());
        found.map_or_else(|| "<unknown>".into(), age_of)
    };
    vec![
        column("Last Seen", "string", 0, seen),
        text("Type", ".type"),
        text("Reason", ".reason"),
        column("Object", "string", 0, cells::event_object),
        wide("Source", ".source.component", 1),
        column("Message", "string", 0, |object| {
            let message = object["message"].as_str().or_else(|| object["note"].as_str());
            message.unwrap_or_default().trim().into()
        }),
        wide("Count", ".count", 1),
        column("Name", "string", 1, |object| object::name(object).into()),
    ]
}

fn service() -> Vec<Column> {
    vec![
        text("Type", ".spec.type"),
        column("Cluster-IP", "string", 0, |object| cells::or_none(&object["spec"]["clusterIP"])),
        column("External-IP", "string", 0, |_| "<none>".into()),
        column("Port(s)", "string", 0, cells::ports),
        age_column(),
        column("Selector", "string", 1, |object| cells::labels(&object["spec"]["selector"])),
    ]
}

fn claim() -> Vec<Column> {
    vec![
        text("Status", ".status.phase"),
        text("Volume", ".spec.volumeName"),
        text("Capacity", ".status.capacity.storage"),
        column("Access Modes", "string", 0, cells::access_modes),
        text("StorageClass", ".spec.storageClassName"),
        column("VolumeAttributesClass", "string", 0, |_| "<unset>".into()),
        age_column(),
        wide("VolumeMode", ".spec.volumeMode", 1),
    ]
}

fn node() -> Vec<Column> {
    vec![
        column("Status", "string", 0, cells::node_status),
        column("Roles", "string", 0, |_| "<none>".into()),
        age_column(),
        text("Version", ".status.nodeInfo.kubeletVersion"),
        wide("Internal-IP", ".status.addresses[?(@.type==\"InternalIP\")].address", 1),
        wide("OS-Image", ".status.nodeInfo.osImage", 1),
        wide("Kernel-Version", ".status.nodeInfo.kernelVersion", 1),
        wide("Container-Runtime", ".status.nodeInfo.containerRuntimeVersion", 1),
    ]
}

fn binding() -> Vec<Column> {
    let subjects = |name: &str, kind: &'static str| {
        column(name, "string", 1, move |object| cells::subjects(object, kind))
    };
    vec![
        column("Role", "string", 0, |object| {
            let part = |field: &str| object["roleRef"][field].as_str().unwrap_or_default().to_owned();
            format!("{}/{}", part("kind"), part("name")).into()
        }),
        age_column(),
        subjects("Users", "User"),
        subjects("Groups", "Group"),
        subjects("ServiceAccounts", "ServiceAccount"),
    ]
}
