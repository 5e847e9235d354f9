//! What tests leave that are killed. Runners wait for their acknowledgement and shims for their agent, whatever signal
//! they are sent: nobody would be left to end them.

use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Waits for the end of its input, then ends all processes that work in one of the folders or were told of one.
const SCRIPT: &str = r#"
cat > /dev/null
for round in 1 2 3 4 5; do
  found=$(
    { grep -lsa -- "/$1" /proc/[0-9]*/environ; ls -ld /proc/[0-9]*/cwd 2> /dev/null | grep -- "/$1"; } |
      grep -o '/proc/[0-9]*' | sort -u
  )
  [ -n "$found" ] || break
  for process in $found; do kill -9 "${process#/proc/}"; done
done
rm -rf "${TMPDIR:-/tmp}/$1"*
"#;

/// The end of its input is that of this process, however it comes.
static REAPER: OnceLock<ChildStdin> = OnceLock::new();

/// A folder for one run. When this process is gone, so are the processes that belong there.
pub(super) fn watched_folder() -> TempDir {
    let prefix = format!("ambient-it-{}-", std::process::id());
    REAPER.get_or_init(|| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "sh", &prefix]).stdin(Stdio::piped()).stdout(Stdio::null());
        // What ends the tests' group must not end it.
        shell.stderr(Stdio::null()).process_group(0).spawn().unwrap().stdin.take().unwrap()
    });
    tempfile::Builder::new().prefix(&prefix).tempdir().unwrap()
}
