//! The logs of pods, from the files that their shims write.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use bytes::Bytes;
use futures::stream;
use jiff::Timestamp;
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, BufReader},
};

use super::{
    NodeHandle,
    folder_watch::{FileChanges, FolderWatch},
};
use crate::{
    logs::{LogRequest, LogSource, LogStream},
    shim::{PodFiles, PodReport, read_json},
};

#[async_trait::async_trait]
impl LogSource for NodeHandle {
    async fn open(&self, request: LogRequest) -> io::Result<LogStream> {
        let files = self.shared.folders.pod(&request.uid);
        let report: PodReport = read_json(&files.report())?.ok_or(ErrorKind::NotFound)?;
        let newest = report.containers.get(&request.container).ok_or(ErrorKind::NotFound)?.restarts;
        let instance = if request.previous { newest.checked_sub(1) } else { Some(newest) };
        let instance = instance.ok_or(ErrorKind::NotFound)?;
        let path = files.log(&request.container, instance);
        let follows = request.follow && !request.previous;
        let follower = match follows {
            true => Some(Follower::new(&self.shared.watch, files, &path, &request.container, instance)?),
            false => None,
        };
        let reader = LogReader {
            skipped: skipped(&path, &request).await?,
            lines: BufReader::new(File::open(&path).await?),
            partial: Vec::new(),
            left: request.limit_bytes,
            timestamps: request.timestamps,
            follower,
        };
        Ok(Box::pin(stream::try_unfold(reader, |mut reader| async move {
            Ok(reader.next().await?.map(|bytes| (bytes, reader)))
        })))
    }
}

/// How many lines at the beginning are not asked for.
async fn skipped(path: &Path, request: &LogRequest) -> io::Result<u64> {
    if request.tail_lines.is_none() && request.since.is_none() {
        return Ok(0);
    }
    let mut lines = BufReader::new(File::open(path).await?);
    let (mut all, mut old, mut line) = (0_u64, 0_u64, Vec::new());
    while lines.read_until(b'\n', &mut line).await? > 0 {
        all += 1;
        // Lines are in the order of their times.
        if request.since.is_some_and(|since| time_of(&line).is_some_and(|time| time < since)) {
            old = all;
        }
        line.clear();
    }
    Ok(old.max(request.tail_lines.map_or(0, |wanted| all.saturating_sub(wanted))))
}

fn time_of(line: &[u8]) -> Option<Timestamp> {
    let end = line.iter().position(|byte| *byte == b' ')?;
    std::str::from_utf8(&line[..end]).ok()?.parse().ok()
}

/// A line as `pods/log` shows it: text alone, or after its time. A part of a line has no end; its rest comes next.
fn shown(line: &[u8], timestamps: bool) -> Vec<u8> {
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let (time, _stream, tag) = (fields.next(), fields.next(), fields.next());
    let text = fields.next().unwrap_or_default();
    let text = if tag == Some(b"P") { text.strip_suffix(b"\n").unwrap_or(text) } else { text };
    let mut shown = Vec::with_capacity(line.len());
    if let Some(time) = time.filter(|_| timestamps) {
        shown.extend_from_slice(time);
        shown.push(b' ');
    }
    shown.extend_from_slice(text);
    shown
}

/// Reads a log line by line.
struct LogReader {
    lines: BufReader<File>,
    /// The line that is being read; the shim may not have written it to its end.
    partial: Vec<u8>,
    skipped: u64,
    left: Option<u64>,
    timestamps: bool,
    follower: Option<Follower>,
}

impl LogReader {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut text = Vec::new();
        while text.is_empty() {
            if self.left == Some(0) || !self.read_line().await? {
                return Ok(None);
            }
            let line = std::mem::take(&mut self.partial);
            if self.skipped > 0 {
                self.skipped -= 1;
                continue;
            }
            text = shown(&line, self.timestamps);
            if let Some(left) = &mut self.left {
                text.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left = left.saturating_sub(u64::try_from(text.len()).unwrap_or(u64::MAX));
            }
        }
        Ok(Some(text.into()))
    }

    /// Reads a whole line; false if there is none and none will come.
    async fn read_line(&mut self) -> io::Result<bool> {
        loop {
            self.lines.read_until(b'\n', &mut self.partial).await?;
            if self.partial.ends_with(b"\n") {
                return Ok(true);
            }
            let Some(follower) = &mut self.follower else { return Ok(false) };
            if !follower.wait_for_more().await? {
                return Ok(false);
            }
        }
    }
}

/// Knows when there may be more to read, and when there will never be.
struct Follower {
    files: PodFiles,
    container: String,
    instance: u32,
    report: FileChanges,
    log: FileChanges,
    /// The instance had ended before the last read: that read all there is.
    has_ended: bool,
}

impl Follower {
    fn new(
        watch: &FolderWatch,
        files: PodFiles,
        log: &Path,
        container: &str,
        instance: u32,
    ) -> io::Result<Self> {
        Ok(Self {
            report: watch.file(&files.report()).map_err(io::Error::other)?,
            log: watch.file(log).map_err(io::Error::other)?,
            files,
            container: container.to_owned(),
            instance,
            has_ended: false,
        })
    }

    /// Waits until it is worth reading again; false if it never will be.
    async fn wait_for_more(&mut self) -> io::Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        if !self.runs()? {
            // What was written last may have come after the last read.
            self.has_ended = true;
            return Ok(true);
        }
        tokio::select! {
            () = self.report.changed() => {}
            () = self.log.changed() => {}
        }
        Ok(true)
    }

    /// Whether the instance runs, as its shim tells; one whose shim is gone does not.
    fn runs(&self) -> io::Result<bool> {
        let report: Option<PodReport> = read_json(&self.files.report())?;
        let container = report.as_ref().and_then(|report| report.containers.get(&self.container));
        let runs = container.is_some_and(|known| known.restarts == self.instance && known.is_running());
        Ok(runs && crate::shim::is_held(&self.files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_they_are_shown() {
        let cases = [
            ("2026-01-01T00:00:00.000000001Z stdout F a b\n", false, "a b\n"),
            ("2026-01-01T00:00:00.000000001Z stderr F a b\n", true, "2026-01-01T00:00:00.000000001Z a b\n"),
            ("2026-01-01T00:00:00.000000001Z stdout P half\n", false, "half"),
            ("2026-01-01T00:00:00.000000001Z stdout F \n", false, "\n"),
        ];
        for (line, timestamps, expected) in cases {
            assert_eq!(shown(line.as_bytes(), timestamps), expected.as_bytes(), "{line}");
        }
    }
}
