//! Readiness probes: asked at once and often until the first success, then at their period.

use std::time::Duration;

use http_body_util::Empty;
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::sync::watch;

/// First pause between two questions before the first success; it doubles up to the probe's period.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Probes a pod for ever and tells whether all of it is ready.
pub(super) async fn run(pod: &Pod, address: &str, ready: watch::Sender<bool>) {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let probed: Vec<_> = containers.filter_map(|one| Some((one, one.readiness_probe.as_ref()?))).collect();
    let mut pause = FIRST_PAUSE;
    let mut failures = 0;
    loop {
        let mut all = true;
        for (container, probe) in &probed {
            all = all && succeeds(container, probe, address).await;
        }
        let period = probed.iter().filter_map(|(_, probe)| probe.period_seconds).min().unwrap_or(10);
        let period = Duration::from_secs(u64::try_from(period).unwrap_or(10).max(1));
        let threshold = probed.iter().filter_map(|(_, probe)| probe.failure_threshold).max().unwrap_or(3);
        failures = if all { 0 } else { failures + 1 };
        let was = *ready.borrow();
        if all != was && (all || failures >= threshold) {
            ready.send_replace(all);
        }
        pause = if *ready.borrow() { period } else { (pause * 2).min(period) };
        tokio::time::sleep(pause).await;
    }
}

async fn succeeds(container: &Container, probe: &Probe, address: &str) -> bool {
    let limit = Duration::from_secs(u64::try_from(probe.timeout_seconds.unwrap_or(1)).unwrap_or(1).max(1));
    let question = async {
        if let Some(http) = &probe.http_get {
            let Some(port) = port(container, &http.port) else { return false };
            let path = http.path.clone().unwrap_or_else(|| "/".to_owned());
            let host = http.host.clone().unwrap_or_else(|| address.to_owned());
            return http_succeeds(&format!("http://{host}:{port}{path}")).await;
        }
        if let Some(tcp) = &probe.tcp_socket {
            let Some(port) = port(container, &tcp.port) else { return false };
            return tokio::net::TcpStream::connect((address, port)).await.is_ok();
        }
        // Probes of other kinds are not asked; a container that only has such counts as ready.
        true
    };
    tokio::time::timeout(limit, question).await.unwrap_or(false)
}

async fn http_succeeds(address: &str) -> bool {
    let client: Client<HttpConnector, Empty<bytes::Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let Ok(request) = Request::get(address).body(Empty::new()) else { return false };
    client.request(request).await.is_ok_and(|answer| (200..400).contains(&answer.status().as_u16()))
}

fn port(container: &Container, port: &IntOrString) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            let named = container.ports.iter().flatten().find(|one| one.name.as_deref() == Some(name))?;
            u16::try_from(named.container_port).ok()
        }
    }
}
