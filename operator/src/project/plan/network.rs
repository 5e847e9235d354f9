//! Which way is open to and from the pods of a project's runs (rules 27 and 28).

use std::collections::BTreeMap;

use ambient_crds::labels;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::session::AGUI_PORT;

/// The port of the broker's pods.
const BROKER_PORT: u16 = 8092;

/// Operator and backend get in, to the runner alone; the broker is the one way out, where there is one.
///
/// No names are looked up in a session's pod: the broker is reached by its address, and a resolver would be a way out.
pub(super) fn policy(metadata: ObjectMeta, has_broker: bool) -> NetworkPolicy {
    let mut types = vec!["Ingress".to_owned()];
    types.extend(has_broker.then(|| "Egress".to_owned()));
    let to_broker = NetworkPolicyEgressRule {
        to: Some(vec![of_platform(Some(labels::BROKER_ACCOUNT))]),
        ports: Some(vec![tcp(BROKER_PORT)]),
    };
    NetworkPolicy {
        metadata,
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(types),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(vec![of_platform(None)]),
                ports: Some(vec![tcp(AGUI_PORT)]),
            }]),
            egress: has_broker.then(|| vec![to_broker]),
        }),
    }
}

/// Pods of the control plane: all, or those of one part.
fn of_platform(part: Option<&str>) -> NetworkPolicyPeer {
    let labelled = |name: &str, value: &str| LabelSelector {
        match_labels: Some(BTreeMap::from([(name.to_owned(), value.to_owned())])),
        ..LabelSelector::default()
    };
    NetworkPolicyPeer {
        namespace_selector: Some(labelled("kubernetes.io/metadata.name", labels::SYSTEM_NAMESPACE)),
        pod_selector: part.map(|part| labelled("app", part)),
        ..NetworkPolicyPeer::default()
    }
}

fn tcp(port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(port))),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    }
}
