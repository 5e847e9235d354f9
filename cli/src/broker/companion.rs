//! The life of a broker beside `ambient up`: it begins when the one before has ended, and ends when nobody needs it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use ambient_broker::BoundRuns;
use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// How often it is looked whether a run is still bound. Runs end when they end: nobody waits for this.
const INTERVAL: Duration = Duration::from_secs(1);

/// A broker that somebody keeps by holding its standard input open.
pub(super) struct Companion {
    alone: CancellationToken,
}

impl Companion {
    /// Leaves the terminal, whose signals are for others, and listens for being left alone.
    pub(super) fn begin() -> anyhow::Result<Self> {
        nix::unistd::setsid().context("cannot leave the terminal's session")?;
        let alone = CancellationToken::new();
        let token = alone.clone();
        // A thread that may stay behind: reads of standard input cannot be given up.
        std::thread::spawn(move || {
            let ended = std::io::stdin().read_to_end(&mut Vec::new());
            tracing::debug!(?ended, "nobody holds standard input any more");
            token.cancel();
        });
        Ok(Self { alone })
    }

    /// Waits until no other broker has the folder; `false` if nobody needs this one by then.
    pub(super) async fn has_its_turn(&self, folder: &Path) -> anyhow::Result<bool> {
        std::fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        let (sender, free) = oneshot::channel();
        std::thread::spawn(move || {
            let locked = lock.lock();
            // The lock is for whoever serves; that it could be had is all that is wanted here.
            drop(lock);
            drop(sender.send(locked));
        });
        match self.alone.run_until_cancelled(free).await {
            None => Ok(false),
            Some(locked) => {
                locked.context("nobody waits for the lock")??;
                Ok(true)
            }
        }
    }

    /// Left alone, ends what serves as soon as no run is bound.
    pub(super) async fn end(self, bound: BoundRuns, serving: CancellationToken) {
        self.alone.cancelled().await;
        while bound.any() {
            tokio::time::sleep(INTERVAL).await;
        }
        serving.cancel();
    }
}
