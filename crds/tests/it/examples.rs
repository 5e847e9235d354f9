//! The manifests that users copy are read and checked as a root source's would be.

use std::path::{Path, PathBuf};

use ambient_crds::manifest::{Limits, is_manifest_name, read};
use ambient_crds::validation::{CheckedObject, Scope, across, check};

/// Folders that agents work in: what is in them is theirs.
const OF_AGENTS: [&str; 2] = ["greeter", "langgraph"];

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("the examples") {
        let path = entry.expect("an entry").path();
        if OF_AGENTS.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().and_then(|name| name.to_str()).is_some_and(is_manifest_name) {
            found.push(path);
        }
    }
}

/// The objects of all manifests under a folder of `examples/`; any finding fails.
pub(crate) fn objects(folder: &str) -> Vec<CheckedObject> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(folder);
    let mut paths = Vec::new();
    files(&root, &mut paths);
    assert!(!paths.is_empty());
    let mut objects = Vec::new();
    for path in paths {
        let file = path.strip_prefix(&root).expect("below the root").display().to_string();
        let reading = read(&file, &std::fs::read(&path).expect("a file"), &Limits::default());
        assert_eq!(reading.findings, []);
        for document in &reading.documents {
            let verdict = check(document, &Scope::Root);
            let texts: Vec<String> = verdict.findings.iter().map(ToString::to_string).collect();
            assert!(texts.is_empty(), "{}", texts.join("\n"));
            objects.extend(verdict.object);
        }
    }
    objects
}

#[test]
fn every_example_is_valid() {
    let objects = objects("");
    assert_eq!(across(&objects), []);
    assert!(objects.len() >= 14, "{}", objects.len());
}

#[test]
fn the_sample_repository_holds_what_the_demo_needs() {
    let names: Vec<String> = objects("repository").iter().map(|object| object.identity.to_string()).collect();
    for needed in ["Project.vteam.ambient-code demo", "AgenticSession.vteam.ambient-code demo/first-run"] {
        assert!(names.iter().any(|name| name == needed), "{needed} is not among {names:?}");
    }
}
