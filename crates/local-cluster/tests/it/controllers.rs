//! Garbage collection, namespaces and definitions that go, and `kube`'s own controller on top.

use std::{sync::Arc, time::Duration};

use ambient_local_cluster::{Cluster, RequestInfo};
use futures::StreamExt;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Resource, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
        PropagationPolicy,
    },
    runtime::{
        Controller,
        controller::Action,
        finalizer::{Event, finalizer},
        wait::{await_condition, conditions},
        watcher,
    },
};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

const WAIT: Duration = Duration::from_secs(10);

fn running() -> (Cluster, DropGuard) {
    let cluster = Cluster::in_memory();
    let shutdown = CancellationToken::new();
    let (runs, stop) = (cluster.clone(), shutdown.clone());
    tokio::spawn(async move { runs.run_controllers(stop).await });
    (cluster, shutdown.drop_guard())
}

async fn make<K>(api: &Api<K>, object: Value) -> K
where
    K: Resource + Clone + serde::de::DeserializeOwned + serde::Serialize + std::fmt::Debug,
{
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

async fn gone<K>(api: &Api<K>, object: &K)
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let uid = object.uid().unwrap();
    let name = object.name_any();
    let wait = await_condition(api.clone(), &name, conditions::is_deleted(&uid));
    tokio::time::timeout(WAIT, wait).await.expect("it goes").unwrap();
}

fn owned(name: &str, owner: &ConfigMap, blocks: bool) -> Value {
    let mut reference = owner.owner_ref(&()).unwrap();
    reference.block_owner_deletion = Some(blocks);
    json!({ "metadata": { "name": name, "ownerReferences": [reference] } })
}

#[tokio::test]
async fn dependents_follow_their_owner() {
    let (cluster, _guard) = running();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.admin());
    let owner = make(&maps, json!({ "metadata": { "name": "owner" } })).await;
    let child = make(&maps, owned("child", &owner, false)).await;
    let grandchild = make(&maps, owned("grandchild", &child, false)).await;
    maps.delete("owner", &DeleteParams::background()).await.unwrap();
    gone(&maps, &grandchild).await;
    assert!(maps.get_opt("child").await.unwrap().is_none());
    let late = make(&maps, owned("late", &owner, false)).await;
    gone(&maps, &late).await;
}

#[tokio::test]
async fn a_foreground_delete_waits_for_dependents() {
    let (cluster, _guard) = running();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.admin());
    let owner = make(&maps, json!({ "metadata": { "name": "owner" } })).await;
    let mut child = owned("child", &owner, true);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let child = make(&maps, child).await;
    let marked = maps.delete("owner", &DeleteParams::foreground()).await.unwrap().left().unwrap();
    assert_eq!(marked.finalizers(), ["foregroundDeletion"]);
    let is_marked = |object: Option<&ConfigMap>| {
        object.is_some_and(|object| object.metadata.deletion_timestamp.is_some())
    };
    let wait = await_condition(maps.clone(), "child", is_marked);
    tokio::time::timeout(WAIT, wait).await.unwrap().unwrap();
    assert!(maps.get_opt("owner").await.unwrap().is_some());
    let release = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    maps.patch("child", &PatchParams::default(), &release).await.unwrap();
    gone(&maps, &owner).await;
    gone(&maps, &child).await;
}

#[tokio::test]
async fn orphans_stay() {
    let (cluster, _guard) = running();
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.admin());
    let owner = make(&maps, json!({ "metadata": { "name": "owner" } })).await;
    make(&maps, owned("child", &owner, true)).await;
    let orphan =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
    maps.delete("owner", &orphan).await.unwrap();
    gone(&maps, &owner).await;
    assert!(maps.get("child").await.unwrap().owner_references().is_empty());
}

#[tokio::test]
async fn namespaces_end_empty() {
    let (cluster, _guard) = running();
    let namespaces: Api<Namespace> = Api::all(cluster.admin());
    let team = make(&namespaces, json!({ "metadata": { "name": "team" } })).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.admin(), "team");
    let wait = await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some());
    tokio::time::timeout(WAIT, wait).await.unwrap().unwrap();
    let secrets: Api<Secret> = Api::namespaced(cluster.admin(), "team");
    let secret = make(&secrets, json!({ "metadata": { "name": "s" }, "stringData": { "k": "v" } })).await;
    assert_eq!(secret.data.as_ref().unwrap()["k"].0, b"v");
    let marked = namespaces.delete("team", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert_eq!(marked.status.unwrap().phase.as_deref(), Some("Terminating"));
    gone(&namespaces, &team).await;
    assert!(secrets.get_opt("s").await.unwrap().is_none());
}

#[tokio::test]
async fn definitions_take_their_objects_with_them() {
    let (cluster, _guard) = running();
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.admin());
    let definition = make(&definitions, json!({
        "metadata": { "name": "things.example.com" },
        "spec": {
            "group": "example.com", "scope": "Cluster", "names": { "plural": "things", "kind": "Thing" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": { "type": "object" } } }],
        },
    }))
    .await;
    let kind =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("example.com", "v1", "Thing"), "things");
    let things: Api<DynamicObject> = Api::all_with(cluster.admin(), &kind);
    things.create(&PostParams::default(), &DynamicObject::new("t", &kind)).await.unwrap();
    definitions.delete("things.example.com", &DeleteParams::default()).await.unwrap();
    gone(&definitions, &definition).await;
    let error = things.get("t").await.unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 404));
}

#[tokio::test]
async fn a_controller_with_a_finalizer_runs_on_it() {
    let (cluster, _guard) = running();
    let writes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = writes.clone();
    let observed = cluster.with_observer(Arc::new(move |request: &RequestInfo| {
        if request.is_write() {
            seen.lock().unwrap().push(format!("{} {}", request.verb, request.name));
        }
    }));
    let maps: Api<ConfigMap> = Api::default_namespaced(observed.admin());
    let reconcile = |object: Arc<ConfigMap>, maps: Arc<Api<ConfigMap>>| async move {
        finalizer(&maps, "example.com/held", object, |event| async {
            match event {
                Event::Apply(object) => {
                    let done = json!({
                        "apiVersion": "v1", "kind": "ConfigMap", "data": { "done": object.name_any() },
                    });
                    maps.patch(&object.name_any(), &PatchParams::apply("controller"), &Patch::Apply(done))
                        .await?;
                }
                Event::Cleanup(_) => {}
            }
            Ok::<_, kube::Error>(Action::await_change())
        })
        .await
    };
    let controller = Controller::new(maps.clone(), watcher::Config::default().labels("run=yes"))
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_millis(50)), Arc::new(maps.clone()))
        .for_each(|_| async {});
    let task = tokio::spawn(controller);
    let plain: Api<ConfigMap> = Api::default_namespaced(cluster.admin());
    let map = make(&plain, json!({ "metadata": { "name": "m", "labels": { "run": "yes" } } })).await;
    let is_done = |object: Option<&ConfigMap>| {
        object.is_some_and(|object| object.data.as_ref().is_some_and(|data| data.contains_key("done")))
    };
    tokio::time::timeout(WAIT, await_condition(plain.clone(), "m", is_done)).await.unwrap().unwrap();
    plain.delete("m", &DeleteParams::default()).await.unwrap();
    gone(&plain, &map).await;
    task.abort();
    let writes = writes.lock().unwrap();
    assert!(writes.iter().all(|write| write == "patch m"), "{writes:?}");
}
