//! Lines of an agent's output, bounded: a line without end costs no memory without end. What is cut is redacted first: a part
//! of a secret is not found as one.

use std::sync::{Arc, Mutex, PoisonError};

use ambient_redaction::Redactor;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;

/// Longest line that is read whole, in bytes. Tool results with file contents reach some megabytes.
pub(crate) const LINE_LIMIT: usize = 8 * 1024 * 1024;
/// Lines that may wait to be taken; then the agent waits.
const WAITING_LINES: usize = 64;
/// Bytes of standard error that are kept for messages.
const TAIL_LIMIT: usize = 4 * 1024;
/// Bytes of an overlong line that are kept.
const HEAD_LIMIT: usize = 1024;
/// Bytes of an overlong line that are redacted for that.
const REDACTED_HEAD: usize = 64 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Whole, without its end.
    Whole(String),
    /// Longer than the limit: its first characters and its length in bytes.
    Overlong {
        /// The first characters, without secrets.
        head: String,
        /// Bytes of the line.
        length: usize,
    },
}

/// Reads lines in a task of its own; the receiver ends with the stream.
pub(crate) fn read_lines(
    stream: Box<dyn AsyncRead + Send + Unpin>,
    limit: usize,
    redactor: Redactor,
) -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(WAITING_LINES);
    tokio::spawn(async move {
        let mut splitter = Splitter::new(limit, redactor);
        let mut stream = stream;
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            for line in splitter.push(&chunk[..read]) {
                if sender.send(line).await.is_err() {
                    return;
                }
            }
        }
        if let Some(line) = splitter.finish() {
            // Nobody listens any more: then nobody misses it.
            let _ = sender.send(line).await;
        }
    });
    receiver
}

#[derive(Debug)]
struct Splitter {
    limit: usize,
    redactor: Redactor,
    line: Vec<u8>,
    dropped: usize,
}

impl Splitter {
    fn new(limit: usize, redactor: Redactor) -> Self {
        Self { limit, redactor, line: Vec::new(), dropped: 0 }
    }

    fn push(&mut self, chunk: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut parts = chunk.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            self.extend(part);
            if parts.peek().is_some() {
                lines.push(self.take());
            }
        }
        lines
    }

    fn finish(&mut self) -> Option<Line> {
        (!self.line.is_empty()).then(|| self.take())
    }

    fn extend(&mut self, part: &[u8]) {
        let room = self.limit - self.line.len();
        let kept = part.len().min(room);
        self.line.extend_from_slice(&part[..kept]);
        self.dropped += part.len() - kept;
    }

    fn take(&mut self) -> Line {
        let bytes = std::mem::take(&mut self.line);
        let dropped = std::mem::take(&mut self.dropped);
        if dropped == 0 {
            let text = String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            return Line::Whole(text.trim_end_matches('\r').to_owned());
        }
        Line::Overlong { head: self.head(&bytes), length: bytes.len() + dropped }
    }

    /// What may be the beginning of a secret is left out: the stream holds it back.
    fn head(&self, line: &[u8]) -> String {
        let head = self.redactor.byte_stream().push(&line[..line.len().min(REDACTED_HEAD)]);
        let text = String::from_utf8_lossy(&head);
        text[..text.floor_char_boundary(HEAD_LIMIT)].to_owned()
    }
}

/// The end of a stream, without secrets, kept for messages. Cheap to clone; all clones are one tail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    /// Drains a stream to its end, keeping the last of it.
    pub(crate) fn drain(stream: Box<dyn AsyncRead + Send + Unpin>, redactor: &Redactor) -> Self {
        let tail = Self::default();
        let writer = tail.clone();
        let mut redaction = redactor.byte_stream();
        tokio::spawn(async move {
            let mut stream = stream;
            let mut chunk = vec![0; 8 * 1024];
            while let Ok(read @ 1..) = stream.read(&mut chunk).await {
                writer.push(&redaction.push(&chunk[..read]));
            }
            writer.push(&redaction.finish().0);
        });
        tail
    }

    /// The text, from the first whole line if it was cut.
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let text = if bytes.len() < TAIL_LIMIT {
            text.as_ref()
        } else {
            text.trim_end().split_once('\n').map_or(text.as_ref(), |(_, rest)| rest)
        };
        text.trim().to_owned()
    }

    fn push(&self, chunk: &[u8]) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(chunk);
        let excess = bytes.len().saturating_sub(TAIL_LIMIT);
        bytes.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use ambient_redaction::Secret;

    use super::*;

    /// Stands for a key.
    const SECRET: &str = "a value that nobody may see, nor a part of it";

    fn redactor() -> Redactor {
        Redactor::new([Secret::new(SECRET)])
    }

    fn split(limit: usize, chunks: &[&str]) -> Vec<Line> {
        let mut splitter = Splitter::new(limit, redactor());
        let mut lines: Vec<_> = chunks.iter().flat_map(|chunk| splitter.push(chunk.as_bytes())).collect();
        lines.extend(splitter.finish());
        lines
    }

    #[test]
    fn lines_are_joined_over_chunks_and_bounded() {
        let whole = |text: &str| Line::Whole(text.to_owned());
        let cases: Vec<(&[&str], Vec<Line>)> = vec![
            (&["a\nb\n"], vec![whole("a"), whole("b")]),
            (&["a", "b\nc"], vec![whole("ab"), whole("c")]),
            (&["a\r\n\n"], vec![whole("a"), whole("")]),
            (
                &["123456", "789\nx\n"],
                vec![Line::Overlong { head: "12345".to_owned(), length: 9 }, whole("x")],
            ),
            (&[], vec![]),
        ];
        for (chunks, expected) in cases {
            assert_eq!(split(5, chunks), expected, "{chunks:?}");
        }
    }

    #[test]
    fn no_part_of_a_secret_is_left_where_a_line_is_cut() {
        let limit = 2 * HEAD_LIMIT;
        for before in (HEAD_LIMIT - SECRET.len()..=HEAD_LIMIT).chain(limit - SECRET.len()..=limit) {
            let line = format!("{}{SECRET}{}", "x".repeat(before), "y".repeat(limit));
            let Line::Overlong { head, length } = split(limit, &[&line]).remove(0) else {
                panic!("it is too long")
            };
            assert_eq!(length, line.len());
            assert!(head.len() <= HEAD_LIMIT && !head.contains("a v"), "{before}: {head}");
        }
    }

    #[tokio::test]
    async fn no_part_of_a_secret_is_left_where_a_tail_begins() {
        for after in TAIL_LIMIT - SECRET.len()..=TAIL_LIMIT {
            let told = format!("{}{SECRET}{}\n", "x".repeat(100), "y".repeat(after - 1));
            let tail = Tail::drain(Box::new(std::io::Cursor::new(told.into_bytes())), &redactor());
            let end = "y".repeat(TAIL_LIMIT - SECRET.len() - 1);
            let read = async {
                while !tail.text().ends_with(&end) {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(60), read)
                .await
                .expect("it is read to its end");
            assert!(!tail.text().contains("of it"), "{after}: {}", tail.text());
        }
    }

    #[test]
    fn a_tail_keeps_the_end_from_a_whole_line() {
        let tail = Tail::default();
        (0..1000).for_each(|number| tail.push(format!("line {number}\n").as_bytes()));
        let text = tail.text();
        assert!(
            text.len() <= TAIL_LIMIT && text.ends_with("line 999") && text.starts_with("line "),
            "{text}"
        );
    }
}
