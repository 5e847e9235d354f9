//! A checkout, from clone to bundle.

use ambient_git::{Bundle, History, Workspace};

use crate::fixture::{Fixture, git, remote};

#[tokio::test]
async fn a_branch_that_does_not_exist_is_named_and_leaves_no_folder() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let path = fixture.path("work");
    let error = Workspace::clone(&remote(&source), Some("nope"), History::Whole, &path)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("nope"), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn an_empty_repository_can_be_worked_in() {
    let fixture = Fixture::new();
    let source = fixture.path("empty.git");
    std::fs::create_dir(&source).unwrap();
    git(&source, &["init", "--quiet", "--bare"]);
    let workspace =
        Workspace::clone(&remote(&source), None, History::Whole, &fixture.path("work")).await.unwrap();
    assert_eq!(workspace.head().unwrap(), None);
}

#[tokio::test]
async fn a_bundle_that_is_none_is_refused() {
    let fixture = Fixture::new();
    let mirror = fixture.mirror("mirror");
    let file = fixture.path("bad.bundle");
    std::fs::write(&file, "no bundle").unwrap();
    assert!(mirror.take_bundle(Bundle { path: &file, reference: "refs/x" }, "bad").await.is_err());
}
