//! Following a repository and reading it.

use ambient_git::{EntryKind, GitError, Mirror};

use crate::fixture::{Fixture, commit, git, remote};

#[tokio::test]
async fn a_mirror_follows_branches_that_come_move_and_go() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let mirror = fixture.mirror("mirror");
    let first = mirror.fetch(&remote(&source)).await.unwrap();
    assert!(first.changed && first.refs.contains_key("refs/heads/main"));
    assert!(!mirror.fetch(&remote(&source)).await.unwrap().changed, "nothing has moved");

    let second = commit(&source, "dir/a.txt", "two\n");
    git(&source, &["branch", "feature"]);
    let moved = mirror.fetch(&remote(&source)).await.unwrap();
    assert!(moved.changed);
    assert_eq!(moved.refs["refs/heads/main"].to_string(), second);
    assert_eq!(mirror.branch("feature").unwrap().map(|id| id.to_string()), Some(second));

    git(&source, &["branch", "--delete", "--force", "feature"]);
    mirror.fetch(&remote(&source)).await.unwrap();
    assert_eq!(mirror.branch("feature").unwrap(), None);
}

#[tokio::test]
async fn reading_tells_absent_from_unreadable() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    commit(&source, "dir/ünï.txt", "x");
    std::os::unix::fs::symlink("README.md", source.join("link")).unwrap();
    let head = commit(&source, "dir/b.txt", "y");
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&source)).await.unwrap();
    let head = mirror.commit(head.parse().unwrap()).unwrap();

    let files: Vec<_> =
        mirror.walk(head.tree, 10, 5).unwrap().into_iter().map(|one| (one.path, one.kind)).collect();
    let file = |path: &str| (path.to_owned(), EntryKind::File);
    let expected =
        vec![file("README.md"), file("dir/b.txt"), file("dir/ünï.txt"), ("link".to_owned(), EntryKind::Link)];
    assert_eq!(files, expected);
    assert_eq!(mirror.file(head.tree, "dir/b.txt", 10).unwrap(), Some(b"y".to_vec()));
    assert_eq!(mirror.file(head.tree, "dir", 10).unwrap(), None, "a folder is no file");
    assert_eq!(mirror.entry_at(head.tree, "none/such").unwrap(), None);
    assert!(matches!(mirror.file(head.tree, "README.md", 1), Err(GitError::Limit { .. })));
    assert!(matches!(mirror.walk(head.tree, 2, 5), Err(GitError::Limit { .. })));
    let missing = "1".repeat(40).parse().unwrap();
    assert!(matches!(mirror.entry_at(missing, "x"), Err(GitError::Read { .. })));
    assert!(matches!(mirror.commit(missing), Err(GitError::Read { .. })));
}

#[tokio::test]
async fn history_is_read_by_the_commit_that_changed_a_path() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let first = commit(&source, "a.txt", "1");
    let second = commit(&source, "b.txt", "1");
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&source)).await.unwrap();
    let (first, second) = (first.parse().unwrap(), second.parse().unwrap());
    assert_eq!(mirror.last_commit_touching("a.txt", second).unwrap(), first);
    assert_eq!(mirror.last_commit_touching("b.txt", second).unwrap(), second);
    assert!(mirror.is_ancestor(first, second).unwrap());
    assert!(!mirror.is_ancestor(second, first).unwrap());
    git(&source, &["checkout", "--quiet", "--orphan", "other"]);
    let unrelated = commit(&source, "c.txt", "1").parse().unwrap();
    mirror.fetch(&remote(&source)).await.unwrap();
    assert!(!mirror.is_ancestor(first, unrelated).unwrap());
}

#[tokio::test]
async fn a_remote_that_cannot_be_read_is_an_error_and_changes_nothing() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let mirror = fixture.mirror("mirror");
    let before = mirror.fetch(&remote(&source)).await.unwrap().refs;
    std::fs::rename(&source, fixture.path("away")).unwrap();
    let error = mirror.fetch(&remote(&source)).await.unwrap_err().to_string();
    assert!(error.starts_with("git fetch:"), "{error}");
    assert_eq!(mirror.branches().unwrap(), before);
}

#[test]
fn a_repository_of_this_machine_is_read_directly_bare_or_not_and_with_packed_refs() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let head = git(&source, &["rev-parse", "HEAD"]);
    let at =
        |path: &std::path::Path| Mirror::open(path).unwrap().branch("main").unwrap().map(|id| id.to_string());
    assert_eq!(at(&source), Some(head.clone()));
    git(&source, &["pack-refs", "--all"]);
    assert_eq!(at(&source), Some(head.clone()));
    assert_eq!(at(&fixture.bare("bare", &source)), Some(head));
    assert!(Mirror::open(&fixture.path("nothing")).is_err());
}
