//! What an API server fills into built-in kinds where a client said nothing.

mod pods;

use serde_json::{Map, Value, json};

pub(crate) use self::pods::{create_job, create_pod, job, pod};
use crate::object::{self, child_mut};

/// The finalizer of a definition whose objects are not gone yet.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// The finalizer of a claim that pods may use.
pub(crate) const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";

/// Sets a field that is not there.
fn set(object: &mut Map<String, Value>, field: &str, value: impl Into<Value>) {
    if object.get(field).is_none_or(Value::is_null) {
        object.insert(field.to_owned(), value.into());
    }
}

/// The objects of a list field.
fn each(object: &mut Map<String, Value>, field: &str, change: impl Fn(&mut Map<String, Value>)) {
    let items = object.get_mut(field).and_then(Value::as_array_mut);
    for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
        change(item);
    }
}

/// A field that is an object and is there.
fn with(object: &mut Map<String, Value>, field: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Some(child) = object.get_mut(field).and_then(Value::as_object_mut) {
        change(child);
    }
}

/// A namespace keeps the platform's own finalizer and a label with its name.
pub(crate) fn namespace(object: &mut Value) {
    let name = object::name(object).to_owned();
    if !name.is_empty() {
        child_mut(&mut object["metadata"], "labels")
            .insert("kubernetes.io/metadata.name".into(), name.into());
    }
}

/// A new namespace is held by its controller until it is empty.
pub(crate) fn create_namespace(object: &mut Value) {
    let finalizers = child_mut(object, "spec").entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut().filter(|list| !list.contains(&"kubernetes".into())) {
        list.push("kubernetes".into());
    }
    object["status"] = json!({ "phase": "Active" });
}

/// Secrets: `stringData` becomes `data`.
pub(crate) fn secret(object: &mut Value) {
    use base64::{Engine, prelude::BASE64_STANDARD};
    set(object.as_object_mut().unwrap_or(&mut Map::new()), "type", "Opaque");
    let Some(plain) = object.as_object_mut().and_then(|fields| fields.remove("stringData")) else { return };
    let data = child_mut(object, "data");
    for (name, value) in plain.as_object().into_iter().flatten() {
        data.insert(name.clone(), BASE64_STANDARD.encode(value.as_str().unwrap_or("")).into());
    }
}

/// Claims.
pub(crate) fn claim(object: &mut Value) {
    let spec = child_mut(object, "spec");
    set(spec, "volumeMode", "Filesystem");
    set(spec, "resources", json!({}));
}

/// A new claim waits for a volume, and is protected from going while pods use it.
pub(crate) fn create_claim(object: &mut Value) {
    create_pending(object);
    let finalizers = object::metadata_mut(object).entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut().filter(|list| !list.contains(&CLAIM_PROTECTION.into())) {
        list.push(CLAIM_PROTECTION.into());
    }
}

/// A new volume waits.
pub(crate) fn create_pending(object: &mut Value) {
    object["status"] = json!({ "phase": "Pending" });
}

/// Volumes.
pub(crate) fn persistent_volume(object: &mut Value) {
    let spec = child_mut(object, "spec");
    set(spec, "volumeMode", "Filesystem");
    set(spec, "persistentVolumeReclaimPolicy", "Retain");
}

/// Services. No address is given: nothing routes here.
pub(crate) fn service(object: &mut Value) {
    let spec = child_mut(object, "spec");
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    set(spec, "internalTrafficPolicy", "Cluster");
    each(spec, "ports", |port| {
        set(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or_default();
        set(port, "targetPort", number);
    });
}

/// A new service has no load balancer.
pub(crate) fn create_service(object: &mut Value) {
    object["status"] = json!({ "loadBalancer": {} });
}

/// Network policies.
pub(crate) fn network_policy(object: &mut Value) {
    let spec = child_mut(object, "spec");
    let egress = spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    set(spec, "podSelector", json!({}));
    set(spec, "policyTypes", if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) });
    for direction in ["ingress", "egress"] {
        each(spec, direction, |rule| each(rule, "ports", |port| set(port, "protocol", "TCP")));
    }
}

/// Bindings: subjects and the role have a group by default.
pub(crate) fn binding(object: &mut Value) {
    let Some(fields) = object.as_object_mut() else { return };
    with(fields, "roleRef", |role| {
        if role.get("apiGroup").and_then(Value::as_str).unwrap_or("").is_empty() {
            role.insert("apiGroup".into(), "rbac.authorization.k8s.io".into());
        }
    });
    each(fields, "subjects", |subject| {
        if subject.get("kind").and_then(Value::as_str) != Some("ServiceAccount") {
            set(subject, "apiGroup", "rbac.authorization.k8s.io");
        }
    });
}

/// Storage classes.
pub(crate) fn storage_class(object: &mut Value) {
    let Some(fields) = object.as_object_mut() else { return };
    set(fields, "reclaimPolicy", "Delete");
    set(fields, "volumeBindingMode", "Immediate");
}

/// Definitions of kinds: names that follow from the kind, and conversion by doing nothing.
pub(crate) fn definition(object: &mut Value) {
    let spec = child_mut(object, "spec");
    set(spec, "conversion", json!({ "strategy": "None" }));
    with(spec, "names", |names| {
        let kind = names.get("kind").and_then(Value::as_str).unwrap_or("").to_owned();
        set(names, "listKind", format!("{kind}List"));
        set(names, "singular", kind.to_lowercase());
    });
}

/// A new definition is established at once. Its objects go before it does.
pub(crate) fn create_definition(object: &mut Value) {
    let metadata = object::metadata_mut(object);
    let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut().filter(|list| !list.contains(&CLEANUP.into())) {
        list.push(CLEANUP.into());
    }
    let now = object::format_time(object::now());
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message,
            "observedGeneration": 1,
        })
    };
    let versions = object["spec"]["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stored: Vec<Value> = versions
        .iter()
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    object["status"] = json!({
        "acceptedNames": object["spec"]["names"],
        "storedVersions": stored,
        "observedGeneration": 1,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    });
}
