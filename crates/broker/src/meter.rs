//! Reads what an answer says it used, as it passes by. Chunks are looked at and never changed or kept back.

use std::time::Duration;

use ambient_protocol::broker::TokenCounts;
use serde_json::Value;

use crate::dialect::Dialect;
use crate::estimate::Estimate;
use crate::said::Said;

/// One line of a stream, or a whole answer that is no stream, is not read beyond this; then the count is an estimate.
const LIMIT: usize = 32 * 1024 * 1024;

/// Fields of an event stream that hold nothing of an answer, and comments.
const NO_DATA: [&[u8]; 4] = [b"event:", b"id:", b"retry:", b":"];

/// Looks on as one answer passes.
pub(crate) struct Meter {
    dialect: Dialect,
    is_stream: bool,
    estimate: Estimate,
    buffer: Vec<u8>,
    is_over_limit: bool,
    said: Said,
}

impl Meter {
    /// Makes a meter for an answer that is a stream of events, or one JSON text.
    pub(crate) fn new(dialect: Dialect, is_stream: bool, estimate: Estimate) -> Self {
        let (buffer, said) = (Vec::new(), Said::default());
        Self { dialect, is_stream, estimate, buffer, is_over_limit: false, said }
    }

    /// Looks at a chunk. Gives whether more tokens are known than before.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> bool {
        let before = self.said.tokens;
        if !self.is_stream {
            self.keep(chunk);
            return false;
        }
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.keep(&rest[..end]);
            rest = &rest[end + 1..];
            self.line();
        }
        self.keep(rest);
        self.said.tokens != before
    }

    /// Ends the answer, so long after it was asked for. Gives its tokens, and whether they are an estimate: where the
    /// service has not said all.
    pub(crate) fn finish(mut self, elapsed: Duration) -> (TokenCounts, bool) {
        if self.is_stream {
            self.line();
        } else if let Some(value) = self.whole() {
            self.said.look(self.dialect, &value, false);
        } else {
            self.unreadable(self.buffer.len());
        }
        self.tokens(elapsed)
    }

    /// What is known by now, estimates in the place of what is not.
    pub(crate) fn tokens(&self, elapsed: Duration) -> (TokenCounts, bool) {
        if self.said.is_told() {
            return (self.said.tokens, false);
        }
        (self.estimate.complete(self.said.tokens, self.said.written, elapsed), true)
    }

    fn whole(&self) -> Option<Value> {
        if self.is_over_limit { None } else { serde_json::from_slice(&self.buffer).ok() }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > LIMIT {
            self.is_over_limit = true;
            self.unreadable(bytes.len());
            return;
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn line(&mut self) {
        let line = std::mem::take(&mut self.buffer);
        let is_cut = std::mem::take(&mut self.is_over_limit);
        let data = line.strip_prefix(b"data:").unwrap_or(&line).trim_ascii();
        if is_cut {
            self.unreadable(line.len());
        } else if !data.is_empty()
            && data != b"[DONE]"
            && !NO_DATA.iter().any(|field| data.starts_with(field))
        {
            match serde_json::from_slice::<Value>(data) {
                Ok(value) => self.said.look(self.dialect, &value, true),
                Err(_) => self.unreadable(data.len()),
            }
        }
        // The next line needs about as much room.
        self.buffer = line;
        self.buffer.clear();
    }

    /// Counts what cannot be read as written by the model.
    fn unreadable(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.said.written = self.said.written.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests;
