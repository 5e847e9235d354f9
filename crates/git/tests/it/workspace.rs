//! A checkout, from clone to bundle.

use ambient_git::{Bundle, History, LeftoverCommit, Workspace};

use crate::fixture::{Fixture, commit, git, remote, signature};

#[tokio::test]
async fn what_an_agent_did_arrives_in_a_mirror() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    commit(&source, ".gitignore", "target/\n");
    let workspace =
        Workspace::clone(&remote(&source), None, History::Whole, &fixture.path("work/source")).await.unwrap();
    let base = workspace.head().unwrap().unwrap();
    assert_eq!(workspace.commit_leftovers("nothing", &signature()).unwrap(), LeftoverCommit::Nothing);

    commit(workspace.path(), "made.txt", "by the agent\n");
    std::fs::write(workspace.path().join("README.md"), "two\n").unwrap();
    std::fs::create_dir(workspace.path().join("target")).unwrap();
    std::fs::write(workspace.path().join("target/x"), "ignored").unwrap();
    let LeftoverCommit::Made(head) = workspace.commit_leftovers("the rest", &signature()).unwrap() else {
        panic!("the change of README.md is left over")
    };
    assert_eq!(workspace.count_commits(base, head).unwrap(), 2);
    assert_eq!(workspace.ignored_files(10).unwrap(), ["target/"]);
    let patch = workspace.patch(base, head).unwrap();
    assert_eq!((patch.files.len(), patch.insertions(), patch.deletions()), (2, 2, 1));
    assert!(String::from_utf8(patch.text).unwrap().contains("+by the agent"));

    let file = fixture.path("x.bundle");
    workspace.bundle(base, head, "refs/ambient/head", &file).await.unwrap();
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&source)).await.unwrap();
    let bundle = Bundle { path: &file, reference: "refs/ambient/head" };
    assert_eq!(mirror.take_bundle(bundle, "one").await.unwrap(), head);
    assert!(mirror.is_ancestor(base, head).unwrap());
    mirror.forget_bundle("one").unwrap();
    mirror.forget_bundle("one").unwrap();
}

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
    assert_eq!(workspace.commit_leftovers("x", &signature()).unwrap(), LeftoverCommit::Nothing);
}

#[tokio::test]
async fn a_bundle_that_is_none_is_refused() {
    let fixture = Fixture::new();
    let mirror = fixture.mirror("mirror");
    let file = fixture.path("bad.bundle");
    std::fs::write(&file, "no bundle").unwrap();
    assert!(mirror.take_bundle(Bundle { path: &file, reference: "refs/x" }, "bad").await.is_err());
}
