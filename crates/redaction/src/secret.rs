//! A value that must not be seen, and which part of it is searched for.

use std::fmt;

/// Known values with fewer bytes are not searched for: a password `a` would blank every text.
pub const MINIMUM_LENGTH: usize = 8;

/// Only the first bytes of a longer value are searched for; it bounds the memory that a large file mounted as a secret
/// can take.
pub const MAXIMUM_LENGTH: usize = 16 * 1024;

/// Bytes of one searched piece. A long value is searched for in pieces, which bounds what a stream keeps back.
const PIECE: usize = 1024;

/// Pieces overlap by this much: base64 of one, whose edges depend on the neighbours, leaves no gap, and the last one is
/// not too short.
const OVERLAP: usize = 8;

/// Lines shorter than this are too likely to be ordinary text to be searched for on their own.
const MINIMUM_LINE: usize = 24;

/// A known secret value. `Debug` never shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes a value as it was mounted or set. Whitespace round it is not part of the secret: files often end with a
    /// newline that programs drop.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(value.into().trim_ascii().to_vec())
    }

    /// Whether the value is too short to be searched for; see [`MINIMUM_LENGTH`].
    pub fn is_too_short(&self) -> bool {
        self.0.len() < MINIMUM_LENGTH
    }

    /// Returns the byte strings that stand for this secret: the value, in overlapping pieces when it is long, and the
    /// unbroken lines of a value with several lines (tools show keys line by line, numbered or indented).
    pub(crate) fn pieces(&self) -> Vec<&[u8]> {
        if self.is_too_short() {
            return Vec::new();
        }
        let value = &self.0[..floor_character(&self.0, MAXIMUM_LENGTH)];
        let mut pieces = overlapping(value);
        if value.contains(&b'\n') {
            pieces.extend(
                value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| is_telling(line)),
            );
        }
        pieces
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

fn overlapping(value: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut start = 0;
    loop {
        let end = floor_character(value, start + PIECE);
        pieces.push(&value[start..end]);
        if end == value.len() {
            return pieces;
        }
        start = floor_character(value, end - OVERLAP);
    }
}

/// Returns the greatest index up to `limit` at which no UTF-8 character is cut (any index for other bytes).
fn floor_character(value: &[u8], limit: usize) -> usize {
    if limit >= value.len() {
        return value.len();
    }
    let continues = |index: &usize| value[*index] & 0b1100_0000 == 0b1000_0000;
    (limit.saturating_sub(3)..=limit).rev().find(|index| !continues(index)).unwrap_or(limit)
}

fn is_telling(line: &[u8]) -> bool {
    line.len() >= MINIMUM_LINE
        && line.len() <= PIECE
        && !line.starts_with(b"-----")
        && !line.iter().any(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2hunter2")), "Secret(***)");
    }

    #[test]
    fn short_values_have_no_pieces() {
        assert!(Secret::new("  1234567\n").pieces().is_empty());
        assert_eq!(Secret::new("12345678\n").pieces(), [b"12345678"]);
    }

    #[test]
    fn long_values_are_covered_by_overlapping_pieces_of_whole_characters() {
        let value = "aé€😀".repeat(700);
        let secret = Secret::new(value.as_str());
        let pieces = secret.pieces();
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE && std::str::from_utf8(piece).is_ok()));
        let covered: usize = pieces.iter().map(|piece| piece.len()).sum();
        assert!(covered >= value.len());
        assert!(
            pieces.last().is_some_and(|last| value.as_bytes().ends_with(last) && last.len() > MINIMUM_LENGTH)
        );
    }

    #[test]
    fn very_long_values_are_capped() {
        let secret = Secret::new(vec![b'x'; MAXIMUM_LENGTH * 3]);
        assert!(secret.pieces().len() <= MAXIMUM_LENGTH / (PIECE - OVERLAP) + 2);
    }

    #[test]
    fn lines_of_a_key_stand_alone_but_words_do_not() {
        let secret = Secret::new(
            "-----BEGIN PRIVATE KEY-----\n  MIIEvQIBADANBgkqhkiG9w0BAQEF\n  \"type\": \"service_account\",\nshort\n",
        );
        let lines = &secret.pieces()[1..];
        assert_eq!(lines, [b"MIIEvQIBADANBgkqhkiG9w0BAQEF"]);
    }
}
