//! The entry point: one redactor for one run.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::forms::{base64_forms, forms};
use crate::json::redact_value;
use crate::kind::Counts;
use crate::literals::Literals;
use crate::pattern::{PATTERNS, Pattern};
use crate::secret::Secret;
use crate::stream::{ByteStream, Stream, into_text, redact_whole};
use crate::unwrapped::Unwrapped;

/// Finds and replaces secrets. Cheap to clone; knows the token patterns even when it is given no value.
#[derive(Clone)]
pub struct Redactor {
    literals: Arc<Literals>,
    /// What is also looked for in the text without its line breaks.
    wrapped: Arc<Literals>,
    too_short: usize,
}

/// A redacted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted<'text> {
    /// The text without the secrets; borrowed if there was none.
    pub text: Cow<'text, str>,
    /// The markers in it.
    pub counts: Counts,
}

impl Redactor {
    /// Prepares the search for known values and for tokens. Values shorter than [`crate::MINIMUM_LENGTH`] are not
    /// searched for; [`Redactor::too_short`] says how many there were.
    pub fn new(known: impl IntoIterator<Item = Secret>) -> Self {
        let (mut literals, mut wrapped) = (BTreeSet::new(), BTreeSet::new());
        let mut too_short = 0;
        for secret in known {
            too_short += usize::from(secret.is_too_short());
            let pieces = secret.pieces();
            wrapped.extend(pieces.iter().copied().flat_map(base64_forms));
            literals.extend(pieces.into_iter().flat_map(forms));
        }
        let (literals, wrapped) = (Literals::new(literals), Literals::of_known(wrapped));
        Self { literals: Arc::new(literals), wrapped: Arc::new(wrapped), too_short }
    }

    /// The number of known values that are too short to be searched for, empty ones included.
    pub fn too_short(&self) -> usize {
        self.too_short
    }

    /// Redacts a text. In the text of a JSON document a value may begin within an escape, which is then cut: use
    /// [`Redactor::redact_json`] where the result has to stay JSON.
    pub fn redact<'text>(&self, text: &'text str) -> Redacted<'text> {
        let (redacted, counts) = redact_whole(self, text.as_bytes());
        let text = match redacted {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(into_text(bytes)),
        };
        Redacted { text, counts }
    }

    /// Redacts bytes of any kind.
    pub fn redact_bytes<'text>(&self, bytes: &'text [u8]) -> (Cow<'text, [u8]>, Counts) {
        redact_whole(self, bytes)
    }

    /// Redacts every string of a JSON value in place, keys of objects too. Numbers stay as they are. Keys that become
    /// equal are numbered, so that no entry is lost.
    pub fn redact_json(&self, value: &mut Value) -> Counts {
        let mut counts = Counts::default();
        redact_value(self, value, &mut counts);
        counts
    }

    /// Starts the redaction of a text that arrives in chunks.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    /// Starts the redaction of bytes that arrive in chunks.
    pub fn byte_stream(&self) -> ByteStream {
        ByteStream::new(self.clone())
    }

    /// The most bytes a stream ever keeps back.
    pub fn longest_hold(&self) -> usize {
        let undecided = PATTERNS.iter().map(Pattern::longest_undecided).max().unwrap_or(0);
        self.literals.longest().max(undecided).max(Unwrapped::longest(self.wrapped.longest()))
    }

    pub(crate) fn literals(&self) -> &Literals {
        &self.literals
    }

    pub(crate) fn wrapped(&self) -> &Literals {
        &self.wrapped
    }
}

impl Default for Redactor {
    /// Knows no values, only token patterns.
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redactor(***)")
    }
}
