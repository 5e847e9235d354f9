//! Sets of bytes that tokens are made of, and how far a run of them reaches.

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// `A-Z a-z 0-9 _ -`, which is also the URL-safe base64 alphabet.
    Word,
    /// `Word` and the dot.
    Dotted,
    /// `A-Z 0-9`.
    UpperCase,
    /// The bytes of an HTTP bearer token (RFC 6750, section 2.1).
    Bearer,
    /// The user name in a URL. Our own marker is kept out, so that redacting twice changes nothing.
    UrlUser,
    /// The rest of the part before the host. Wider than RFC 3986, since people paste passwords unescaped.
    UrlPassword,
    /// What surrounds base64 lines of a key: line breaks and their escapes, header lines, quotes and plus signs of
    /// source code, line numbers and the arrows some tools put after them.
    Armor,
    /// `Armor`, and what a PGP version line holds besides.
    PgpArmor,
}

const CLASSES: usize = 8;

impl Class {
    pub(crate) fn contains(self, byte: u8) -> bool {
        match self {
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => Self::Word.contains(byte) || byte == b'.',
            Self::UpperCase => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Bearer => Self::Dotted.contains(byte) || matches!(byte, b'~' | b'+' | b'/' | b'='),
            Self::UrlUser => Self::UrlPassword.contains(byte) && !matches!(byte, b':' | b'@' | b'['),
            Self::UrlPassword => {
                byte > b' '
                    && byte != 0x7f
                    && !matches!(byte, b'/' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\')
            }
            Self::Armor => {
                byte.is_ascii_alphanumeric()
                    || byte.is_ascii_whitespace()
                    || !byte.is_ascii()
                    || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'\\' | b':' | b',' | b'"' | b'\'' | b'|')
            }
            Self::PgpArmor => Self::Armor.contains(byte) || matches!(byte, b'.' | b'(' | b')' | b'@'),
        }
    }
}

/// Finds ends of runs in one text. It remembers the last run of each class, so that many candidates inside one long
/// run cost no more than one.
pub(crate) struct Runs<'text> {
    text: &'text [u8],
    last: [(usize, usize); CLASSES],
}

impl<'text> Runs<'text> {
    pub(crate) fn new(text: &'text [u8]) -> Self {
        Self { text, last: [(0, 0); CLASSES] }
    }

    /// Returns the index of the first byte at or after `start` that is not in the class.
    pub(crate) fn end(&mut self, class: Class, start: usize) -> usize {
        let last = &mut self.last[class as usize];
        if !(last.0..last.1).contains(&start) {
            let rest = self.text.get(start..).unwrap_or_default();
            let length = rest.iter().position(|byte| !class.contains(*byte)).unwrap_or(rest.len());
            *last = (start, start + length);
        }
        last.1
    }
}
