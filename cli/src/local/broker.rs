//! The broker of local mode: a process of its own, because agents outlive `ambient`, and what they are lent with them.
//!
//! It is the companion of whoever started it: its standard input tells it that this one has gone. It then goes on for as
//! long as a run is bound. The next `ambient` starts a broker of its own, which waits until the one before has ended;
//! both have one address, as runs under way know no other.

use std::fs::{File, OpenOptions, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::data::DataFolder;

/// Its own folder of bindings and counts.
const STATE: &str = "state";
/// Pause before one that has ended unasked is started anew.
const PAUSE: Duration = Duration::from_millis(500);
/// How long one may take to end that nobody needs.
const FAREWELL: Duration = Duration::from_secs(2);
/// A longer log is put aside.
const LOG_LIMIT: u64 = 4 * 1024 * 1024;

/// What a broker is started with.
pub(super) struct LocalBroker {
    program: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
}

impl LocalBroker {
    /// Prepares its folder. Its address stays what it was: runs under way know no other.
    pub(super) fn prepare(data: &DataFolder, program: &Path, public_keys: &str) -> anyhow::Result<Self> {
        let folder = data.broker_folder();
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        data.write(&folder.join("public-keys"), public_keys)?;
        let address = address(data, &folder)?;
        Ok(Self { program: program.to_owned(), folder, address })
    }

    /// Where it is asked.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Keeps one running until told to end. It then goes as soon as no run is bound, and at once where `unneeded` says that
    /// no agent is running.
    pub(super) async fn keep(
        self,
        shutdown: CancellationToken,
        unneeded: CancellationToken,
    ) -> anyhow::Result<()> {
        loop {
            let mut broker = self.start()?;
            let lifeline = broker.stdin.take();
            tokio::select! {
                ended = broker.wait() => {
                    tracing::warn!(status = %ended?, log = %self.log().display(), "the broker has ended; it is started anew");
                }
                () = shutdown.cancelled() => {
                    drop(lifeline);
                    if unneeded.is_cancelled() && let Some(id) = broker.id() {
                        // It may have ended at this very moment.
                        let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGTERM);
                    }
                    // One that is needed stays.
                    let _ = tokio::time::timeout(FAREWELL, broker.wait()).await;
                    return Ok(());
                }
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return Ok(());
            }
        }
    }

    fn start(&self) -> anyhow::Result<Child> {
        let log = self.open_log()?;
        let mut command = Command::new(&self.program);
        command.args(["--log=info", "broker", "--companion", "--listen"]).arg(self.address.to_string());
        for (flag, name) in
            [("--data-dir", STATE), ("--public-keys", "public-keys"), ("--credentials", "credentials")]
        {
            command.arg(flag).arg(self.folder.join(name));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::from(log));
        command.spawn().context("cannot start the broker")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn open_log(&self) -> anyhow::Result<File> {
        let path = self.log();
        if std::fs::metadata(&path).is_ok_and(|log| log.len() > LOG_LIMIT) {
            std::fs::rename(&path, path.with_extension("old"))?;
        }
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        opened.with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The address in a file. At first it is one that is free now, and again where somebody else has taken it meanwhile: runs
/// that know it could not be served there either.
fn address(data: &DataFolder, folder: &Path) -> anyhow::Result<SocketAddr> {
    let file = folder.join("address");
    let known = match std::fs::read_to_string(&file) {
        Ok(text) => Some(text.trim().parse().with_context(|| format!("no address in {}", file.display()))?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    if let Some(address) = known.filter(|address| is_served(folder) || TcpListener::bind(address).is_ok()) {
        return Ok(address);
    }
    let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    data.write(&file, &format!("{address}\n"))?;
    Ok(address)
}

/// Whether a broker of before still has the folder, and with it the address.
fn is_served(folder: &Path) -> bool {
    let lock = File::open(folder.join(STATE).join("lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_address_outlives_it_unless_somebody_else_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let url = || LocalBroker::prepare(&data, Path::new("ambient"), "keys").unwrap().url();
        let first = url();
        assert_eq!(url(), first);
        let taken = TcpListener::bind(first.strip_prefix("http://").unwrap()).unwrap();
        let state = data.broker_folder().join(STATE);
        std::fs::create_dir_all(&state).unwrap();
        let broker = File::create(state.join("lock")).unwrap();
        broker.lock().unwrap();
        assert_eq!(url(), first, "it is the broker of before who has it");
        drop(broker);
        assert_ne!(url(), first);
        drop(taken);
    }
}
