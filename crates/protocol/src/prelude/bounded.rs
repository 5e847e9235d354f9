//! Texts and documents that do not grow without end.

use serde::Serialize;
use serde_json::Value;

/// Most bytes of one text.
pub(super) const TEXT_LIMIT: usize = 64 * 1024;
/// Stands where a text was cut.
const CUT: &str = " […]";

/// A text that comes in pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    text: String,
    is_cut: bool,
}

impl Said {
    /// Takes a piece, or what there is room for. Gives how much longer the text has become.
    pub(super) fn push(&mut self, piece: &str) -> usize {
        let before = self.text.len();
        let room = TEXT_LIMIT.saturating_sub(before);
        if !self.is_cut {
            self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
            self.is_cut = piece.len() > room;
            if self.is_cut {
                self.text.push_str(CUT);
            }
        }
        self.text.len() - before
    }

    /// Forgets what was said, which is then cut from its beginning on. Gives how much shorter the text has become.
    pub(super) fn forget(&mut self) -> usize {
        let before = std::mem::take(self).text.len();
        self.is_cut = true;
        before
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A text of at most [`TEXT_LIMIT`] bytes.
pub(super) fn cut(text: String) -> String {
    if text.len() <= TEXT_LIMIT {
        return text;
    }
    let mut said = Said::default();
    said.push(&text);
    said.into_text()
}

/// A JSON value that others change by patches. None where it grew beyond its limit, until it is told anew.
#[derive(Debug, Default)]
pub(super) struct Document(Option<Value>);

impl Document {
    pub(super) fn set(&mut self, value: &Value, limit: usize) {
        self.0 = (size(value) <= limit).then(|| value.clone());
    }

    /// A patch that does not fit leaves the value as it was. Its operations are taken one by one: each may copy all there is.
    pub(super) fn patch(&mut self, operations: &[Value], limit: usize) {
        let Some(value) = &self.0 else { return };
        let mut changed = value.clone();
        for operation in operations {
            let single = Value::Array(vec![operation.clone()]);
            let Ok(patch) = serde_json::from_value::<json_patch::Patch>(single) else { return };
            if json_patch::patch(&mut changed, &patch).is_err() {
                return;
            }
            if size(&changed) > limit {
                self.0 = None;
                return;
            }
        }
        self.0 = Some(changed);
    }

    pub(super) fn value(&self) -> Option<&Value> {
        self.0.as_ref()
    }
}

/// Bytes of a value as JSON, which is not made for it.
pub(super) fn size(value: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    // A value that cannot be written cannot be sent either.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_cut_between_letters_and_only_once() {
        let mut said = Said::default();
        let first = "a".repeat(TEXT_LIMIT - 1);
        assert_eq!(said.push(&first), TEXT_LIMIT - 1);
        assert_eq!(said.push("åb"), CUT.len());
        assert_eq!(said.push("more"), 0);
        assert_eq!(said.text(), format!("{first}{CUT}"));
        assert_eq!(cut("x".repeat(TEXT_LIMIT + 1)).len(), TEXT_LIMIT + CUT.len());
    }

    #[test]
    fn a_document_takes_patches_that_fit_and_forgets_what_grows_too_large() {
        let mut document = Document::default();
        document.set(&json!({"a": [1]}), 40);
        document.patch(&[json!({"op": "add", "path": "/a/-", "value": 2})], 40);
        document.patch(&[json!({"op": "remove", "path": "/b"})], 40);
        assert_eq!(document.value(), Some(&json!({"a": [1, 2]})));
        let copy = |to: &str| json!({"op": "copy", "from": "", "path": to});
        document.patch(&[copy("/b"), copy("/c"), copy("/d")], 40);
        assert_eq!(document.value(), None);
        document.patch(&[json!({"op": "add", "path": "", "value": 2})], 40);
        assert_eq!(document.value(), None);
    }
}
