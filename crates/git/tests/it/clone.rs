//! Clones that bring a part of the history, and what can be done in them.

use std::num::NonZeroU32;
use std::path::Path;

use ambient_git::{
    Bundle, CheckLimits, Collection, History, LocalRepositories, ObjectId, Push, RefUpdate, Remote,
    RepositoryUrl, Workspace, check_commits,
};
use ambient_git_server::{Conduct, GitServer};

use crate::fixture::{Fixture, commit, git, remote};

const TWO: History = History::Latest(NonZeroU32::new(2).unwrap());

/// A bare repository `app.git` of nine commits, half of them with 48 KiB that do not get smaller.
fn repository(fixture: &Fixture) -> std::path::PathBuf {
    let source = fixture.repository("source");
    let mut state = 1_u64;
    for number in 1..5 {
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + u8::try_from(state >> 58).unwrap())
        });
        commit(&source, "noise.txt", &noise.take(64 << 10).collect::<String>());
        commit(&source, "number.txt", &number.to_string());
    }
    fixture.bare("app.git", &source)
}

fn over_http(server: &GitServer) -> Remote {
    Remote::open(RepositoryUrl::parse(&server.url("app.git"), LocalRepositories::Refused).unwrap())
}

fn commits(path: &Path) -> usize {
    git(path, &["rev-list", "--count", "HEAD"]).parse().unwrap()
}

fn head(path: &Path) -> ObjectId {
    git(path, &["rev-parse", "HEAD"]).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn work_on_the_latest_commits_reaches_the_remote() {
    let fixture = Fixture::new();
    let bare = repository(&fixture);
    let server = GitServer::start(&fixture.path(".")).await.unwrap();
    for (name, remote) in [("path", remote(&bare)), ("http", over_http(&server))] {
        let workspace = Workspace::clone(&remote, None, TWO, &fixture.path(name)).await.unwrap();
        let base = workspace.head().unwrap().unwrap();
        assert_eq!((workspace.is_shallow().unwrap(), commits(workspace.path())), (true, 2), "{name}");
        // An agent's history is not always a line, and may begin anywhere.
        git(workspace.path(), &["checkout", "--quiet", "-b", "side", "HEAD~1"]);
        commit(workspace.path(), "side.txt", "side");
        git(workspace.path(), &["checkout", "--quiet", "main"]);
        commit(workspace.path(), "made.txt", "made");
        git(workspace.path(), &["merge", "--quiet", "--message", "both", "side"]);
        let head = head(workspace.path());
        let collection =
            Collection::over(workspace.path(), &fixture.path(&format!("{name}.collection"))).unwrap();
        assert_eq!(collection.count_commits(base, head).unwrap(), 3);
        assert_eq!(collection.mirror().patch(base, head, 0).unwrap().files.len(), 2);
        let file = fixture.path(&format!("{name}.bundle"));
        collection.bundle(base, head, "refs/ambient/head", &file).await.unwrap();

        let mirror = fixture.mirror(&format!("{name}.mirror"));
        mirror.fetch(&remote).await.unwrap();
        let bundle = Bundle { path: &file, reference: "refs/ambient/head" };
        assert_eq!(mirror.take_bundle(bundle, "one").await.unwrap(), head);
        for place in [&mirror, collection.mirror()] {
            let broken = check_commits(place, base, head, &CheckLimits::reviewable(), |_, _| {}).unwrap();
            assert_eq!(broken, []);
        }
        let new = format!("refs/heads/{name}");
        let update = RefUpdate { name: new.clone(), new: Some(head), expected_old: None };
        let push = Push { updates: vec![update], atomic: true };
        let to = crate::fixture::remote(&bare);
        assert_eq!(mirror.push(&to, &push).await.unwrap()[0].result, Ok(()));
        assert_eq!(git(&bare, &["rev-list", "--count", &new]), "12");

        // Whoever wants the rest asks for it.
        git(workspace.path(), &["fetch", "--quiet", "--unshallow"]);
        assert_eq!((workspace.is_shallow().unwrap(), commits(workspace.path())), (false, 12), "{name}");
    }
}

#[tokio::test]
async fn a_history_is_whole_as_long_as_it_is_small() {
    let fixture = Fixture::new();
    repository(&fixture);
    let server = GitServer::start(&fixture.path(".")).await.unwrap();
    let otherwise = NonZeroU32::new(2).unwrap();
    // All of it has a good 190 KiB, of which the last would never come.
    for (kibibytes, conduct, expected) in
        [(100, Conduct::Halting(150 << 10), 2), (100_000, Conduct::Public, 9)]
    {
        server.conduct("app.git", conduct);
        let history = History::WholeWithin { bytes: kibibytes << 10, otherwise };
        let path = fixture.path(&format!("within-{kibibytes}"));
        let workspace = Workspace::clone(&over_http(&server), Some("main"), history, &path).await.unwrap();
        assert_eq!(commits(&path), expected, "{kibibytes} KiB");
        assert_eq!(workspace.is_shallow().unwrap(), expected == 2);
        assert_eq!(git(&path, &["status", "--porcelain"]), "");
    }
}

#[tokio::test]
async fn a_remote_that_has_no_parts_to_give_gives_all() {
    let fixture = Fixture::new();
    git(&repository(&fixture), &["update-server-info"]);
    let server = GitServer::start(&fixture.path(".")).await.unwrap();
    server.conduct("app.git", Conduct::Files);
    let path = fixture.path("work");
    let workspace = Workspace::clone(&over_http(&server), None, TWO, &path).await.unwrap();
    assert_eq!((workspace.is_shallow().unwrap(), commits(&path)), (false, 9));
}

#[tokio::test]
async fn a_short_history_is_whole_whatever_is_asked() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let workspace = Workspace::clone(&remote(&source), None, TWO, &fixture.path("work")).await.unwrap();
    assert!(!workspace.is_shallow().unwrap());
}
