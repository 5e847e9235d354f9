//! The open end of a match: bytes that still belong to a token, decided one at a time.
//!
//! A token is recognised from its prefix and its least length, and may go on for ever. Following its end byte by byte
//! means that a stream never has to keep back a long token.

use crate::class::Class;

/// Words after which the next dashes end an armored key.
const END: &[u8] = b"END";

/// The dashes round the BEGIN and END words.
const DASHES: u8 = 5;

/// Follows a match to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// All bytes of the class.
    Run(Class),
    /// All bytes of the class, through the line `-----END ...-----` at most.
    Armor { class: Class, progress: Progress },
}

/// How much of the END line has been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    dashes: u8,
    letters: u8,
    closing: bool,
}

/// What one more byte means to a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The byte does not belong to the match, which is over.
    Outside,
    /// The byte belongs to the match, and more may.
    Covered(Tail),
    /// The byte is the last of the match.
    Last,
}

impl Tail {
    pub(crate) fn step(self, byte: u8) -> Step {
        match self {
            Self::Run(class) if class.contains(byte) => Step::Covered(self),
            Self::Armor { class, progress } if class.contains(byte) => match progress.step(byte) {
                Some(progress) => Step::Covered(Self::Armor { class, progress }),
                None => Step::Last,
            },
            Self::Run(_) | Self::Armor { .. } => Step::Outside,
        }
    }
}

impl Progress {
    /// Returns the progress after the byte, or nothing once the END line is complete.
    fn step(self, byte: u8) -> Option<Self> {
        if byte == b'-' {
            let dashes = (self.dashes + 1).min(DASHES);
            let complete = self.closing && dashes == DASHES;
            return (!complete).then_some(Self { dashes, letters: 0, closing: self.closing });
        }
        let follows = self.dashes == DASHES || self.letters > 0;
        if !self.closing && follows && END.get(usize::from(self.letters)) == Some(&byte) {
            let letters = self.letters + 1;
            return Some(Self { dashes: 0, letters, closing: usize::from(letters) == END.len() });
        }
        Some(Self { dashes: 0, letters: 0, closing: self.closing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(mut tail: Tail, text: &str) -> usize {
        for (index, byte) in text.bytes().enumerate() {
            match tail.step(byte) {
                Step::Covered(next) => tail = next,
                Step::Last => return index + 1,
                Step::Outside => return index,
            }
        }
        text.len()
    }

    #[test]
    fn armor_ends_with_its_end_line() {
        let armor = Tail::Armor { class: Class::Armor, progress: Progress::default() };
        for (text, rest) in [
            ("\nAAAA\n-----END RSA PRIVATE KEY-----\nprose", "\nprose"),
            ("\\nAAAA\\n-----END PRIVATE KEY-----\\nprose", "\\nprose"),
            ("AAAA------END KEY-----x", "x"),
            ("AAAA-----EN-----END-----x", "x"),
            ("AAAA; prose", "; prose"),
            ("AAAA----END KEY-----", ""),
        ] {
            assert_eq!(&text[covered(armor, text)..], rest, "{text}");
        }
    }
}
