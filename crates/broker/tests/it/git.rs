//! Repositories are read with a credential that git never sees, and nothing is pushed.

use std::path::Path;
use std::process::{Command, Output};

use ambient_git_server::{Conduct, GitServer};
use ambient_protocol::broker::UpstreamKind;

use crate::world::{SECRET, World, binding, upstream};

fn git(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env_clear().env("PATH", "/usr/bin:/bin:/usr/local/bin");
    for (name, value) in [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "t"),
        ("GIT_AUTHOR_EMAIL", "t@example.com"),
        ("GIT_COMMITTER_NAME", "t"),
        ("GIT_COMMITTER_EMAIL", "t@example.com"),
    ] {
        command.env(name, value);
    }
    command.output().unwrap()
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder, arguments);
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn failed(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder, arguments);
    assert!(!output.status.success(), "git {arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A bare repository with one commit that has a file of a megabyte.
fn repository(root: &Path, name: &str) {
    let work = root.join("work");
    std::fs::create_dir_all(&work).unwrap();
    done(&work, &["init", "-q", "-b", "main", "."]);
    let noise: Vec<u8> =
        (0..1_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    std::fs::write(work.join("noise"), noise).unwrap();
    done(&work, &["add", "."]);
    done(&work, &["commit", "-q", "-m", "one"]);
    let bare = root.join("served").join(name);
    std::fs::create_dir_all(bare.parent().unwrap()).unwrap();
    done(root, &["clone", "-q", "--bare", "work", bare.to_str().unwrap()]);
    done(&bare, &["config", "http.receivepack", "true"]);
    std::fs::remove_dir_all(work).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listed_repositories_are_cloned_and_nothing_is_pushed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    repository(root, "team/app.git");
    repository(root, "team/other.git");
    let server = GitServer::start(&root.join("served")).await.unwrap();
    server.conduct("team", Conduct::private("jane", SECRET));
    let base = server.url("");
    let world =
        World::new(binding(vec![upstream("git", UpstreamKind::GitHttp, base.trim_end_matches('/'))])).await;
    std::fs::write(world.folder.path().join("secrets/demo/keys/url"), server.url("team")).unwrap();
    for (index, address) in ["/git/team/app.git", "/git/team/app"].iter().enumerate() {
        let name = format!("clone{index}");
        done(root, &["clone", "-q", &world.url(address), &name]);
        let clone = root.join(&name);
        assert_eq!(std::fs::metadata(clone.join("noise")).unwrap().len(), 1_000_000);
        done(&clone, &["fetch", "-q", "origin"]);
        let configured = std::fs::read_to_string(clone.join(".git/config")).unwrap();
        assert!(!configured.contains("planted"), "{configured}");
    }
    done(
        root,
        &["clone", "-q", "--depth", "1", "--filter=blob:none", &world.url("/git/team/app"), "shallow"],
    );
    let clone = root.join("clone0");
    done(&clone, &["commit", "-q", "--allow-empty", "-m", "two"]);
    let said = failed(&clone, &["push", "origin", "HEAD:refs/heads/new"]);
    assert!(said.contains("403"), "{said}");
    let said = failed(root, &["clone", "-q", &world.url("/git/team/other"), "other"]);
    assert!(said.contains("403"), "{said}");
    let refs = done(&root.join("served/team/app.git"), &["for-each-ref"]);
    assert_eq!(refs.lines().count(), 1, "{refs}");
    assert!(server.seen().iter().all(|seen| seen.credentials.as_deref() == Some(&format!("jane:{SECRET}"))));
    assert!(
        server.seen().iter().all(|seen| !seen.path.contains("receive-pack") && !seen.path.contains("other"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_echoes_or_redirects_gives_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path()).await.unwrap();
    let elsewhere = GitServer::start(folder.path()).await.unwrap();
    let base = server.url("");
    let world =
        World::new(binding(vec![upstream("git", UpstreamKind::GitHttp, base.trim_end_matches('/'))])).await;
    std::fs::write(world.folder.path().join("secrets/demo/keys/url"), server.url("team")).unwrap();
    server.conduct("team/app", Conduct::Echo(500));
    let said = failed(folder.path(), &["clone", "-q", &world.url("/git/team/app"), "clone"]);
    assert!(said.contains("500") && !said.contains("planted"), "{said}");
    server.conduct("team/app", Conduct::Redirect(elsewhere.url("").trim_end_matches('/').to_owned()));
    let said = failed(folder.path(), &["clone", "-q", &world.url("/git/team/app"), "clone"]);
    assert!(said.contains("502"), "{said}");
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_for_another_repository_stays() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path()).await.unwrap();
    let base = server.url("");
    let world =
        World::new(binding(vec![upstream("git", UpstreamKind::GitHttp, base.trim_end_matches('/'))])).await;
    std::fs::write(world.folder.path().join("secrets/demo/keys/url"), server.url("team/application"))
        .unwrap();
    failed(folder.path(), &["ls-remote", &world.url("/git/team/app")]);
    let seen = server.seen();
    assert!(!seen.is_empty(), "what is public is read all the same");
    assert!(seen.iter().all(|seen| seen.credentials.is_none()));
}
