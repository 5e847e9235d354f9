//! Finds the runner of a run: the address of its pod, read with the user's own token.

use ambient_crds::labels;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use super::target::Target;
use crate::error::Error;

/// The port of runners where the pod names none `agui`.
const PORT: i32 = 8001;
/// The name of that port.
const PORT_NAME: &str = "agui";

/// The label selector of a run's pods.
pub(super) fn selector(target: &Target) -> String {
    format!("{}={},{}={}", labels::SESSION, target.key.session(), labels::RUN, target.key.run())
}

/// The address of the newest attempt's runner, if one has an address.
///
/// # Errors
/// The API server's.
pub(super) async fn address(target: &Target) -> Result<Option<String>, Error> {
    let pods: Api<Pod> = Api::namespaced(target.user.client.clone(), target.key.project());
    let pods = pods.list(&ListParams::default().labels(&selector(target))).await?.items;
    let uid = target.uid();
    let serving = pods.iter().filter(|pod| is_of(pod, uid.as_deref()));
    Ok(serving.max_by_key(|pod| attempt(pod)).and_then(address_of))
}

/// The address at which a pod's runner serves; none while it has no address, or once it has ended.
pub(super) fn address_of(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let ip: std::net::IpAddr = status.pod_ip.as_deref()?.parse().ok()?;
    let port = u16::try_from(port(pod)).ok()?;
    Some(format!("http://{}", std::net::SocketAddr::new(ip, port)))
}

/// Whether a pod is of the session with this UID, and not of an earlier one with the same name.
pub(super) fn is_of(pod: &Pod, uid: Option<&str>) -> bool {
    let label = pod.labels().get(labels::SESSION_UID).map(String::as_str);
    label.is_none() || label == uid
}

fn port(pod: &Pod) -> i32 {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports.find(|port| port.name.as_deref() == Some(PORT_NAME)).map_or(PORT, |port| port.container_port)
}

fn attempt(pod: &Pod) -> u32 {
    pod.labels().get(labels::ATTEMPT).and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_given_while_the_pod_can_serve() {
        let port = serde_json::json!([{ "name": "agui", "containerPort": 9000 }]);
        for (phase, ip, ports, expected) in [
            ("Running", Some("127.0.0.7"), None, Some("http://127.0.0.7:8001")),
            ("Running", Some("127.0.0.7"), Some(port), Some("http://127.0.0.7:9000")),
            ("Running", Some("fd00::1"), None, Some("http://[fd00::1]:8001")),
            ("Pending", None, None, None),
            ("Succeeded", Some("127.0.0.7"), None, None),
            ("Running", Some("evil.example/x?"), None, None),
        ] {
            let pod: Pod = serde_json::from_value(serde_json::json!({
                "metadata": { "name": "p" },
                "spec": { "containers": [{ "name": "runner", "ports": ports }] },
                "status": { "phase": phase, "podIP": ip },
            }))
            .unwrap();
            assert_eq!(address_of(&pod).as_deref(), expected, "{phase} {ip:?}");
        }
    }

    #[test]
    fn a_pod_of_an_earlier_session_of_the_same_name_is_passed_over() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "p", "labels": { "ambient-code.io/session-uid": "u-1" } },
        }))
        .unwrap();
        assert!(is_of(&pod, Some("u-1")));
        assert!(!is_of(&pod, Some("u-2")));
        assert!(is_of(&Pod::default(), Some("u-2")));
    }
}
