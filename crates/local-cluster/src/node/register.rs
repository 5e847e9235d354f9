//! The node's own object.

use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::HOST_ADDRESS;

/// Field manager of the node's object.
const MANAGER: &str = "local-cluster-node";
/// Pods at most, as a kubelet has it.
const PODS: &str = "110";

/// Tells the API that this node is there and ready.
pub(super) async fn register(client: &Client, name: &str) -> Result<(), kube::Error> {
    let nodes: Api<NodeObject> = Api::all(client.clone());
    let apply = PatchParams::apply(MANAGER).force();
    nodes.patch(name, &apply, &Patch::Apply(object(name))).await?;
    let known = nodes.get(name).await?.status.unwrap_or_default();
    let since = known.conditions.iter().flatten().find(|one| one.type_ == "Ready" && one.status == "True");
    let since = since.and_then(|one| one.last_transition_time.clone());
    let since = since.map_or_else(|| json!(now()), |time| json!(time));
    let patch = Patch::Merge(json!({ "status": status(name, &since, &now()) }));
    nodes.patch_status(name, &PatchParams::default(), &patch).await.map(drop)
}

fn object(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": std::env::consts::OS,
                "kubernetes.io/arch": architecture(),
            },
        },
    })
}

fn status(name: &str, since: &Value, now: &str) -> Value {
    let size = json!({ "cpu": processors().to_string(), "memory": format!("{}Ki", memory_kilobytes()), "pods": PODS });
    json!({
        "capacity": size,
        "allocatable": size,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "KubeletReady",
            "message": "the node runs pods as processes", "lastTransitionTime": since, "lastHeartbeatTime": now,
        }],
        "addresses": [
            { "type": "InternalIP", "address": HOST_ADDRESS },
            { "type": "Hostname", "address": name },
        ],
        "nodeInfo": {
            "architecture": architecture(), "operatingSystem": std::env::consts::OS,
            "bootID": "", "machineID": "", "systemUUID": "", "osImage": "", "kernelVersion": "", "kubeProxyVersion": "",
            "containerRuntimeVersion": format!("process://{}", env!("CARGO_PKG_VERSION")),
            "kubeletVersion": format!("v1.36.0-local.{}", env!("CARGO_PKG_VERSION")),
        },
    })
}

/// The processor architecture in Go's words, which are Kubernetes'.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn memory_kilobytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "the node stamps what it does")]
fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
