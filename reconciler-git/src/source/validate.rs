//! The second step, pure: from files to what Git wants. One bad document stops itself, not its neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ambient_crds::codes::Code;
use ambient_crds::finding::{Finding, Place};
use ambient_crds::manifest::Reading;
use ambient_crds::names::ObjectIdentity;
use ambient_crds::validation::{self, Scope};

use super::wanted::Wanted;

/// A file whose documents were checked each for itself. It depends on path, content and scope alone, so it is kept
/// while the file does not change.
#[derive(Debug)]
pub(crate) struct ValidFile {
    /// Its path in the repository.
    pub(crate) path: String,
    documents: Vec<ValidDocument>,
    findings: Vec<Finding>,
    clarity: Clarity,
}

/// How much of what a file describes is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Clarity {
    /// All of it.
    Clear,
    /// Some document does not say which object it is.
    Doubtful,
    /// Some part is no YAML, or could not be read at all.
    Unreadable,
}

#[derive(Debug)]
struct ValidDocument {
    identity: ObjectIdentity,
    place: Place,
    wanted: Option<Arc<Wanted>>,
}

/// What Git wants, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    /// The objects to apply.
    pub(crate) wanted: BTreeMap<ObjectIdentity, Arc<Wanted>>,
    /// Objects that Git describes but that cannot be applied. They are not deleted.
    pub(crate) refused: BTreeSet<ObjectIdentity>,
    /// Files of which it is not known what all of them describes.
    pub(crate) doubtful: BTreeSet<String>,
    /// Those among them of which some part could not even be read.
    pub(crate) unreadable: BTreeSet<String>,
    /// All files that were found.
    pub(crate) files: BTreeSet<String>,
    /// Errors and warnings, in the order of files and lines.
    pub(crate) findings: Vec<Finding>,
}

impl Desired {
    /// Whether Git holds nothing at all: no object, not even a broken one.
    pub(crate) fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.refused.is_empty() && self.doubtful.is_empty()
    }

    /// Whether Git describes this object, be it well or badly.
    pub(crate) fn describes(&self, identity: &ObjectIdentity) -> bool {
        self.wanted.contains_key(identity) || self.refused.contains(identity)
    }

    /// How many objects Git describes.
    pub(crate) fn total(&self) -> usize {
        self.wanted.len() + self.refused.len()
    }

    /// Whether something that could not be read might be what this file once described: the file itself, or, if the
    /// file is gone, one that it may have been renamed to.
    pub(crate) fn may_hide(&self, recorded_file: Option<&str>) -> bool {
        match recorded_file {
            None => !self.unreadable.is_empty(),
            Some(file) if self.files.contains(file) => self.doubtful.contains(file),
            Some(file) => self.unreadable.iter().any(|other| may_be_renamed(file, other)),
        }
    }
}

/// Files are moved with their name, or renamed in their folder; whoever does both at once and breaks the file as well
/// is not helped.
fn may_be_renamed(from: &str, to: &str) -> bool {
    let parts = |path: &str| match path.rsplit_once('/') {
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => (String::new(), path.to_owned()),
    };
    let (from, to) = (parts(from), parts(to));
    from.0 == to.0 || from.1 == to.1
}

/// Checks the documents of a file.
pub(crate) fn check_file(path: &str, reading: Reading, scope: &Scope) -> ValidFile {
    let mut file = ValidFile {
        path: path.to_owned(),
        documents: Vec::with_capacity(reading.documents.len()),
        clarity: clarity_of(&reading),
        findings: reading.findings,
    };
    for document in reading.documents {
        let verdict = validation::check(&document, scope);
        let foreign = verdict.findings.iter().any(|finding| is_foreign(finding.code));
        file.findings.extend(verdict.findings);
        let place = document.place();
        let document = Arc::new(document);
        let Some(identity) = verdict.identity else {
            file.clarity = file.clarity.max(if foreign { Clarity::Clear } else { Clarity::Doubtful });
            continue;
        };
        let wanted = verdict.object.map(|checked| Arc::new(Wanted { checked, document }));
        file.documents.push(ValidDocument { identity, place, wanted });
    }
    file
}

fn clarity_of(reading: &Reading) -> Clarity {
    match reading.findings.iter().any(Finding::is_error) {
        true => Clarity::Unreadable,
        // It is passed over, but if it once described an object it may be broken.
        false if reading.is_foreign => Clarity::Doubtful,
        false => Clarity::Clear,
    }
}

/// Whether a document is refused because it is certainly no object of ours.
fn is_foreign(code: Code) -> bool {
    matches!(code, Code::UnknownKind | Code::SecretInGit)
}

/// Checks what only shows across files.
pub(crate) fn validate<'a>(files: impl IntoIterator<Item = &'a Arc<ValidFile>>) -> Desired {
    let mut desired = Desired::default();
    let mut first: BTreeMap<&ObjectIdentity, &Place> = BTreeMap::new();
    for file in files {
        desired.files.insert(file.path.clone());
        if file.clarity >= Clarity::Doubtful {
            desired.doubtful.insert(file.path.clone());
        }
        if file.clarity == Clarity::Unreadable {
            desired.unreadable.insert(file.path.clone());
        }
        desired.findings.extend(file.findings.iter().cloned());
        for document in &file.documents {
            if let Some(other) = first.insert(&document.identity, &document.place) {
                desired.findings.push(duplicate(document, other));
                desired.refuse(&document.identity);
                continue;
            }
            match &document.wanted {
                Some(wanted) => {
                    desired.wanted.insert(document.identity.clone(), Arc::clone(wanted));
                }
                None => desired.refuse(&document.identity),
            }
        }
    }
    desired.refuse_circles();
    desired.findings.sort_by(|one, other| one.place.cmp(&other.place));
    desired
}

impl Desired {
    fn refuse(&mut self, identity: &ObjectIdentity) {
        self.wanted.remove(identity);
        self.refused.insert(identity.clone());
    }

    /// Refuses sessions that wait for each other. Duplicates are found before, with objects that are refused included.
    fn refuse_circles(&mut self) {
        let objects: Vec<&validation::CheckedObject> =
            self.wanted.values().map(|wanted| &wanted.checked).collect();
        let mut findings = validation::across(objects.iter().copied());
        findings.retain(|finding| finding.code != Code::Duplicate);
        let in_circle = |object: &&&validation::CheckedObject| {
            findings.iter().any(|finding| finding.is_error() && finding.place == object.place)
        };
        let refused: Vec<ObjectIdentity> =
            objects.iter().filter(in_circle).map(|object| object.identity.clone()).collect();
        refused.iter().for_each(|identity| self.refuse(identity));
        self.findings.extend(findings);
    }
}

/// Neither of two descriptions is applied: which one is meant cannot be told.
fn duplicate(document: &ValidDocument, other: &Place) -> Finding {
    let message =
        format!("{} is also described at {other}; neither is applied, remove one", document.identity);
    Finding { place: document.place.clone(), code: Code::Duplicate, message }
}
