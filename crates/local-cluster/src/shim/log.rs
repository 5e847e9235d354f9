//! A container's log, in the form kubelets keep: time, stream, whether the line is whole, text.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::sync::Mutex;

/// Most bytes of one line; a longer one is cut into parts, as kubelets do.
const LINE_LIMIT: usize = 16 * 1024;

/// One container's log file.
#[derive(Clone)]
pub(super) struct ContainerLog {
    file: Arc<Mutex<File>>,
}

impl ContainerLog {
    pub(super) async fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::options().create(true).append(true).open(path).await?;
        Ok(Self { file: Arc::new(Mutex::new(file)) })
    }

    /// Copies a stream to its end.
    pub(super) async fn copy(
        self,
        stream: impl AsyncRead + Unpin,
        name: &'static str,
    ) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let (part, whole) = read_part(&mut reader).await?;
            if part.is_empty() && !whole {
                return Ok(());
            }
            let flag = if whole { 'F' } else { 'P' };
            let mut line = format!("{} {name} {flag} ", now()).into_bytes();
            line.extend_from_slice(&part);
            line.push(b'\n');
            let mut file = self.file.lock().await;
            file.write_all(&line).await?;
            file.flush().await?;
        }
    }
}

/// The next line without its end, or as much of it as fits; whether it is whole.
async fn read_part(reader: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<(Vec<u8>, bool)> {
    let mut part = Vec::new();
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok((part, false));
        }
        let room = LINE_LIMIT - part.len();
        let window = &available[..available.len().min(room)];
        if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
            part.extend_from_slice(&window[..end]);
            reader.consume(end + 1);
            return Ok((part, true));
        }
        part.extend_from_slice(window);
        let taken = window.len();
        reader.consume(taken);
        if part.len() >= LINE_LIMIT {
            return Ok((part, false));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shim stamps what it sees")]
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
