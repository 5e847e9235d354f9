//! Removes secrets from everything that leaves the runner.
//!
//! What reaches Git stays there, so events, transcripts, logs and results pass through here first. Two kinds of
//! secrets are found:
//!
//! - *known values*, which the platform handed to the run: as they are, and in the encodings in which tools print
//!   them (base64 at any alignment and broken over lines, URL encoding, JSON escapes);
//! - *tokens*, recognised by their shape (`ghp_...`, JSON web tokens, PEM private keys, passwords in URLs).
//!
//! The crate is pure: bytes in, bytes out. One scanner serves whole texts and streams. A byte is covered when any
//! match covers it, and each unbroken covered run becomes one marker such as `[redacted:github-token]`. A stream keeps
//! back only what may still turn out to be the start of a secret, so its output never depends on how the text was cut
//! into chunks.
//!
//! Not found: values that a program transformed otherwise (reversed, hexadecimal, compressed), numbers in JSON, known values shorter than [`MINIMUM_LENGTH`], and what comes after the first
//! [`MAXIMUM_LENGTH`] bytes of a known value.

mod class;
mod cover;
mod forms;
mod json;
mod kind;
mod literals;
mod pattern;
mod redactor;
mod scan;
mod secret;
mod stream;
mod tail;
mod unwrapped;

pub use kind::{Counts, Kind};
pub use redactor::{Redacted, Redactor};
pub use secret::{MAXIMUM_LENGTH, MINIMUM_LENGTH, Secret};
pub use stream::{ByteStream, Stream};
