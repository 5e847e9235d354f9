//! The bell: how a shim is made to look at its folder. The files there say what is wanted; a ring says nothing.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nix::{errno::Errno, fcntl::OFlag, sys::stat::Mode};
use tokio::net::unix::pipe;

use super::files::PodFiles;

/// The shim's end.
pub(super) struct Bell {
    receiver: pipe::Receiver,
    /// While there is a writer the pipe has no end.
    _own: pipe::Sender,
}

impl Bell {
    /// Hangs the bell into the pod's folder.
    pub(super) fn hang(path: &Path) -> io::Result<Self> {
        match nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let receiver = pipe::OpenOptions::new().open_receiver(path)?;
        let own = pipe::OpenOptions::new().open_sender(path)?;
        Ok(Self { receiver, _own: own })
    }

    /// Waits for a ring; many at once are one.
    pub(super) async fn rung(&self) -> io::Result<()> {
        let mut rings = [0; 64];
        loop {
            self.receiver.readable().await?;
            match self.receiver.try_read(&mut rings) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.map(drop),
            }
        }
    }
}

/// Rings. A shim that does not hear has ended, or looks at its folder anyway as its first act.
pub(crate) fn ring(files: &PodFiles) {
    let mut options = File::options();
    // Opening a pipe that nobody reads would wait for a reader.
    let opened = options.write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(files.bell());
    if let Ok(Err(error)) = opened.map(|mut bell| bell.write_all(b"!")) {
        tracing::debug!(folder = %files.folder().display(), %error, "the shim's bell is full");
    }
}
