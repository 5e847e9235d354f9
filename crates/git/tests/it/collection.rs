//! What an agent left in a checkout, from the work tree to a mirror.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use ambient_git::{Bundle, Collection, History, LeftoverLimits, Leftovers, ObjectId, Workspace};

use crate::fixture::{Fixture, commit, git, remote, signature};

const LIMITS: LeftoverLimits =
    LeftoverLimits { files: 20, file_bytes: 1_000_000, total_bytes: 2_000_000, names: 10 };

/// A checkout with one commit, as an agent finds it.
async fn checkout(fixture: &Fixture) -> (Workspace, ObjectId) {
    let source = fixture.repository("source");
    commit(&source, ".gitignore", "target/\n*.log\n");
    commit(&source, "lib/code.txt", "code\n");
    let workspace =
        Workspace::clone(&remote(&source), None, History::Whole, &fixture.path("work/source")).await.unwrap();
    let base = workspace.head().unwrap().unwrap();
    (workspace, base)
}

fn collect(fixture: &Fixture, workspace: &Workspace, limits: &LeftoverLimits) -> (Collection, Leftovers) {
    let collection = Collection::over(workspace.path(), &fixture.path("collection")).unwrap();
    let head = workspace.head().unwrap().unwrap();
    let left = collection.commit_leftovers(head, "the rest", &signature(), limits).unwrap();
    (collection, left)
}

fn paths(collection: &Collection, commit: ObjectId) -> Vec<String> {
    let tree = collection.mirror().commit(commit).unwrap().tree;
    collection.mirror().walk(tree, 1_000, 100).unwrap().into_iter().map(|entry| entry.path).collect()
}

#[tokio::test]
async fn what_an_agent_did_arrives_in_a_mirror() {
    let fixture = Fixture::new();
    let (workspace, base) = checkout(&fixture).await;
    let (_, left) = collect(&fixture, &workspace, &LIMITS);
    assert_eq!(left, Leftovers::default());

    let path = |name: &str| workspace.path().join(name);
    commit(workspace.path(), "made.txt", "by the agent\n");
    fs::write(path("README.md"), "two\n").unwrap();
    fs::create_dir(path("target")).unwrap();
    fs::write(path("target/x"), "ignored").unwrap();
    fs::remove_dir_all(path("lib")).unwrap();
    fs::write(path("lib"), "a file now").unwrap();
    fs::write(path("run"), "#!").unwrap();
    fs::set_permissions(path("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("README.md", path("link")).unwrap();
    let before = git(workspace.path(), &["status", "--porcelain"]);
    let (collection, left) = collect(&fixture, &workspace, &LIMITS);
    assert_eq!(git(workspace.path(), &["status", "--porcelain"]), before, "the checkout stays as it was");
    let head = left.commit.unwrap();
    assert_eq!((left.left_out, left.ignored), (Vec::new(), vec!["target/".to_owned()]));
    assert_eq!(paths(&collection, head), [".gitignore", "README.md", "lib", "link", "made.txt", "run"]);
    assert_eq!(collection.count_commits(base, head).unwrap(), 2);
    let patch = collection.mirror().patch(base, head, 1_000_000).unwrap();
    assert!(String::from_utf8(patch.text).unwrap().contains("+by the agent"));

    let file = fixture.path("x.bundle");
    collection.bundle(base, head, "refs/ambient/head", &file).await.unwrap();
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&fixture.path("source"))).await.unwrap();
    let bundle = Bundle { path: &file, reference: "refs/ambient/head" };
    assert_eq!(mirror.take_bundle(bundle, "one").await.unwrap(), head);
    assert!(mirror.is_ancestor(base, head).unwrap());
    mirror.forget_bundle("one").unwrap();
    mirror.forget_bundle("one").unwrap();
}

/// What a case does in a checkout.
type Deed = fn(&Path);

#[tokio::test]
async fn what_cannot_be_taken_is_named_and_the_rest_is_taken() {
    let cases: [(&str, Deed, &[&str]); 11] = [
        (
            "a new repository",
            |at| git_in(at, &["init", "--quiet", "newproj"]),
            &["newproj: it is a repository"],
        ),
        (
            "a clone",
            |at| git_in(at, &["clone", "--quiet", ".", "deep/vendored"]),
            &["deep/vendored: it is a rep"],
        ),
        ("a worktree", |at| git_in(at, &["worktree", "add", "--quiet", "wt"]), &["wt: it is a repository"]),
        ("a file .git", |at| put(at, "sub/.git", "gitdir: /nowhere"), &["sub: it is a repository"]),
        (
            "a repository in a known folder",
            |at| git_in(at, &["init", "--quiet", "lib"]),
            &["lib: it is a repos"],
        ),
        ("a name like .git", |at| put(at, ".GIT ", "x"), &[".GIT : its name is not safe"]),
        ("a large file", |at| sparse(at, "large", 3 << 30), &["large: it has 3221225472 bytes"]),
        (
            "a known file that grew",
            |at| sparse(at, "lib/code.txt", 3 << 30),
            &["lib/code.txt: it has 3221225472"],
        ),
        (
            "a link out",
            |at| symlink("/usr/bin/python3", at.join("python")).unwrap(),
            &["python: it is a link out"],
        ),
        (
            "many files",
            |at| (0..25).for_each(|number| put(at, &format!("node_modules/{number}"), "x")),
            &["node_modules/: it holds more than the 20 files"],
        ),
        (
            "many bytes",
            |at| (0..3).for_each(|number| sparse(at, &format!("data{number}"), 900_000)),
            &["data2 (900000 bytes): all that is uncommitted"],
        ),
    ];
    for (name, deed, named) in cases {
        let fixture = Fixture::new();
        let (workspace, base) = checkout(&fixture).await;
        commit(workspace.path(), "important.txt", "the agent's own\n");
        put(workspace.path(), "good.txt", "good");
        deed(workspace.path());
        let (collection, left) = collect(&fixture, &workspace, &LIMITS);
        let head = left.commit.expect(name);
        let paths = paths(&collection, head);
        for path in ["good.txt", "important.txt", "lib/code.txt", "README.md"] {
            assert!(paths.contains(&path.to_owned()), "{name}: {path} of {paths:?}");
        }
        assert_eq!(left.left_out.len(), named.len(), "{name}: {:?}", left.left_out);
        for (said, named) in left.left_out.iter().zip(named) {
            assert!(said.starts_with(named), "{name}: {said}");
        }
        collection.bundle(base, head, "refs/x", &fixture.path("x.bundle")).await.expect(name);
    }
}

#[tokio::test]
async fn what_an_agent_writes_into_its_repository_is_not_in_the_way() {
    let cases: [(&str, Deed); 9] = [
        ("a lock of the index", |at| put(at, ".git/index.lock", "")),
        ("a broken index", |at| put(at, ".git/index", "no index")),
        ("a lock of HEAD", |at| put(at, ".git/HEAD.lock", "")),
        ("our ref as a folder", |at| put(at, ".git/refs/ambient/outcome/x", "junk")),
        ("grafts", |at| put(at, ".git/info/grafts", &git(at, &["rev-parse", "HEAD"]))),
        ("configuration of a work tree", |at| {
            put(at, ".git/config.worktree", "[core]\n\tworktree = /nowhere\n");
        }),
        ("attributes", |at| put(at, ".git/info/attributes", "* filter=x diff=x text eol=crlf\n")),
        ("rules by a link", |at| {
            fs::remove_file(at.join(".gitignore")).unwrap();
            put(at, "../../rules", "good.txt\n");
            symlink("../../rules", at.join(".gitignore")).unwrap();
        }),
        ("rules of three gigabytes", |at| sparse(at, "lib/.gitignore", 3 << 30)),
    ];
    for (name, deed) in cases {
        let fixture = Fixture::new();
        let (workspace, base) = checkout(&fixture).await;
        commit(workspace.path(), "important.txt", "the agent's own\n");
        put(workspace.path(), "good.txt", "good\n");
        deed(workspace.path());
        let (collection, left) = collect(&fixture, &workspace, &LIMITS);
        let head = left.commit.expect(name);
        let tree = collection.mirror().commit(head).unwrap().tree;
        let good = collection.mirror().file(tree, "good.txt", 100).unwrap();
        assert_eq!(good.as_deref(), Some(&b"good\n"[..]), "{name}");
        assert_eq!(collection.count_commits(base, head).unwrap(), 2, "{name}");
        collection.bundle(base, head, "refs/ambient/outcome", &fixture.path("x.bundle")).await.expect(name);
    }
}

#[tokio::test]
async fn objects_of_another_repository_are_not_taken() {
    let fixture = Fixture::new();
    let (workspace, base) = checkout(&fixture).await;
    let other = fixture.repository("other");
    commit(&other, "secret.txt", "stolen");
    let secret = git(&other, &["rev-parse", "HEAD:secret.txt"]);
    let at = workspace.path();
    put(at, ".git/objects/info/alternates", other.join(".git/objects").to_str().unwrap());
    git(at, &["update-index", "--add", "--cacheinfo", &format!("100644,{secret},secret.txt")]);
    git(at, &["commit", "--quiet", "-m", "Take it"]);
    let (collection, left) = collect(&fixture, &workspace, &LIMITS);
    let head = left.commit.expect("it is not in the folder");
    let theirs: ObjectId = secret.parse().unwrap();
    assert!(!collection.mirror().has(theirs) && collection.mirror().blob(theirs, 100).is_err());
    let file = fixture.path("x.bundle");
    assert!(collection.bundle(base, head, "refs/x", &file).await.is_err());
    assert!(collection.mirror().patch(base, workspace.head().unwrap().unwrap(), 1_000).is_err());
}

#[tokio::test]
async fn commits_that_are_not_in_head_are_told_of() {
    let cases: [(&str, Deed, &[&str]); 6] = [
        ("nothing", |_| (), &[]),
        ("a branch behind", |at| git_in(at, &["branch", "old", "HEAD~1"]), &[]),
        (
            "another branch",
            |at| {
                git_in(at, &["checkout", "--quiet", "-b", "side/way"]);
                commit(at, "side.txt", "x");
                git_in(at, &["checkout", "--quiet", "main"]);
            },
            &["side/way"],
        ),
        (
            "a commit on no branch",
            |at| {
                git_in(at, &["checkout", "--quiet", "--detach"]);
                commit(at, "side.txt", "x");
                git_in(at, &["checkout", "--quiet", "main"]);
            },
            &["the commit "],
        ),
        (
            "a commit on no branch that is checked out",
            |at| {
                git_in(at, &["checkout", "--quiet", "--detach"]);
                commit(at, "side.txt", "x");
            },
            &[],
        ),
        ("a commit that was mended", |at| git_in(at, &["commit", "--quiet", "--amend", "-m", "Better"]), &[]),
    ];
    for (name, deed, expected) in cases {
        let fixture = Fixture::new();
        let (workspace, _) = checkout(&fixture).await;
        commit(workspace.path(), "important.txt", "the agent's own\n");
        deed(workspace.path());
        let collection = Collection::over(workspace.path(), &fixture.path("collection")).unwrap();
        let head = workspace.head().unwrap().unwrap();
        let lines = collection.other_lines(head, 10).unwrap();
        assert_eq!(lines.len(), expected.len(), "{name}: {lines:?}");
        assert!(lines.iter().zip(expected).all(|(line, name)| line.name.starts_with(name)), "{lines:?}");
        assert!(collection.other_lines(head, 0).unwrap().is_empty());
    }
}

fn git_in(folder: &Path, arguments: &[&str]) {
    git(folder, arguments);
}

fn put(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A file of that length that takes no room.
fn sparse(folder: &Path, name: &str, length: u64) {
    put(folder, name, "");
    fs::OpenOptions::new().write(true).open(folder.join(name)).unwrap().set_len(length).unwrap();
}
