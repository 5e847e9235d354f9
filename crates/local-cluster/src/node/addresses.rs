//! Addresses of pods: on Linux all of 127.0.0.0/8 is the loopback interface, so each pod has an address of its own.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::folder::Folders;

/// Name of the file in a pod's folder that holds its address.
const FILE: &str = "address";
/// The first address that is given: 127.10.0.1.
const FIRST: u32 = 0x7f0a_0001;
/// How many are given before they are used again.
const MANY: u32 = 0x0010_0000;

/// Addresses in use.
#[derive(Default)]
pub(crate) struct Addresses {
    used: Mutex<(HashSet<String>, u32)>,
}

impl Addresses {
    /// Learns the addresses of the pods that are there.
    pub(crate) fn learn(&self, folders: &Folders) {
        let known = folders.uids().into_iter().filter_map(|uid| read(&folders.pod(&uid)));
        self.lock().0.extend(known);
    }

    /// The address of a pod: the one in its folder, or a free one that is then written there.
    pub(crate) fn of(&self, folder: &Path) -> std::io::Result<String> {
        if !cfg!(target_os = "linux") {
            return Ok("127.0.0.1".to_owned());
        }
        if let Some(address) = read(folder) {
            return Ok(address);
        }
        let mut used = self.lock();
        let address = loop {
            let next = FIRST + used.1 % MANY;
            used.1 = used.1.wrapping_add(1);
            let address = std::net::Ipv4Addr::from(next);
            // The last octet stays clear of what looks like a network or broadcast address.
            let usual = !matches!(address.octets()[3], 0 | 255);
            if usual && used.0.insert(address.to_string()) {
                break address.to_string();
            }
        };
        std::fs::write(folder.join(FILE), &address)?;
        Ok(address)
    }

    /// Gives an address back.
    pub(crate) fn release(&self, folder: &Path) {
        if let Some(address) = read(folder) {
            self.lock().0.remove(&address);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (HashSet<String>, u32)> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(folder: &Path) -> Option<String> {
    let address = std::fs::read_to_string(folder.join(FILE)).ok()?;
    Some(address.trim().to_owned()).filter(|address| !address.is_empty())
}
