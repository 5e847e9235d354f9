//! The sync's judgement of manifests that are not in a repository: what a source that held them would say.

use std::sync::Arc;

use ambient_crds::finding::Finding;
use ambient_crds::manifest::Reading;
use ambient_crds::validation::Scope;

use crate::source::validate::{check_file, validate};

/// What a source would say of its files.
#[derive(Debug)]
pub struct Judgement {
    /// How many objects it would apply.
    pub objects: usize,
    /// How many of the files are JSON of other programs, which it would pass over.
    pub foreign: usize,
    /// Errors and warnings, in the order of files and lines.
    pub findings: Vec<Finding>,
}

/// Judges files, each with its path and what was read from it, in the order of their paths.
pub fn judge<'a>(files: impl IntoIterator<Item = (&'a str, Reading)>, scope: &Scope) -> Judgement {
    let mut foreign = 0;
    let checked = files.into_iter().map(|(path, reading)| {
        foreign += usize::from(reading.is_foreign);
        Arc::new(check_file(path, reading, scope))
    });
    let checked: Vec<_> = checked.collect();
    let desired = validate(&checked);
    Judgement { objects: desired.wanted.len(), foreign, findings: desired.findings }
}
