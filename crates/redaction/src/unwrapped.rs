//! Text without its line breaks: programs break base64 over lines (`base64` at 76 columns, `openssl` at 64), and a text within
//! JSON has its breaks as escapes.

/// Most bytes between two characters of a text that was broken over lines: `\\r\\n`, escaped twice.
const LONGEST_BREAK: usize = 6;
/// Stands for more than a break. No text that is searched for has this byte (UTF-8).
const GAP: u8 = 0xff;

/// What is left of a stretch of text, and where it stood.
pub(crate) struct Unwrapped {
    pub(crate) bytes: Vec<u8>,
    places: Vec<usize>,
    end: usize,
}

impl Unwrapped {
    /// Of a stretch that `before` stands before; none where nothing in it is a break. What a byte is tells the one before
    /// it alone, so that it does not matter where a stretch begins.
    pub(crate) fn of(text: &[u8], before: u8) -> Option<Self> {
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        let (mut last, mut broken) = (before, 0);
        for (place, byte) in text.iter().copied().enumerate() {
            if is_of_break(last, byte) {
                broken += 1;
            } else {
                if broken > LONGEST_BREAK {
                    bytes.push(GAP);
                    places.push(place);
                }
                bytes.push(byte);
                places.push(place);
                broken = 0;
            }
            last = byte;
        }
        if broken > LONGEST_BREAK {
            bytes.push(GAP);
            places.push(text.len());
        }
        (bytes.len() < text.len()).then_some(Self { bytes, places, end: text.len() })
    }

    /// Where a byte of what is left stood; the stretch's length for its end.
    pub(crate) fn place(&self, index: usize) -> usize {
        self.places.get(index).copied().unwrap_or(self.end)
    }

    /// The most bytes that one of so many stands for.
    pub(crate) const fn longest(bytes: usize) -> usize {
        bytes * (1 + LONGEST_BREAK)
    }
}

fn is_of_break(last: u8, byte: u8) -> bool {
    match byte {
        b'\n' | b'\r' | b'\\' => true,
        b'n' | b'r' => last == b'\\',
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_are_left_out_and_all_else_stays_in_its_place() {
        let cases = [
            (b"abc".as_slice(), b'x', None),
            (b"ab\nc", b'x', Some(b"abc".as_slice())),
            (b"ab\r\nc", b'x', Some(b"abc")),
            (br"ab\r\nc", b'x', Some(b"abc")),
            (br"ab\\r\\nc", b'x', Some(b"abc")),
            (b"nc", b'\\', Some(b"c")),
            (b"a\n\n\n\n\n\n\nb", b'x', Some(b"a\xffb")),
            (b"nr\n", b'x', Some(b"nr")),
        ];
        for (text, before, expected) in cases {
            let left = Unwrapped::of(text, before);
            assert_eq!(left.as_ref().map(|left| left.bytes.as_slice()), expected, "{text:?}");
        }
        let left = Unwrapped::of(b"ab\r\nc", b'x').unwrap();
        assert_eq!([left.place(1), left.place(2), left.place(3)], [1, 4, 5]);
    }
}
