//! Mount paths and the folders that stand for them: nothing is mounted on this node.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The mounts of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounts {
    targets: BTreeMap<String, PathBuf>,
}

impl Mounts {
    /// Lets a folder or file stand for a mount path.
    pub(crate) fn insert(&mut self, path: &str, target: impl Into<PathBuf>) {
        let path = path.trim_end_matches('/');
        if !path.is_empty() {
            self.targets.insert(path.to_owned(), target.into());
        }
    }

    /// What stands for a mount path.
    pub(crate) fn target(&self, path: &str) -> Option<&Path> {
        self.targets.get(path.trim_end_matches('/')).map(PathBuf::as_path)
    }

    /// A text with the longest mount path that it begins with replaced by what stands for it.
    pub(crate) fn rewrite(&self, text: &str) -> String {
        let matching = self.targets.iter().filter_map(|(path, target)| {
            let rest = text.strip_prefix(path.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((path.len(), target, rest))
        });
        match matching.max_by_key(|(length, ..)| *length) {
            Some((_, target, rest)) => format!("{}{rest}", target.display()),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_mount_paths_are_rewritten_and_the_longest_wins() {
        let mut mounts = Mounts::default();
        mounts.insert("/data", "/pods/1/data");
        mounts.insert("/data/inner/", "/volumes/x");
        mounts.insert("/", "/never");
        for (text, expected) in [
            ("/data", "/pods/1/data"),
            ("/data/", "/pods/1/data/"),
            ("/data/a", "/pods/1/data/a"),
            ("/data/inner", "/volumes/x"),
            ("/data/inner/a", "/volumes/x/a"),
            ("/data/innermost", "/pods/1/data/innermost"),
            ("/database", "/database"),
            ("x=/data", "x=/data"),
            ("/other", "/other"),
            ("", ""),
        ] {
            assert_eq!(mounts.rewrite(text), expected, "{text}");
        }
    }
}
