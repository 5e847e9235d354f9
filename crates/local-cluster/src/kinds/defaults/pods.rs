//! Pods, and the pods that jobs make.

use serde_json::{Map, Value, json};

use super::{each, set, with};
use crate::object::{self, child_mut};

/// Pods, as far as it does not depend on the node.
pub(crate) fn pod(object: &mut Value) {
    let spec = child_mut(object, "spec");
    set(spec, "enableServiceLinks", true);
    set(spec, "serviceAccountName", "default");
    let account = spec["serviceAccountName"].clone();
    set(spec, "serviceAccount", account);
    pod_spec(spec);
    each(spec, "containers", requests_from_limits);
    each(spec, "initContainers", requests_from_limits);
}

/// A new pod waits for a node.
pub(crate) fn create_pod(object: &mut Value) {
    object["status"] = json!({ "phase": "Pending", "qosClass": quality(&object["spec"]) });
}

fn quality(spec: &Value) -> &'static str {
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sets = |field: &str| {
        containers.iter().any(|c| c["resources"][field].as_object().is_some_and(|m| !m.is_empty()))
    };
    let guaranteed = containers.iter().all(|container| {
        let (limits, requests) = (&container["resources"]["limits"], &container["resources"]["requests"]);
        limits["cpu"].is_string() && limits["memory"].is_string() && limits == requests
    });
    match (guaranteed, sets("limits") || sets("requests")) {
        (true, true) => "Guaranteed",
        (false, true) => "Burstable",
        (_, false) => "BestEffort",
    }
}

fn requests_from_limits(container: &mut Map<String, Value>) {
    with(container, "resources", |resources| {
        let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else { return };
        let requests = resources.entry("requests").or_insert_with(|| json!({}));
        if let Some(requests) = requests.as_object_mut() {
            for (name, limit) in limits {
                requests.entry(name).or_insert(limit);
            }
        }
    });
}

fn pod_spec(spec: &mut Map<String, Value>) {
    set(spec, "restartPolicy", "Always");
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "schedulerName", "default-scheduler");
    set(spec, "terminationGracePeriodSeconds", 30);
    set(spec, "securityContext", json!({}));
    each(spec, "containers", container);
    each(spec, "initContainers", container);
    each(spec, "volumes", volume);
}

fn container(container: &mut Map<String, Value>) {
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
    set(container, "resources", json!({}));
    let image = container.get("image").and_then(Value::as_str).unwrap_or("");
    let tag = image.rsplit('/').next().unwrap_or("");
    let latest = !image.contains('@') && (!tag.contains(':') || tag.ends_with(":latest"));
    set(container, "imagePullPolicy", if latest { "Always" } else { "IfNotPresent" });
    each(container, "ports", |port| set(port, "protocol", "TCP"));
    each(container, "env", |variable| {
        with(variable, "valueFrom", |source| {
            with(source, "fieldRef", |field| set(field, "apiVersion", "v1"));
        });
    });
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        with(container, name, probe);
    }
}

fn probe(probe: &mut Map<String, Value>) {
    for (field, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        set(probe, field, value);
    }
    with(probe, "httpGet", |get| {
        set(get, "path", "/");
        set(get, "scheme", "HTTP");
    });
    with(probe, "grpc", |grpc| set(grpc, "service", ""));
}

fn volume(volume: &mut Map<String, Value>) {
    const FILE_MODE: i32 = 0o644;
    if volume.len() == 1 {
        set(volume, "emptyDir", json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        with(volume, source, |source| set(source, "defaultMode", FILE_MODE));
    }
    with(volume, "hostPath", |path| set(path, "type", ""));
    with(volume, "projected", |projected| {
        each(projected, "sources", |source| {
            with(source, "serviceAccountToken", |token| set(token, "expirationSeconds", 3600));
        });
    });
}

/// Jobs.
pub(crate) fn job(object: &mut Value) {
    let spec = child_mut(object, "spec");
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    set(spec, "backoffLimit", 6);
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    set(spec, "manualSelector", false);
    let replaces = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    set(spec, "podReplacementPolicy", replaces);
    with(spec, "template", |template| with(template, "spec", pod_spec));
}

/// A new job finds its pods by its own UID.
pub(crate) fn create_job(object: &mut Value) {
    object["status"] = json!({});
    if object["spec"]["manualSelector"] == true {
        return;
    }
    let (uid, name) = (object::uid(object).to_owned(), object::name(object).to_owned());
    let selector = child_mut(&mut object["spec"], "selector");
    let labels = selector.entry("matchLabels").or_insert_with(|| json!({}));
    labels["batch.kubernetes.io/controller-uid"] = uid.clone().into();
    let template = child_mut(&mut object["spec"]["template"], "metadata");
    let labels = template.entry("labels").or_insert_with(|| json!({}));
    for prefix in ["", "batch.kubernetes.io/"] {
        labels[format!("{prefix}controller-uid")] = uid.clone().into();
        labels[format!("{prefix}job-name")] = name.clone().into();
    }
}
