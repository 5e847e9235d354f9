//! A unified diff as files and lines with a colour each.

use super::text::clean;

/// Most lines of one patch on a page.
const LINES: usize = 3000;

/// The change of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileChange {
    /// The file's path; empty for what stands before the first file.
    pub(crate) path: String,
    /// Lines added.
    pub(crate) added: usize,
    /// Lines removed.
    pub(crate) removed: usize,
    /// Its lines.
    pub(crate) lines: Vec<Line>,
}

/// One line and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The style's class: `add`, `del`, `hunk`, `meta` or `same`.
    pub(crate) kind: &'static str,
    /// The line as it stands in the patch.
    pub(crate) text: String,
}

/// Takes a patch apart; the flag tells whether lines were left out.
pub(crate) fn files(patch: &str) -> (Vec<FileChange>, bool) {
    let text = clean(patch);
    let mut files: Vec<FileChange> = Vec::new();
    let mut remaining = Hunk::default();
    let mut lines = text.lines();
    for line in lines.by_ref().take(LINES) {
        if let Some(names) = line.strip_prefix("diff --git ") {
            remaining = Hunk::default();
            files.push(FileChange { path: path(names), ..FileChange::default() });
            continue;
        }
        let kind = remaining.kind(line);
        if files.is_empty() {
            files.push(FileChange::default());
        }
        let Some(file) = files.last_mut() else { continue };
        file.added += usize::from(kind == "add");
        file.removed += usize::from(kind == "del");
        file.lines.push(Line { kind, text: line.to_owned() });
    }
    files.retain(|file| !file.path.is_empty() || file.lines.iter().any(|line| !line.text.trim().is_empty()));
    (files, lines.next().is_some())
}

/// Lines that a hunk still has: only within a hunk does a leading `-` mean a removal, and never a header.
#[derive(Debug, Default)]
struct Hunk {
    old: usize,
    new: usize,
}

impl Hunk {
    fn is_done(&self) -> bool {
        self.old == 0 && self.new == 0
    }

    fn kind(&mut self, line: &str) -> &'static str {
        if self.is_done() {
            return match header(line) {
                Some(hunk) => {
                    *self = hunk;
                    "hunk"
                }
                None => "meta",
            };
        }
        let (old, new, kind) = match line.as_bytes().first() {
            Some(b'+') => (0, 1, "add"),
            Some(b'-') => (1, 0, "del"),
            Some(b'\\') => (0, 0, "meta"),
            Some(b' ') | None => (1, 1, "same"),
            // The hunk is shorter than it says.
            Some(_) => (self.old, self.new, "meta"),
        };
        self.old = self.old.saturating_sub(old);
        self.new = self.new.saturating_sub(new);
        kind
    }
}

/// `@@ -1,2 +3,4 @@`: how many lines of either side follow.
fn header(line: &str) -> Option<Hunk> {
    let (ranges, _) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let length = |range: &str| range.split_once(',').map_or(Some(1), |(_, length)| length.parse().ok());
    Some(Hunk { old: length(old)?, new: length(new)? })
}

/// The new name in `a/<path> b/<path>`. Both are equal but for renames, so the middle parts them.
fn path(names: &str) -> String {
    let middle = names.len() / 2;
    let equal = names
        .get(..middle)
        .zip(names.get(middle + 1..))
        .filter(|(one, other)| one.get(2..) == other.get(2..));
    let new = equal.map_or_else(|| names.rsplit(" b/").next().unwrap_or(names), |(_, other)| other);
    new.strip_prefix("b/").unwrap_or(new).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "\
diff --git a/src/a b.rs b/src/a b.rs
index 1..2 100644
--- a/src/a b.rs
+++ b/src/a b.rs
@@ -1,3 +1,3 @@ fn x()
 same
--- removed
+++ added
 same
diff --git a/old.md b/new.md
rename from old.md
rename to new.md
@@ -1 +1,2 @@
-one
\\ No newline at end of file
+one
+two
";

    #[test]
    fn lines_of_a_hunk_are_told_from_headers() {
        let (files, cut) = files(PATCH);
        assert!(!cut);
        let shown: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.added, file.removed)).collect();
        assert_eq!(shown, [("src/a b.rs", 1, 1), ("new.md", 2, 1)]);
        let kinds: Vec<_> = files[0].lines.iter().map(|line| line.kind).collect();
        assert_eq!(kinds, ["meta", "meta", "meta", "hunk", "same", "del", "add", "same"]);
    }

    #[test]
    fn a_hunk_shorter_than_it_says_ends_with_its_file() {
        let (files, _) = files("diff --git a/x b/x\n@@ -1,9 +1,9 @@\n same\ndiff --git a/y b/y\n--- a/y\n");
        let kinds: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.lines[0].kind)).collect();
        assert_eq!(kinds, [("x", "hunk"), ("y", "meta")]);
    }

    #[test]
    fn a_long_patch_is_cut() {
        let patch = format!("diff --git a/x b/x\n@@ -0,0 +1,{} @@\n{}", LINES, "+l\n".repeat(LINES));
        let (files, cut) = files(&patch);
        assert!(cut);
        assert_eq!(files[0].lines.len(), LINES - 1);
        assert_eq!(super::files(""), (vec![], false));
    }
}
