//! Cuts a YAML stream into its documents.
//!
//! YAML forbids `---` and `...` at the start of a line inside any value of a document, so the markers can be found
//! without parsing, and a document that is no YAML does not hide the next.

use super::positions::Position;

/// The text of one document, its markers included, and the line it starts at (from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The text.
    pub(super) text: &'a str,
    /// The line of the file that the text starts at.
    pub(super) first_line: u32,
}

impl Piece<'_> {
    /// A position of the file, from a line of this text (from 1).
    pub(super) fn position(&self, line: u32) -> Position {
        Position { line: self.first_line.saturating_add(line.saturating_sub(1)), column: 1 }
    }
}

/// The documents of a stream. Pieces of nothing but comments are among them: the reader skips those.
pub(super) fn documents(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut piece = Cut { start: 0, line: 1, only_preamble: true };
    let mut offset = 0;
    let mut line_number = 1_u32;
    for line in text.split_inclusive('\n') {
        let end = offset + line.len();
        if is_marker(line, "---") {
            if !piece.only_preamble {
                pieces.push(piece.until(text, offset));
                piece = Cut { start: offset, line: line_number, only_preamble: true };
            }
            piece.only_preamble = false;
        } else if is_marker(line, "...") {
            pieces.push(piece.until(text, end));
            piece = Cut { start: end, line: line_number.saturating_add(1), only_preamble: true };
        } else if !is_preamble(line) {
            piece.only_preamble = false;
        }
        offset = end;
        line_number = line_number.saturating_add(1);
    }
    if piece.start < text.len() {
        pieces.push(piece.until(text, text.len()));
    }
    pieces
}

/// A piece that has begun. Blank lines, comments and directives before a `---` belong to the document after it.
struct Cut {
    start: usize,
    line: u32,
    only_preamble: bool,
}

impl Cut {
    fn until<'a>(&self, text: &'a str, end: usize) -> Piece<'a> {
        Piece { text: &text[self.start..end], first_line: self.line }
    }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn is_preamble(line: &str) -> bool {
    let trimmed = line.trim();
    trimmed.is_empty() || trimmed.starts_with('#') || line.starts_with('%')
}

#[cfg(test)]
mod tests {
    use super::documents;

    #[test]
    fn markers_cut_and_nothing_else_does() {
        let cases: &[(&str, &[(&str, u32)])] = &[
            ("", &[]),
            ("a: 1\n", &[("a: 1\n", 1)]),
            ("a: 1\n---\nb: 2", &[("a: 1\n", 1), ("---\nb: 2", 2)]),
            ("# hello\n---\na: 1\n", &[("# hello\n---\na: 1\n", 1)]),
            ("%YAML 1.2\n---\na: 1\n", &[("%YAML 1.2\n---\na: 1\n", 1)]),
            ("a: 1\n...\n# c\n---\nb: 2\n", &[("a: 1\n...\n", 1), ("# c\n---\nb: 2\n", 3)]),
            ("---\n---\na: 1\n", &[("---\n", 1), ("---\na: 1\n", 2)]),
            ("a: |\n  ---\n  x\n", &[("a: |\n  ---\n  x\n", 1)]),
            ("a: 1\r\n---\r\nb: 2\r\n", &[("a: 1\r\n", 1), ("---\r\nb: 2\r\n", 2)]),
            ("--- {a: 1}\n--- # x\nb: 2\n", &[("--- {a: 1}\n", 1), ("--- # x\nb: 2\n", 2)]),
            ("---a: 1\n", &[("---a: 1\n", 1)]),
        ];
        for (text, expected) in cases {
            let found: Vec<(&str, u32)> =
                documents(text).iter().map(|piece| (piece.text, piece.first_line)).collect();
            assert_eq!(&found, expected, "{text:?}");
        }
    }
}
