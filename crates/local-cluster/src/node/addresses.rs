//! Addresses of pods: on Linux all of 127.0.0.0/8 is the loopback interface, so each pod has an address of its own.
//!
//! Elsewhere every pod has 127.0.0.1, and two pods that listen on the same port cannot run side by side.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
};

use k8s_openapi::api::core::v1::Pod;

use crate::shim::PodFiles;

/// Candidates that are tried before the last is taken as it is.
const ATTEMPTS: u32 = 64;

/// The address of a pod: the one in its folder, or a free one that is then written there.
///
/// Other nodes of this machine share the addresses without knowing of each other, so candidates are spread over all of
/// them, and one on which a port of the pod is taken is passed over.
pub(crate) fn address_of(files: &PodFiles, pod: &Pod) -> io::Result<String> {
    if let Some(known) = known(files) {
        return Ok(known);
    }
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let ports = ports(pod);
    let mut candidates = (0..ATTEMPTS).map(|attempt| candidate(uid, attempt));
    let is_free = |address: &Ipv4Addr| ports.iter().all(|port| is_free(*address, *port));
    let chosen = candidates.find(is_free).unwrap_or_else(|| candidate(uid, ATTEMPTS)).to_string();
    fs::write(files.address(), &chosen)?;
    Ok(chosen)
}

fn known(files: &PodFiles) -> Option<String> {
    let address = fs::read_to_string(files.address()).ok()?;
    address.parse::<Ipv4Addr>().is_ok().then_some(address)
}

/// One of the addresses a pod may have; the first octets stay clear of addresses that systems use themselves
/// (127.0.0.0/16), the last of those that look like a network's or a broadcast's.
fn candidate(uid: &str, attempt: u32) -> Ipv4Addr {
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    let mut hasher = DefaultHasher::new();
    (uid, attempt).hash(&mut hasher);
    let digest = hasher.finish().to_le_bytes();
    let within = |byte: u8, low: u8, high: u8| low + byte % (high - low + 1);
    Ipv4Addr::new(127, within(digest[0], 1, 254), digest[1], within(digest[2], 1, 254))
}

fn ports(pod: &Pod) -> Vec<u16> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports.filter_map(|port| u16::try_from(port.container_port).ok()).collect()
}

fn is_free(address: Ipv4Addr, port: u16) -> bool {
    let bound = TcpListener::bind(SocketAddrV4::new(address, port));
    // Other errors (a port for administrators only) are the container's to meet.
    !bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pod_keeps_its_address_and_avoids_taken_ones() {
        let folder = tempfile::tempdir().unwrap();
        let first = candidate("u", 0);
        let taken = TcpListener::bind((first, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "uid": "u" },
            "spec": { "containers": [{ "name": "c", "ports": [{ "containerPort": port }] }] },
        }))
        .unwrap();
        let files = PodFiles::new(folder.path());
        let chosen = address_of(&files, &pod).unwrap();
        assert_ne!(chosen, first.to_string());
        drop(taken);
        assert_eq!(address_of(&files, &pod).unwrap(), chosen, "it is written down");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn addresses_stay_in_their_bounds() {
        for attempt in 0..500 {
            let [first, second, _, last] = candidate("some-uid", attempt).octets();
            assert!(first == 127 && (1..255).contains(&second) && (1..255).contains(&last));
        }
    }
}
