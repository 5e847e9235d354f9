//! The logs of all tests, for another verifier than ours: `e2e/ag-ui` asks for them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Tests may have several runs.
static COUNT: AtomicU32 = AtomicU32::new(1);

/// Leaves a copy of a log in the folder that `AMBIENT_E2E_LOGS` names, if it is set.
#[expect(clippy::disallowed_methods, reason = "the folder is the tests' argument")]
pub(super) fn keep(log: &Path) {
    let Some(folder) = std::env::var_os("AMBIENT_E2E_LOGS") else { return };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let test = std::thread::current().name().unwrap_or("log").replace("::", ".");
    // A run that was refused has no log.
    let _ = fs::copy(log, Path::new(&folder).join(format!("{test}-{number}.jsonl")));
}
