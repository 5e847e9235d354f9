//! The log's digest, kept as the log grows.

use sha2::{Digest as _, Sha256};

/// SHA-256 of all bytes so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunningDigest(Sha256);

impl RunningDigest {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// `sha256:<hex>` of what has been seen.
    pub(crate) fn text(&self) -> String {
        use std::fmt::Write as _;
        self.0.clone().finalize().iter().fold(String::from("sha256:"), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_whole() {
        let mut digest = RunningDigest::default();
        digest.update(b"a");
        digest.update(b"bc");
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.text(), expected);
    }
}
