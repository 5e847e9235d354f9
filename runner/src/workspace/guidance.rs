//! What a folder says to agents: memory, commands, skills, settings. It is read when the folder is checked out, before
//! any agent could change it, and kept with the record: whatever an agent writes there counts for its next commit, not for its
//! next start.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Files that are read.
const FILES: [&str; 4] = ["CLAUDE.md", "GEMINI.md", ".claude/settings.json", ".ambient/ambient.json"];
/// Folders that are read, with all below them.
const FOLDERS: [&str; 4] = [".claude/agents", ".claude/commands", ".claude/skills", ".gemini/commands"];
/// Most files.
const MOST_FILES: usize = 1000;
/// Most bytes of one file.
const FILE_LIMIT: u64 = 256 * 1024;
/// Most bytes of all.
const TOTAL_LIMIT: usize = 4 * 1024 * 1024;

/// Files by their path within the folder, with `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Guidance(BTreeMap<String, String>);

impl Guidance {
    /// Reads a folder. Links are not followed; what is no text, or too much, is passed over and said in the log.
    ///
    /// # Errors
    /// Fails where a file that is there cannot be read.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        for file in FILES {
            found.take(folder, file)?;
        }
        for below in FOLDERS {
            found.walk(folder, below)?;
        }
        Ok(found)
    }

    /// The text of one file.
    pub(crate) fn file(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// All files of a folder, by their whole path.
    pub(crate) fn under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let files = self
            .0
            .iter()
            .filter(move |(path, _)| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
        files.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn walk(&mut self, root: &Path, path: &str) -> io::Result<()> {
        let entries = match fs::symlink_metadata(root.join(path)) {
            Ok(found) if found.is_dir() => fs::read_dir(root.join(path))?,
            Ok(_) => return Ok(()),
            Err(error) => return if_absent(error),
        };
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let below = format!("{path}/{name}");
            if entry.file_type()?.is_dir() {
                self.walk(root, &below)?;
            } else {
                self.take(root, &below)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, root: &Path, path: &str) -> io::Result<()> {
        let file = root.join(path);
        let size = match fs::symlink_metadata(&file) {
            Ok(found) if found.is_file() => found.len(),
            Ok(_) => return Ok(()),
            Err(error) => return if_absent(error),
        };
        let total: usize = self.0.values().map(String::len).sum();
        let fits = size <= FILE_LIMIT && total < TOTAL_LIMIT && self.0.len() < MOST_FILES;
        let text = if fits { String::from_utf8(fs::read(&file)?).ok() } else { None };
        match text {
            Some(text) => drop(self.0.insert(path.to_owned(), text)),
            None => tracing::warn!(path, "too much, or no text: agents are not told of it"),
        }
        Ok(())
    }
}

fn if_absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_agents_is_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &[u8]| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        write("CLAUDE.md", b"memory");
        write("README.md", b"for people");
        write(".claude/skills/one/SKILL.md", b"skill");
        write(".claude/skills/one/image.png", b"\xff\xfe");
        write(".claude/settings.local.json", b"{}");
        write(".claude/commands/big.md", &vec![b'a'; 300 * 1024]);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("GEMINI.md")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join(".claude/agents")).unwrap();
        let guidance = Guidance::read(folder.path()).unwrap();
        let paths: Vec<_> = guidance.0.keys().map(String::as_str).collect();
        assert_eq!(paths, [".claude/skills/one/SKILL.md", "CLAUDE.md"]);
        let skills: Vec<_> = guidance.under(".claude/skills").collect();
        assert_eq!(skills, [(".claude/skills/one/SKILL.md", "skill")]);
        assert_eq!(
            (guidance.file("CLAUDE.md"), guidance.under(".claude/skill").count()),
            (Some("memory"), 0)
        );
    }
}
