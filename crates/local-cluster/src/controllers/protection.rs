//! Claims that are deleted stay until no pod uses them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::feed::Changes;
use crate::{
    api::Server,
    kinds::{CLAIM_PROTECTION, Resource},
    object,
    storage::{Key, Stored},
};

const CLAIMS: &str = "persistentvolumeclaims";
const PODS: &str = "pods";

/// Lets claims go that are deleted and that no pod uses any more.
pub(crate) fn reconcile(server: &Server, changes: &Changes) {
    let Some(resource) = server.registry.find_kind("", "PersistentVolumeClaim") else { return };
    let concerned =
        changes.objects.iter().filter(|changed| [CLAIMS, PODS].contains(&changed.key.resource.as_ref()));
    let namespaces: BTreeSet<&str> = concerned.map(|changed| changed.key.namespace.as_str()).collect();
    for namespace in namespaces {
        let claims = server.store.list(CLAIMS, Some(namespace)).items;
        let going: Vec<Stored> = claims.into_iter().filter(|claim| is_held(&claim.value)).collect();
        if going.is_empty() {
            continue;
        }
        let pods = server.store.list(PODS, Some(namespace)).items;
        for claim in &going {
            if !pods.iter().any(|pod| uses(&pod.value, object::name(&claim.value))) {
                release(server, &resource, &claim.value);
            }
        }
    }
}

/// Whether a claim is deleted and only protected from it.
fn is_held(claim: &Value) -> bool {
    object::is_terminating(claim) && object::finalizers(claim).contains(&CLAIM_PROTECTION)
}

/// Whether a pod that has a node, and has not ended, has a volume of a claim.
fn uses(pod: &Value, claim: &str) -> bool {
    let has_node = pod["spec"]["nodeName"].as_str().is_some_and(|name| !name.is_empty());
    let has_ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let mut volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    has_node && !has_ended && volumes.any(|volume| volume["persistentVolumeClaim"]["claimName"] == claim)
}

fn release(server: &Server, resource: &Resource, claim: &Value) {
    let key = Key {
        resource: CLAIMS.into(),
        namespace: object::namespace(claim).to_owned(),
        name: object::name(claim).to_owned(),
    };
    let result = server.edit_as_controller(resource, &key, object::uid(claim), |claim| {
        let others: Vec<Value> = object::finalizers(claim)
            .into_iter()
            .filter(|finalizer| *finalizer != CLAIM_PROTECTION)
            .map(Into::into)
            .collect();
        object::set_meta(claim, "finalizers", (!others.is_empty()).then(|| others.into()));
    });
    if let Err(error) = result {
        tracing::warn!(claim = ?key, %error, "claim not released");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_that_use_a_claim() {
        let volumes = json!([{ "name": "a", "emptyDir": {} }, { "name": "b", "persistentVolumeClaim": { "claimName": "c" } }]);
        let pod = |node: &str, phase: &str| json!({ "spec": { "nodeName": node, "volumes": volumes }, "status": { "phase": phase } });
        for (pod, claim, expected) in [
            (pod("n", "Running"), "c", true),
            (pod("n", "Pending"), "c", true),
            (pod("n", "Running"), "d", false),
            (pod("n", "Succeeded"), "c", false),
            (pod("n", "Failed"), "c", false),
            (pod("", "Pending"), "c", false),
        ] {
            assert_eq!(uses(&pod, claim), expected, "{pod} {claim}");
        }
    }
}
