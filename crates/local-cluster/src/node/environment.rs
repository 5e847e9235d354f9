//! A container's environment: pure. Values and arguments that begin with a mount path are rewritten to the folder that
//! stands for the mount, because nothing is mounted here.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Mount paths and the folders that stand for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounts {
    folders: BTreeMap<String, PathBuf>,
}

impl Mounts {
    pub(crate) fn insert(&mut self, path: &str, folder: PathBuf) {
        self.folders.insert(path.trim_end_matches('/').to_owned(), folder);
    }

    /// The folder that stands for a mount path.
    pub(crate) fn folder(&self, path: &str) -> Option<&PathBuf> {
        self.folders.get(path.trim_end_matches('/'))
    }

    /// A value with the longest mount path that it begins with replaced by its folder.
    pub(crate) fn rewrite(&self, value: &str) -> String {
        let matches = self.folders.iter().filter_map(|(path, folder)| {
            let rest = value.strip_prefix(path.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((path.len(), folder, rest))
        });
        match matches.max_by_key(|(length, ..)| *length) {
            Some((_, folder, rest)) => format!("{}{rest}", folder.display()),
            None => value.to_owned(),
        }
    }
}

/// Replaces `$(NAME)` by the value of a variable that was set before; `$$(NAME)` stays `$(NAME)`, unknown names stay.
pub(crate) fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match variables.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_mount_paths_are_rewritten_and_the_longest_wins() {
        let mut mounts = Mounts::default();
        mounts.insert("/data", "/pods/1/data".into());
        mounts.insert("/data/inner/", "/claims/x".into());
        for (value, expected) in [
            ("/data", "/pods/1/data"),
            ("/data/a", "/pods/1/data/a"),
            ("/data/inner/a", "/claims/x/a"),
            ("/database", "/database"),
            ("x=/data", "x=/data"),
            ("", ""),
        ] {
            assert_eq!(mounts.rewrite(value), expected, "{value}");
        }
    }

    #[test]
    fn variables_expand_as_in_a_kubelet() {
        let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for (text, expected) in
            [("$(A)$(B)", "1$(B)"), ("$$(A)", "$(A)"), ("a$b", "a$b"), ("$(A", "$(A"), ("100$", "100$")]
        {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
