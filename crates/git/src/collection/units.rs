//! Changes, in the units in which they are taken or left: a changed file, a new file, a new folder as a whole.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use git2::FileMode;

use super::LeftoverLimits;

/// One new or changed file or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) bytes: u64,
    /// When it was last changed, in seconds since the epoch.
    pub(super) modified: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Executable,
    Link,
}

impl Kind {
    /// What something is to Git, which keeps files and links and nothing else.
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        match metadata.file_type() {
            kind if kind.is_symlink() => Some(Self::Link),
            kind if kind.is_file() && metadata.permissions().mode() & 0o100 != 0 => Some(Self::Executable),
            kind if kind.is_file() => Some(Self::File),
            _ => None,
        }
    }

    /// Its mode in a tree.
    pub(super) fn mode(self) -> i32 {
        match self {
            Self::File => FileMode::Blob.into(),
            Self::Executable => FileMode::BlobExecutable.into(),
            Self::Link => FileMode::Link.into(),
        }
    }
}

/// Changes that are taken together or not at all: half of a folder of packages is of use to nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// The file, or the folder that is new.
    pub(super) path: PathBuf,
    pub(super) changes: Vec<Change>,
}

impl Unit {
    fn bytes(&self) -> u64 {
        self.changes.iter().fold(0, |sum, change| sum.saturating_add(change.bytes))
    }

    /// Its part of what may be taken, in millionths, of files or of bytes, whichever is more.
    fn weight(&self, limits: &LeftoverLimits) -> u128 {
        let part = |of: u128, limit: u128| of.saturating_mul(1_000_000) / limit.max(1);
        let files = |count: usize| u128::try_from(count).unwrap_or(u128::MAX);
        part(files(self.changes.len()), files(limits.files))
            .max(part(self.bytes().into(), limits.total_bytes.into()))
    }
}

/// What is taken, and words for each unit that is not. Where all is too much the largest are left, until the rest fits.
pub(super) fn choose(mut units: Vec<Unit>, limits: &LeftoverLimits) -> (Vec<Change>, Vec<String>) {
    units.sort_by_cached_key(|unit| (unit.weight(limits), unit.path.clone()));
    let mut files: usize = units.iter().map(|unit| unit.changes.len()).sum();
    let mut bytes = units.iter().fold(0, |sum: u64, unit| sum.saturating_add(unit.bytes()));
    let mut left = Vec::new();
    while (files > limits.files || bytes > limits.total_bytes)
        && let Some(unit) = units.pop()
    {
        files -= unit.changes.len();
        bytes = bytes.saturating_sub(unit.bytes());
        left.push(words(&unit, limits));
    }
    (units.into_iter().flat_map(|unit| unit.changes).collect(), left)
}

fn words(unit: &Unit, limits: &LeftoverLimits) -> String {
    let (path, most) =
        (unit.path.display(), format!("{} files and {} bytes", limits.files, limits.total_bytes));
    let bytes = unit.bytes();
    match unit.changes.len() {
        1 => {
            format!("{path} ({bytes} bytes): all that is uncommitted is more than the {most} that are taken")
        }
        // It was not looked at to its end.
        files if files > limits.files => format!("{path}/: it holds more than the {most} that are taken"),
        files => format!(
            "{path}/ ({files} files, {bytes} bytes): all that is uncommitted is more than the {most} that are taken"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths of units, and the sizes of the files of each.
    type Sizes<'a> = &'a [(&'a str, &'a [u64])];

    const LIMITS: LeftoverLimits =
        LeftoverLimits { files: 10, file_bytes: 1_000, total_bytes: 1_000, names: 10 };

    fn unit(path: &str, sizes: &[u64]) -> Unit {
        let change = |(number, bytes): (usize, &u64)| Change {
            path: format!("{path}/{number}").into(),
            kind: Kind::File,
            bytes: *bytes,
            modified: 0,
        };
        Unit { path: path.into(), changes: sizes.iter().enumerate().map(change).collect() }
    }

    #[test]
    fn of_too_much_the_largest_is_left() {
        let cases: [(Sizes<'_>, &[&str]); 5] = [
            (&[("a", &[1, 2]), ("b", &[3])], &[]),
            (&[("node_modules", &[1; 9]), ("src", &[1; 3])], &["node_modules/ (9 files, 9 bytes)"]),
            (&[("a", &[600]), ("b", &[500]), ("c", &[400])], &["a (600 bytes)"]),
            (&[("a", &[400]), ("b", &[400]), ("c", &[400])], &["c (400 bytes)"]),
            (&[("many", &[0; 11]), ("one", &[1])], &["many/: it holds more than the 10 files"]),
        ];
        for (units, left) in cases {
            let (taken, said) =
                choose(units.iter().map(|(path, sizes)| unit(path, sizes)).collect(), &LIMITS);
            assert_eq!(said.len(), left.len(), "{said:?}");
            assert!(said.iter().zip(left).all(|(said, left)| said.starts_with(left)), "{said:?}");
            assert!(taken.len() <= LIMITS.files && !taken.is_empty());
        }
    }
}
