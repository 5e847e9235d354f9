//! Volume claims: their folders, and how long they stay.

use ambient_local_cluster::Cluster;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
    runtime::wait::{await_condition, conditions},
};
use serde_json::json;

use super::pods::{BOUND, Machine, phase, sh};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_claim_stays_until_its_pod_has_ended() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(machine.client.clone());
    let wanted = json!({
        "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    claims.create(&PostParams::default(), &serde_json::from_value(wanted).unwrap()).await.unwrap();
    let go = folder.path().join("go");
    let mut spec = sh(&format!("while [ ! -e {} ]; do sleep 0.01; done; echo kept > $D/x", go.display()));
    spec["containers"][0]["env"] = json!([{ "name": "D", "value": "/data" }]);
    spec["containers"][0]["volumeMounts"] = json!([{ "name": "d", "mountPath": "/data" }]);
    spec["volumes"] = json!([{ "name": "d", "persistentVolumeClaim": { "claimName": "data" } }]);
    machine.job("writes", spec).await;
    machine.pod("writes", |pod| phase(pod) == "Running").await;
    let going = claims.delete("data", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert!(going.metadata.deletion_timestamp.is_some());
    assert_eq!(going.finalizers(), ["kubernetes.io/pvc-protection"]);
    std::fs::write(&go, "").unwrap();
    machine.pod("writes", |pod| phase(pod) == "Succeeded").await;
    let uid = going.uid().unwrap();
    let gone = await_condition(claims, "data", conditions::is_deleted(&uid));
    tokio::time::timeout(BOUND, gone).await.expect("nothing uses it any more").unwrap();
    machine.die().await;
}
