//! The log's file: opened and repaired, appended to, sealed.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ambient_protocol::{Event, Prelude};
use tokio::sync::watch;

use super::digest::RunningDigest;
use super::{LogReader, Next, Progress};

/// A reader that joins late skips at most this many lines from the nearest known offset.
const INDEX_STEP: u64 = 256;

/// The event log. Cheap to clone; all clones are one log.
#[derive(Debug, Clone)]
pub(crate) struct EventLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    writer: Mutex<Writer>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug)]
struct Writer {
    file: File,
    digest: RunningDigest,
    /// Offset of line `n * INDEX_STEP + 1` at index `n`.
    offsets: Vec<u64>,
}

impl EventLog {
    /// Opens the log or makes an empty one. A last line that a crash cut short is removed; every line kept is given
    /// to `each`, in order.
    pub(crate) fn open(path: &Path, mut each: impl FnMut(&str)) -> Result<Self, LogError> {
        let wrap = |cause| LogError::Open { path: path.display().to_string(), cause };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(wrap)?;
        let mut writer = Writer { file, digest: RunningDigest::default(), offsets: vec![0] };
        let progress = recover(&mut writer, &mut each).map_err(wrap)?;
        let shared = Shared {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            progress: watch::Sender::new(progress),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Appends an event and gives its sequence number. A line that could not be written whole is taken back.
    pub(crate) fn append(&self, event: &Event) -> Result<u64, LogError> {
        let mut line = event.to_json();
        line.push('\n');
        let mut writer = self.writer();
        let before = *self.shared.progress.borrow();
        if before.sealed {
            return Err(LogError::Sealed);
        }
        if let Err(cause) = writer.file.write_all(line.as_bytes()) {
            writer.take_back(before.bytes);
            return Err(LogError::Append(cause));
        }
        let progress = writer.committed(before, line.as_bytes());
        self.shared.progress.send_replace(progress);
        Ok(progress.last)
    }

    /// How far the log has got.
    pub(crate) fn progress(&self) -> Progress {
        *self.shared.progress.borrow()
    }

    /// `sha256:<hex>` of the log as it is now.
    pub(crate) fn digest(&self) -> String {
        self.writer().digest.text()
    }

    /// Makes all lines survive a crash of the machine.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.writer().file.sync_all().map_err(LogError::Append)
    }

    /// Says that the log will not grow any more: streams of it end.
    pub(crate) fn seal(&self) {
        self.shared.progress.send_modify(|progress| progress.sealed = true);
    }

    /// Reads from after a sequence number.
    pub(crate) async fn read_after(&self, after: u64) -> io::Result<LogReader> {
        let after = after.min(self.progress().last);
        let slot = after / INDEX_STEP;
        let offset = self.writer().offsets.get(usize::try_from(slot).unwrap_or(usize::MAX)).copied();
        let (line, offset) = offset.map_or((0, 0), |offset| (slot * INDEX_STEP, offset));
        LogReader::open(&self.shared.path, self.shared.progress.subscribe(), line, offset, after).await
    }

    /// What a client needs that joins after a sequence number. The log is read for it: nothing of it is kept in memory.
    pub(crate) async fn prelude(&self, after: u64) -> io::Result<Prelude> {
        let mut prelude = Prelude::default();
        let mut reader = self.read_after(0).await?;
        let mut read = 0;
        while read < after
            && let Next::Lines(lines) = reader.next(Duration::ZERO).await?
        {
            for (sequence, line) in lines.iter().filter(|(sequence, _)| *sequence <= after) {
                prelude.apply_line(line);
                read = *sequence;
            }
        }
        Ok(prelude)
    }

    /// Nothing within the lock panics, so a poisoned lock still guards whole state.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn committed(&mut self, before: Progress, line: &[u8]) -> Progress {
        self.digest.update(line);
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let progress = Progress { last: before.last + 1, bytes: before.bytes + length, ..before };
        if progress.last.is_multiple_of(INDEX_STEP) {
            self.offsets.push(progress.bytes);
        }
        progress
    }

    /// The rest of a failed write would join the next line; if even this fails, opening the log again repairs it.
    fn take_back(&mut self, bytes: u64) {
        let shortened = self.file.set_len(bytes).and_then(|()| self.file.seek(SeekFrom::Start(bytes)));
        if let Err(error) = shortened {
            tracing::error!(%error, "cannot take back a torn line of the event log");
        }
    }
}

fn recover(writer: &mut Writer, each: &mut impl FnMut(&str)) -> io::Result<Progress> {
    let mut progress = Progress::default();
    let mut reader = BufReader::new(writer.file.try_clone()?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        progress = writer.committed(progress, &line);
        each(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    if !line.is_empty() {
        tracing::warn!(log.bytes = line.len(), "removed a torn last line of the event log");
    }
    writer.file.set_len(progress.bytes)?;
    writer.file.seek(SeekFrom::Start(progress.bytes))?;
    Ok(progress)
}

/// The log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be opened or read through.
    #[error("cannot open the event log {path}: {cause}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A line cannot be written, for instance because the disk is full.
    #[error("cannot write the event log: {0}")]
    Append(#[source] io::Error),
    /// The agent has said as much as it may.
    #[error("the run's events have reached {0} bytes, and its agent was ended: a run may not say more")]
    Full(u64),
    /// The run has ended.
    #[error("the event log is sealed: the run has ended")]
    Sealed,
}
