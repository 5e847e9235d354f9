//! A reader that follows the log at its own pace.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::watch;

use super::Progress;

/// Most bytes taken from the file at once.
const CHUNK: u64 = 64 * 1024;

/// Follows the log from one sequence number on.
#[derive(Debug)]
pub(crate) struct LogReader {
    file: File,
    progress: watch::Receiver<Progress>,
    buffer: Vec<u8>,
    /// Sequence number of the last line taken from the buffer.
    line: u64,
    /// File position behind the buffer.
    offset: u64,
    /// Lines up to this one are passed over.
    after: u64,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Lines with their sequence numbers, at least one.
    Lines(Vec<(u64, String)>),
    /// The log is at its end and will not grow; this was the last sequence number.
    Sealed(u64),
    /// Nothing has come for a while; the log may still grow.
    Quiet,
}

impl LogReader {
    pub(super) async fn open(
        path: &Path,
        progress: watch::Receiver<Progress>,
        line: u64,
        offset: u64,
        after: u64,
    ) -> io::Result<Self> {
        let mut file = File::open(path).await?;
        file.seek(io::SeekFrom::Start(offset)).await?;
        Ok(Self { file, progress, buffer: Vec::new(), line, offset, after })
    }

    /// Waits for more lines or the end, for at most `patience`.
    pub(crate) async fn next(&mut self, patience: Duration) -> io::Result<Next> {
        loop {
            let lines = self.take_lines();
            if !lines.is_empty() {
                return Ok(Next::Lines(lines));
            }
            let progress = *self.progress.borrow_and_update();
            if self.offset < progress.bytes {
                self.fill(progress.bytes).await?;
            } else if progress.sealed {
                return Ok(Next::Sealed(progress.last));
            } else {
                match tokio::time::timeout(patience, self.progress.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(closed()),
                    Err(_) => return Ok(Next::Quiet),
                }
            }
        }
    }

    /// Reads committed bytes only: what is behind them may be taken back.
    async fn fill(&mut self, committed: u64) -> io::Result<()> {
        let wanted = (committed - self.offset).min(CHUNK);
        let read = (&mut self.file).take(wanted).read_to_end(&mut self.buffer).await?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the event log was cut short"));
        }
        self.offset += u64::try_from(read).unwrap_or(wanted);
        Ok(())
    }

    fn take_lines(&mut self) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        let mut start = 0;
        while let Some(length) = self.buffer[start..].iter().position(|byte| *byte == b'\n') {
            self.line += 1;
            if self.line > self.after {
                let text = String::from_utf8_lossy(&self.buffer[start..start + length]).into_owned();
                lines.push((self.line, text));
            }
            start += length + 1;
        }
        self.buffer.drain(..start);
        lines
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the event log was closed")
}
