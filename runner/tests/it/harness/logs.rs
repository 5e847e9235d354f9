//! The logs of all tests, for another verifier than ours: `e2e/ag-ui` asks for them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use ambient_protocol::Prelude;

/// Tests may have several runs.
static COUNT: AtomicU32 = AtomicU32::new(1);

/// Leaves a copy of a log, and what clients read of it that join at some places, in the folder that `AMBIENT_E2E_LOGS` names, if it is set.
#[expect(clippy::disallowed_methods, reason = "the folder is the tests' argument")]
pub(super) fn keep(log: &Path) {
    let Some(folder) = std::env::var_os("AMBIENT_E2E_LOGS") else { return };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let test = std::thread::current().name().unwrap_or("log").replace("::", ".");
    // A run that was refused has no log.
    let Ok(text) = fs::read_to_string(log) else { return };
    let path = |place: &str| Path::new(&folder).join(format!("{test}-{number}{place}.jsonl"));
    fs::write(path(""), &text).unwrap();
    let lines: Vec<_> = text.lines().collect();
    for after in (1..4).map(|part| lines.len() * part / 4).filter(|after| *after > 0) {
        fs::write(path(&format!("-joined-after-{after}")), joined(&lines, after)).unwrap();
    }
}

/// What a client reads that joins after so many events.
fn joined(lines: &[&str], after: usize) -> String {
    let mut prelude = Prelude::default();
    lines[..after].iter().for_each(|line| prelude.apply_line(line));
    let prelude = prelude.events().into_iter().map(|event| event.to_json());
    prelude.chain(lines[after..].iter().map(|line| (*line).to_owned())).map(|line| line + "\n").collect()
}
