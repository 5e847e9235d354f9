//! `crds/generated/` is what users install by hand and what reviewers see of a schema change; `docs/error-codes.md` is
//! what they look codes up in.
//!
//! To update it: `UPDATE_GENERATED=1 cargo test -p ambient-crds --test it generated`.

use std::path::{Path, PathBuf};

use ambient_crds::codes::Code;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("generated")
}

fn wanted() -> Vec<(String, String)> {
    ambient_crds::crd::all()
        .into_iter()
        .map(|definition| {
            let yaml = serde_saphyr::to_string(&definition).expect("definitions are plain data");
            let name = format!("{}.yaml", definition.spec.names.plural);
            (
                name,
                format!(
                    "# Generated from the types of ambient-crds; see crds/tests/it/generated.rs.\n{yaml}"
                ),
            )
        })
        .collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the one switch of this test")]
fn the_files_are_what_the_types_say() {
    let update = std::env::var_os("UPDATE_GENERATED").is_some();
    for (name, yaml) in wanted() {
        let path = directory().join(name);
        if update {
            std::fs::write(&path, &yaml).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == yaml,
            "{} is out of date: UPDATE_GENERATED=1 cargo test -p ambient-crds",
            path.display()
        );
    }
}

#[test]
fn no_file_is_left_over() {
    let wanted: Vec<String> = wanted().into_iter().map(|(name, _)| name).collect();
    for entry in std::fs::read_dir(directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(wanted.contains(&name), "{name} belongs to no kind");
    }
}
