//! A container's log file, in the form kubelets keep: time, stream, whether the line is whole, text.

use std::{io, path::Path, sync::Arc};

use jiff::Timestamp;
use tokio::{
    fs::File,
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    sync::Mutex,
};

/// Bytes of one line at most; a longer one is cut into parts, as container runtimes do.
const LONGEST_PART: usize = 16 * 1024;

/// One instance's log file.
#[derive(Clone)]
pub(super) struct ContainerLog {
    file: Arc<Mutex<File>>,
}

impl ContainerLog {
    /// Opens the file, making it and its folder.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        let file = std::fs::File::options().create(true).append(true).open(path)?;
        Ok(Self { file: Arc::new(Mutex::new(File::from_std(file))) })
    }

    /// Copies a stream to its end.
    pub(super) async fn copy(self, stream: impl AsyncRead + Unpin, name: &'static str) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(LONGEST_PART, stream);
        while let Some(part) = read_part(&mut reader).await? {
            let mut lines = format_part(now(), name, &part);
            // What is there already goes out in the same write.
            while lines.len() < LONGEST_PART && reader.buffer().contains(&b'\n') {
                let Some(part) = read_part(&mut reader).await? else { break };
                lines.extend(format_part(now(), name, &part));
            }
            let mut file = self.file.lock().await;
            file.write_all(&lines).await?;
            file.flush().await?;
        }
        Ok(())
    }
}

/// A line, or a part of one.
struct Part {
    text: Vec<u8>,
    is_whole: bool,
}

fn format_part(time: Timestamp, stream: &str, part: &Part) -> Vec<u8> {
    let tag = if part.is_whole { 'F' } else { 'P' };
    let mut line = format!("{time:.9} {stream} {tag} ").into_bytes();
    line.extend_from_slice(&part.text);
    line.push(b'\n');
    line
}

/// The next line without its end, or as much of it as fits; none at the end of the stream.
async fn read_part(reader: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<Part>> {
    let mut text = Vec::new();
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok((!text.is_empty()).then_some(Part { text, is_whole: false }));
        }
        let window = &available[..available.len().min(LONGEST_PART - text.len())];
        if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
            text.extend_from_slice(&window[..end]);
            reader.consume(end + 1);
            return Ok(Some(Part { text, is_whole: true }));
        }
        text.extend_from_slice(window);
        let taken = window.len();
        reader.consume(taken);
        if text.len() == LONGEST_PART {
            return Ok(Some(Part { text, is_whole: false }));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shim stamps what it sees")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_stamped_and_long_ones_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c/0.log");
        let log = ContainerLog::open(&path).unwrap();
        let long = "x".repeat(LONGEST_PART + 1);
        let text = format!("one\n\n{long}\nlast");
        log.copy(text.as_bytes(), "stdout").await.unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<(&str, &str)> = written
            .lines()
            .map(|line| {
                let mut fields = line.splitn(4, ' ');
                let time = fields.next().unwrap();
                assert!(time.parse::<Timestamp>().is_ok() && time.len() == 30, "{time}");
                assert_eq!(fields.next(), Some("stdout"));
                (fields.next().unwrap(), fields.next().unwrap())
            })
            .collect();
        let cut = &long[..LONGEST_PART];
        assert_eq!(lines, [("F", "one"), ("F", ""), ("P", cut), ("F", "x"), ("P", "last")]);
    }
}
