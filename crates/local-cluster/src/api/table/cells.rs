//! The cells of built-in kinds that are more than a field.

use serde_json::Value;

use super::human_duration;
use crate::object;

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The number of entries of a map or list.
pub(crate) fn count(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
    .into()
}

/// Text, or `<none>`.
pub(crate) fn or_none(value: &Value) -> Value {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or("<none>").into()
}

/// Entries of a ConfigMap.
pub(crate) fn config_map_entries(object: &Value) -> Value {
    let entries = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    (entries("data") + entries("binaryData")).into()
}

/// `k=v,l=w`, or `<none>`.
pub(crate) fn labels(value: &Value) -> Value {
    let pairs: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() { "<none>".into() } else { pairs.join(",").into() }
}

/// A label selector's labels.
pub(crate) fn selector(value: &Value) -> Value {
    labels(&value["matchLabels"])
}

/// A field of each container of a template.
pub(crate) fn of_containers(template: &Value, field: &str) -> Value {
    let names: Vec<&str> = items(&template["spec"]["containers"])
        .iter()
        .filter_map(|container| container[field].as_str())
        .collect();
    names.join(",").into()
}

/// Ready containers of all.
pub(crate) fn pod_ready(object: &Value) -> Value {
    let ready =
        items(&object["status"]["containerStatuses"]).iter().filter(|status| status["ready"] == true).count();
    format!("{ready}/{}", items(&object["spec"]["containers"]).len()).into()
}

/// Restarts of all containers.
pub(crate) fn pod_restarts(object: &Value) -> Value {
    let restarts: i64 = items(&object["status"]["containerStatuses"])
        .iter()
        .filter_map(|status| status["restartCount"].as_i64())
        .sum();
    restarts.to_string().into()
}

/// What a pod is doing: the most telling reason of its containers, or its phase.
pub(crate) fn pod_status(object: &Value) -> Value {
    let status = &object["status"];
    let mut shown = status["reason"].as_str().or_else(|| status["phase"].as_str()).unwrap_or("").to_owned();
    let init = items(&status["initContainerStatuses"]);
    for (index, container) in init.iter().enumerate() {
        let state = &container["state"];
        if state["terminated"]["exitCode"] == 0 || container["started"] == true {
            continue;
        }
        let reason = ["terminated", "waiting"].iter().find_map(|kind| state[*kind]["reason"].as_str());
        return match reason.filter(|reason| *reason != "PodInitializing") {
            Some(reason) => format!("Init:{reason}").into(),
            None => format!("Init:{index}/{}", init.len()).into(),
        };
    }
    for container in items(&status["containerStatuses"]).iter().rev() {
        let state = &container["state"];
        if let Some(reason) =
            ["waiting", "terminated"].iter().find_map(|kind| state[*kind]["reason"].as_str())
        {
            reason.clone_into(&mut shown);
        }
    }
    if object::is_terminating(object) {
        let ended = matches!(status["phase"].as_str(), Some("Succeeded" | "Failed"));
        if !ended {
            shown = "Terminating".to_owned();
        }
    }
    shown.into()
}

/// `Complete`, `Failed`, `Suspended` or `Running`.
pub(crate) fn job_status(object: &Value) -> Value {
    let has = |kind: &str| {
        items(&object["status"]["conditions"])
            .iter()
            .any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    let shown = if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if object::is_terminating(object) {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    shown.into()
}

/// Succeeded pods of those wanted.
pub(crate) fn job_completions(object: &Value) -> Value {
    let succeeded = object["status"]["succeeded"].as_i64().unwrap_or(0);
    let wanted = object["spec"]["completions"].as_i64().unwrap_or(1);
    format!("{succeeded}/{wanted}").into()
}

/// How long a job has been running, or ran.
pub(crate) fn job_duration(object: &Value) -> Value {
    let time = |field: &str| object["status"][field].as_str()?.parse::<jiff::Timestamp>().ok();
    let Some(start) = time("startTime") else { return "".into() };
    let end = time("completionTime").unwrap_or_else(object::now);
    human_duration(end.duration_since(start).as_secs()).into()
}

/// `kind/name` of what an event is about.
pub(crate) fn event_object(object: &Value) -> Value {
    let about =
        if object["involvedObject"].is_object() { &object["involvedObject"] } else { &object["regarding"] };
    let part = |field: &str| about[field].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", part("kind").to_lowercase(), part("name")).into()
}

/// `80/TCP,443/TCP`.
pub(crate) fn ports(object: &Value) -> Value {
    let ports: Vec<String> = items(&object["spec"]["ports"])
        .iter()
        .map(|port| format!("{}/{}", port["port"], port["protocol"].as_str().unwrap_or("TCP")))
        .collect();
    if ports.is_empty() { "<none>".into() } else { ports.join(",").into() }
}

/// `RWO,ROX`.
pub(crate) fn access_modes(object: &Value) -> Value {
    let short = |mode: &str| match mode {
        "ReadWriteOnce" => "RWO".to_owned(),
        "ReadOnlyMany" => "ROX".to_owned(),
        "ReadWriteMany" => "RWX".to_owned(),
        "ReadWriteOncePod" => "RWOP".to_owned(),
        other => other.to_owned(),
    };
    let modes: Vec<String> =
        items(&object["status"]["accessModes"]).iter().filter_map(Value::as_str).map(short).collect();
    modes.join(",").into()
}

/// `Ready` or `NotReady`, and whether pods may be placed.
pub(crate) fn node_status(object: &Value) -> Value {
    let ready = items(&object["status"]["conditions"])
        .iter()
        .find(|condition| condition["type"] == "Ready")
        .map(|condition| if condition["status"] == "True" { "Ready" } else { "NotReady" });
    let mut shown = ready.unwrap_or("Unknown").to_owned();
    if object["spec"]["unschedulable"] == true {
        shown.push_str(",SchedulingDisabled");
    }
    shown.into()
}

/// The names of a binding's subjects of one kind.
pub(crate) fn subjects(object: &Value, kind: &str) -> Value {
    let names: Vec<String> = items(&object["subjects"])
        .iter()
        .filter(|subject| subject["kind"] == kind)
        .map(|subject| {
            let name = subject["name"].as_str().unwrap_or_default();
            match subject["namespace"].as_str() {
                Some(namespace) if kind == "ServiceAccount" => format!("{namespace}/{name}"),
                _ => name.to_owned(),
            }
        })
        .collect();
    names.join(", ").into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_say_what_they_do() {
        for (pod, wanted) in [
            (json!({ "status": { "phase": "Pending" } }), "Pending"),
            (
                json!({ "status": { "phase": "Pending", "containerStatuses": [{ "state": { "waiting": { "reason": "ErrImagePull" } } }] } }),
                "ErrImagePull",
            ),
            (
                json!({ "status": { "phase": "Pending", "initContainerStatuses": [{ "state": { "running": {} } }] } }),
                "Init:0/1",
            ),
            (
                json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" }, "status": { "phase": "Running" } }),
                "Terminating",
            ),
            (
                json!({ "status": { "phase": "Failed", "containerStatuses": [{ "state": { "terminated": { "reason": "Error" } } }] } }),
                "Error",
            ),
        ] {
            assert_eq!(pod_status(&pod), wanted);
        }
    }
}
