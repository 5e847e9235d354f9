//! Commits from an agent, checked before they are pushed.

use ambient_git::{CheckLimits, Violation, check_commits};

use crate::fixture::{Fixture, commit, git, remote};

fn limits() -> CheckLimits {
    CheckLimits {
        commits: 3,
        file_bytes: 100,
        total_bytes: 150,
        files: 100,
        protected: vec![".github/".to_owned(), ".gitmodules".to_owned()],
    }
}

/// Makes commits in a repository and checks them from its first one.
async fn violations(make: impl FnOnce(&std::path::Path)) -> (Vec<Violation>, Vec<String>) {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    let base = git(&source, &["rev-parse", "HEAD"]).parse().unwrap();
    make(&source);
    let head = git(&source, &["rev-parse", "HEAD"]).parse().unwrap();
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&source)).await.unwrap();
    mirror.fetch_refs(&remote(&source), &["+HEAD:refs/ambient/head"], false).await.unwrap();
    let mut seen = Vec::new();
    let see = |place: &str, content: &[u8]| {
        let place = place.split("commit ").next().unwrap_or_default();
        seen.push(format!("{place}: {}", String::from_utf8_lossy(content).trim()));
    };
    let found = check_commits(&mirror, base, head, &limits(), see).unwrap();
    (found, seen)
}

#[tokio::test]
async fn good_commits_pass_and_all_that_is_new_is_looked_at() {
    let (found, seen) = violations(|path| {
        commit(path, "a.txt", "1");
        commit(path, "a.txt", "2");
    })
    .await;
    assert_eq!(found, []);
    for expected in ["a.txt: 1", "a.txt: 2", "the name of a.txt: a.txt"] {
        assert!(seen.iter().any(|one| one == expected), "{expected}: {seen:?}");
    }
    for place in ["the message of ", "the author of "] {
        assert_eq!(seen.iter().filter(|one| one.starts_with(place)).count(), 2, "{seen:?}");
    }
}

#[tokio::test]
async fn a_merge_brings_nothing_back_from_before_the_base() {
    let fixture = Fixture::new();
    let source = fixture.repository("source");
    commit(&source, ".github/x.yaml", "old");
    git(&source, &["rm", "--quiet", "-r", ".github"]);
    git(&source, &["commit", "--quiet", "--message", "no more of that"]);
    let base = git(&source, &["rev-parse", "HEAD"]).parse().unwrap();
    let merge = git(&source, &["commit-tree", "-p", "HEAD~1", "-p", "HEAD", "-m", "merge", "HEAD~1^{tree}"]);
    git(&source, &["reset", "--quiet", "--hard", &merge]);
    let mirror = fixture.mirror("mirror");
    mirror.fetch(&remote(&source)).await.unwrap();
    let found = check_commits(&mirror, base, merge.parse().unwrap(), &limits(), |_, _| {}).unwrap();
    assert_eq!(found, [Violation::Protected { path: ".github/x.yaml".to_owned() }]);
}

#[tokio::test]
async fn what_is_too_much_to_look_at_is_a_broken_rule_and_no_fault() {
    let (found, _) = violations(|path| drop(commit(path, &format!("{}x", "d/".repeat(70)), "1"))).await;
    assert!(matches!(&found[..], [Violation::TooLarge { limit: 64, .. }]), "{found:?}");
    let (found, _) = violations(|path| {
        (0..120).for_each(|number| std::fs::write(path.join(number.to_string()), "").unwrap());
        commit(path, "a", "1");
    })
    .await;
    assert!(matches!(&found[..], [Violation::TooLarge { limit: 100, .. }]), "{found:?}");
    let (found, _) = violations(|path| {
        std::fs::write(path.join("long"), "x".repeat(5000)).unwrap();
        let id = git(path, &["hash-object", "-w", "long"]);
        std::fs::remove_file(path.join("long")).unwrap();
        git(path, &["update-index", "--add", "--cacheinfo", &format!("120000,{id},long")]);
        git(path, &["commit", "--quiet", "--message", "a link"]);
    })
    .await;
    assert_eq!(found, [Violation::LinkOut { path: "long".to_owned() }]);
}

#[tokio::test]
async fn rules_are_kept_by_every_commit_on_the_way() {
    let (found, _) = violations(|path| {
        commit(path, ".github/workflows/x.yaml", "evil");
        git(path, &["rm", "--quiet", "-r", ".github"]);
        git(path, &["commit", "--quiet", "--message", "cover the track"]);
    })
    .await;
    let path = ".github/workflows/x.yaml".to_owned();
    assert_eq!(found, [Violation::Protected { path }]);
}

#[tokio::test]
async fn each_bound_is_named() {
    let (found, _) = violations(|path| drop(commit(path, "big", &"x".repeat(101)))).await;
    assert!(
        matches!(&found[..], [Violation::FileTooLarge { path, limit: 100, .. }] if path == "big"),
        "{found:?}"
    );
    let (found, _) = violations(|path| {
        commit(path, "a", &"x".repeat(90));
        commit(path, "b", &"y".repeat(90));
    })
    .await;
    assert_eq!(found, [Violation::TooMuch { limit: 150 }]);
    let (found, _) =
        violations(|path| (0..4).for_each(|number| drop(commit(path, "a", &number.to_string())))).await;
    assert_eq!(found, [Violation::TooManyCommits { found: 4, limit: 3 }]);
}

#[tokio::test]
async fn links_out_and_foreign_histories_are_refused() {
    let (found, _) = violations(|path| {
        std::os::unix::fs::symlink("../../etc/passwd", path.join("link")).unwrap();
        commit(path, "a", "1");
    })
    .await;
    assert_eq!(found, [Violation::LinkOut { path: "link".to_owned() }]);
    let (found, _) = violations(|path| {
        git(path, &["checkout", "--quiet", "--orphan", "other"]);
        commit(path, "a", "1");
    })
    .await;
    assert_eq!(found, [Violation::NotOnBase]);
}
