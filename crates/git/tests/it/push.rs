//! Writing to a repository elsewhere.

use std::path::Path;

use ambient_git::{CommitBuilder, Mirror, ObjectId, Push, RefResult, RefUpdate, Rejection};

use crate::fixture::{Fixture, commit, git, remote, signature};

const BRANCH: &str = "refs/heads/results";

async fn push(mirror: &Mirror, to: &Path, new: ObjectId, old: Option<ObjectId>) -> Result<(), Rejection> {
    let update = RefUpdate { name: BRANCH.to_owned(), new: Some(new), expected_old: old };
    let push = Push { updates: vec![update], atomic: false };
    let mut results: Vec<RefResult> = mirror.push(&remote(to), &push).await.unwrap();
    results.remove(0).result
}

/// One commit with one file more on top of what the branch is at.
fn next(mirror: &Mirror, tip: Option<ObjectId>, file: &str) -> ObjectId {
    let mut builder = match tip {
        Some(tip) => CommitBuilder::on(mirror, tip).unwrap(),
        None => CommitBuilder::parentless(),
    };
    builder.put(file, file.as_bytes().to_vec()).write(mirror, &signature(), file).unwrap()
}

#[tokio::test]
async fn a_push_compares_and_swaps() {
    let fixture = Fixture::new();
    let target = fixture.repository("target");
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&target)).await.unwrap();
    let first = next(&mirror, None, "a/1");
    assert_eq!(push(&mirror, &target, first, None).await, Ok(()));
    assert_eq!(push(&mirror, &target, first, Some(first)).await, Ok(()), "a repeated push changes nothing");
    let second = next(&mirror, Some(first), "a/2");
    assert_eq!(push(&mirror, &target, second, None).await, Err(Rejection::Stale), "it exists");
    assert_eq!(push(&mirror, &target, second, Some(first)).await, Ok(()));
    let rival = next(&mirror, Some(first), "a/3");
    assert_eq!(push(&mirror, &target, rival, Some(first)).await, Err(Rejection::Stale), "it has moved");
    assert_eq!(git(&target, &["ls-tree", "-r", "--name-only", "results"]), "a/1\na/2");
}

#[tokio::test]
async fn the_branch_that_is_checked_out_is_left_alone() {
    let fixture = Fixture::new();
    let target = fixture.repository("target");
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&target)).await.unwrap();
    let tip = mirror.branch("main").unwrap();
    let update = RefUpdate {
        name: "refs/heads/main".to_owned(),
        new: Some(next(&mirror, tip, "x")),
        expected_old: tip,
    };
    let results =
        mirror.push(&remote(&target), &Push { updates: vec![update], atomic: false }).await.unwrap();
    assert_eq!(results[0].result, Err(Rejection::CheckedOut));
    assert_eq!(git(&target, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn an_atomic_push_moves_all_or_none() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let target = fixture.bare("target", &source);
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&target)).await.unwrap();
    let new = next(&mirror, None, "x");
    let update = |name: &str, old| RefUpdate { name: name.to_owned(), new: Some(new), expected_old: old };
    let updates = vec![update(BRANCH, None), update("refs/ambient/x", Some(new))];
    let results = mirror.push(&remote(&target), &Push { updates, atomic: true }).await.unwrap();
    assert!(results.iter().all(|result| result.result.is_err()), "{results:?}");
    assert_eq!(git(&target, &["for-each-ref", "--format=%(refname)", "refs/heads/results"]), "");
}

#[tokio::test]
async fn eight_writers_lose_nothing() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let target = fixture.bare("target", &source);
    let writer = async |number: usize| {
        let mirror = fixture.mirror(&format!("mirror-{number}"));
        for round in 0..4 {
            loop {
                mirror.fetch(&remote(&target)).await.unwrap();
                let tip = mirror.branch("results").unwrap();
                let new = next(&mirror, tip, &format!("{number}/{round}"));
                if push(&mirror, &target, new, tip).await.is_ok() {
                    break;
                }
            }
        }
    };
    futures_join_all((0..8).map(writer)).await;
    assert_eq!(git(&target, &["ls-tree", "-r", "--name-only", "results"]).lines().count(), 32);
    assert_eq!(git(&target, &["rev-list", "--count", "results"]), "32", "linear: a commit for each write");
    assert_eq!(git(&target, &["rev-list", "--count", "--merges", "results"]), "0");
    git(&target, &["fsck", "--strict"]);
}

async fn futures_join_all(work: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut work: Vec<_> = work.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        work.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if work.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn files_are_laid_over_a_tree_and_modes_are_kept() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    std::fs::write(source.join("run.sh"), "#!/bin/sh\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(source.join("run.sh"), executable).unwrap();
    commit(&source, "a/b/c", "x");
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&source)).await.unwrap();
    let tip = mirror.branch("main").unwrap().unwrap();
    let mut builder = CommitBuilder::on(&mirror, tip).unwrap();
    builder
        .put("run.sh", b"#!/bin/sh\necho\n".to_vec())
        .remove("a/b/c")
        .remove("no/such")
        .put("a/d", b"y".to_vec());
    let id = builder.write(&mirror, &signature(), "change").unwrap();
    let patch = mirror.patch(tip, id, 1_000_000).unwrap();
    let paths: Vec<_> = patch.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a/b/c", "a/d", "run.sh"]);
    let entry = mirror.entry_at(mirror.commit(id).unwrap().tree, "run.sh").unwrap().unwrap();
    assert_eq!(entry.kind, ambient_git::EntryKind::Executable);
    assert!(
        mirror.entry_at(mirror.commit(id).unwrap().tree, "a/b").unwrap().is_none(),
        "an empty folder goes"
    );
}
