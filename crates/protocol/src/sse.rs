//! Server-sent events: frames of `GET /events` and `POST /`, written and read.
//!
//! `id:` is the event's sequence number, `data:` the event's line. A frame [`SEALED`] ends the stream of a log that
//! will not grow any more, so that a client can tell the end from a broken connection.

/// Name of the frame that ends a finished stream; its data is the last sequence number.
pub const SEALED: &str = "sealed";

/// One frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The sequence number of the event.
    pub id: Option<u64>,
    /// The frame's name, absent for ordinary events.
    pub event: Option<String>,
    /// The data, without the last line end.
    pub data: String,
}

impl Frame {
    /// The frame of one event.
    #[must_use]
    pub fn event(sequence: u64, line: &str) -> Self {
        Self { id: Some(sequence), event: None, data: line.to_owned() }
    }

    /// The frame that ends a finished stream.
    #[must_use]
    pub fn sealed(last: u64) -> Self {
        Self { id: None, event: Some(SEALED.to_owned()), data: last.to_string() }
    }

    /// The frame's bytes.
    #[must_use]
    pub fn encode(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(self.data.len() + 32);
        if let Some(id) = self.id {
            let _ = writeln!(text, "id: {id}");
        }
        if let Some(event) = &self.event {
            let _ = writeln!(text, "event: {event}");
        }
        for line in self.data.split('\n') {
            let _ = writeln!(text, "data: {line}");
        }
        text.push('\n');
        text
    }
}

/// Reads frames from chunks of a stream.
#[derive(Debug, Default)]
pub struct Decoder(ForeignDecoder);

impl Decoder {
    /// Takes a chunk and gives the frames it completes. Comments and unknown fields are passed over.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Frame> {
        let frames = self.0.push(chunk).into_iter();
        let own =
            |ForeignFrame { id, event, data }| Frame { id: id.and_then(|id| id.parse().ok()), event, data };
        frames.map(own).collect()
    }
}

/// A frame of a stream that is not ours: its id may be any text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForeignFrame {
    /// What its server calls it.
    pub id: Option<String>,
    /// The frame's name.
    pub event: Option<String>,
    /// The data, without the last line end.
    pub data: String,
}

/// Reads frames of a stream that is not ours.
#[derive(Debug, Default)]
pub struct ForeignDecoder {
    buffer: Vec<u8>,
    frame: ForeignFrame,
    has_data: bool,
}

impl ForeignDecoder {
    /// Takes a chunk and gives the frames it completes. Comments and unknown fields are passed over.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<ForeignFrame> {
        // What was there before has no line end.
        let mut searched = self.buffer.len();
        self.buffer.extend_from_slice(chunk);
        let mut frames = Vec::new();
        let mut start = 0;
        while let Some(found) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
            let end = searched + found;
            let line = String::from_utf8_lossy(&self.buffer[start..end]).into_owned();
            start = end + 1;
            searched = start;
            frames.extend(self.line(line.trim_end_matches('\r')));
        }
        self.buffer.drain(..start);
        frames
    }

    /// Bytes that are held until their frame is complete.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.len() + self.frame.data.len()
    }

    fn line(&mut self, line: &str) -> Option<ForeignFrame> {
        if line.is_empty() {
            let complete = std::mem::take(&mut self.has_data);
            let frame = std::mem::take(&mut self.frame);
            return complete.then_some(frame);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.frame.id = Some(value.to_owned()),
            "event" => self.frame.event = Some(value.to_owned()),
            "data" => {
                if self.has_data {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
                self.has_data = true;
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_chunking() {
        let frames = vec![
            Frame::event(1, r#"{"type":"RUN_STARTED"}"#),
            Frame { id: Some(2), event: Some("x".to_owned()), data: "two\nlines".to_owned() },
            Frame::event(3, "å→"),
            Frame::sealed(3),
        ];
        let mut bytes = String::from(": a comment\n\nretry: 5\n\n");
        frames.iter().for_each(|frame| bytes.push_str(&frame.encode()));
        for size in 1..bytes.len() {
            let mut decoder = Decoder::default();
            let read: Vec<_> = bytes.as_bytes().chunks(size).flat_map(|chunk| decoder.push(chunk)).collect();
            assert_eq!(read, frames, "chunks of {size}");
        }
    }

    #[test]
    fn a_frame_cut_off_is_not_given() {
        let mut decoder = Decoder::default();
        assert!(decoder.push(b"id: 1\ndata: half").is_empty());
        assert_eq!(decoder.0.held(), "data: half".len());
    }

    #[test]
    fn an_id_of_anothers_may_be_any_text() {
        let mut decoder = ForeignDecoder::default();
        let frames = decoder.push(b"event: messages\r\ndata: 1\r\nid: 17-0\r\n\r\n: heartbeat\r\n\r\n");
        let expected = ForeignFrame {
            id: Some("17-0".to_owned()),
            event: Some("messages".to_owned()),
            data: "1".to_owned(),
        };
        assert_eq!(frames, [expected]);
    }
}
