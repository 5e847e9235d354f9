//! Redaction of text that arrives in chunks.

use std::borrow::Cow;
use std::fmt;

use crate::cover::Cover;
use crate::kind::Counts;
use crate::pattern::View;
use crate::redactor::Redactor;
use crate::scan::scan;

/// Redacts text that arrives in chunks, for instance the deltas of one message. One stream is one text: a secret is
/// not looked for across two streams.
#[derive(Debug)]
pub struct Stream(ByteStream);

impl Stream {
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self(ByteStream::new(redactor))
    }

    /// Takes the next chunk and returns what is now safe to show; it may be empty. At most
    /// [`Redactor::longest_hold`] bytes are kept back.
    pub fn push(&mut self, chunk: &str) -> String {
        into_text(self.0.push(chunk.as_bytes()))
    }

    /// Ends the text and returns the rest of it, with the counts of all markers.
    pub fn finish(self) -> (String, Counts) {
        let (rest, counts) = self.0.finish();
        (into_text(rest), counts)
    }
}

/// Redacts bytes that arrive in chunks, for instance the output of a process. `Debug` does not show what is kept back.
pub struct ByteStream {
    redactor: Redactor,
    held: Vec<u8>,
    before: [u8; 2],
    cover: Cover,
    counts: Counts,
}

impl ByteStream {
    pub(crate) fn new(redactor: Redactor) -> Self {
        // A text begins like a line: nothing stands before its first word.
        Self {
            redactor,
            held: Vec::new(),
            before: *b"\n\n",
            cover: Cover::default(),
            counts: Counts::default(),
        }
    }

    /// Takes the next chunk and returns what is now safe to show; it may be empty. At most
    /// [`Redactor::longest_hold`] bytes are kept back.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        self.release(false)
    }

    /// Ends the text and returns the rest of it, with the counts of all markers.
    pub fn finish(mut self) -> (Vec<u8>, Counts) {
        let rest = self.release(true);
        (rest, self.counts)
    }

    /// The number of bytes kept back now.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn release(&mut self, complete: bool) -> Vec<u8> {
        let view = View { text: &self.held, before: self.before, complete };
        let findings = scan(&self.redactor, &view);
        let settled = findings.settled;
        let mut output = Vec::with_capacity(settled);
        self.cover.write(&self.held, findings, &mut output, &mut self.counts);
        for byte in self.held.drain(..settled) {
            self.before = [self.before[1], byte];
        }
        output
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ByteStream").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

/// Redacts a whole text; borrows it when there is nothing to hide.
pub(crate) fn redact_whole<'text>(redactor: &Redactor, text: &'text [u8]) -> (Cow<'text, [u8]>, Counts) {
    let mut counts = Counts::default();
    let findings = scan(redactor, &View { text, before: *b"\n\n", complete: true });
    if findings.matches.is_empty() {
        return (Cow::Borrowed(text), counts);
    }
    let mut output = Vec::with_capacity(text.len());
    Cover::default().write(text, findings, &mut output, &mut counts);
    (Cow::Owned(output), counts)
}

/// Makes text again of redacted text. Matches never cut a character, so that nothing is lost here.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
