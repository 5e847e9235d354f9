//! Remotes over HTTP: credentials get in, and go nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use ambient_git::{
    CommitBuilder, Credentials, GitError, History, LocalRepositories, Mirror, Push, RefUpdate, Rejection,
    Remote, RemoteProblem, RepositoryUrl, Workspace,
};
use ambient_git_server::{Conduct, GitServer};

use crate::fixture::{Fixture, commit, git, signature};

const PASSWORD: &str = "s3cret/p&ss word";

/// A server with the bare repositories `team/app.git` and `team/other.git`.
struct World {
    fixture: Fixture,
    server: GitServer,
}

impl World {
    async fn new() -> Self {
        let fixture = Fixture::new();
        let source = fixture.repository("source");
        std::fs::create_dir(fixture.path("team")).unwrap();
        for name in ["team/app.git", "team/other.git"] {
            fixture.bare(name, &source);
        }
        let server = GitServer::start(&fixture.path(".")).await.unwrap();
        Self { fixture, server }
    }

    async fn private() -> Self {
        let world = Self::new().await;
        world.server.conduct("team", Conduct::private("jane", PASSWORD));
        world
    }

    fn url(&self, path: &str) -> RepositoryUrl {
        RepositoryUrl::parse(&self.server.url(path), LocalRepositories::Refused).unwrap()
    }

    fn credentials(&self) -> Credentials {
        Credentials::basic(&self.server.url("team"), "jane", PASSWORD).unwrap()
    }

    fn remote(&self, path: &str) -> Remote {
        Remote::with_credentials(self.url(path), self.credentials()).unwrap()
    }

    fn mirror(&self) -> Mirror {
        self.fixture.mirror("mirror")
    }

    async fn problem(&self, remote: &Remote) -> (RemoteProblem, String) {
        let error = self.mirror().fetch(remote).await.unwrap_err();
        let said = format!("{error} {error:?}");
        match error {
            GitError::Remote { problem, .. } => (problem, said),
            other => panic!("{other}"),
        }
    }
}

fn update(mirror: &Mirror, name: &str) -> Push {
    let mut builder = CommitBuilder::parentless();
    let new = builder.put("a", b"b".to_vec()).write(mirror, &signature(), "a").unwrap();
    let update = RefUpdate { name: format!("refs/heads/{name}"), new: Some(new), expected_old: None };
    Push { updates: vec![update], atomic: false }
}

#[tokio::test]
async fn credentials_open_a_private_repository_for_everything() {
    let world = World::private().await;
    let (mirror, remote) = (world.mirror(), world.remote("team/app.git"));
    assert!(mirror.list_remote(&remote).await.unwrap().contains_key("refs/heads/main"));
    assert!(mirror.fetch(&remote).await.unwrap().refs.contains_key("refs/heads/main"));
    let pushed = mirror.push(&remote, &update(&mirror, "results")).await.unwrap();
    assert_eq!(pushed[0].result, Ok(()));
    assert_eq!(git(&world.fixture.path("team/app.git"), &["show", "results:a"]), "b");
    let again = mirror.push(&remote, &update(&mirror, "main")).await.unwrap();
    assert_eq!(again[0].result, Err(Rejection::Stale), "the branch exists");
    let path = world.fixture.path("work");
    Workspace::clone(&remote, Some("main"), History::Whole, &path).await.unwrap();
    let config = std::fs::read_to_string(path.join(".git/config")).unwrap();
    assert!(path.join("README.md").exists() && !config.contains("jane"), "{config}");
}

#[tokio::test]
async fn a_token_is_a_password() {
    let world = World::new().await;
    world.server.conduct("team", Conduct::private("x-access-token", "ghx_0123"));
    let credentials = Credentials::token(&world.server.url("team/app"), "ghx_0123").unwrap();
    let remote = Remote::with_credentials(world.url("team/app.git"), credentials).unwrap();
    world.mirror().fetch(&remote).await.unwrap();
    let fields = BTreeMap::from([
        ("url".to_owned(), world.server.url("team/app")),
        ("token".to_owned(), "ghx_0123".to_owned()),
    ]);
    let credentials = Credentials::from_fields(&fields).unwrap();
    assert!(credentials.check(&world.url("team/app.git")).is_ok());
}

#[tokio::test]
async fn what_is_wrong_has_a_name_and_shows_no_secret() {
    let world = World::private().await;
    let open = Remote::open(world.url("team/app.git"));
    assert_eq!(world.problem(&open).await.0, RemoteProblem::CredentialsWanted);
    let wrong = Credentials::basic(&world.server.url("team"), "jane", "wr0ng/one").unwrap();
    let wrong = Remote::with_credentials(world.url("team/app.git"), wrong).unwrap();
    let (problem, said) = world.problem(&wrong).await;
    assert_eq!(problem, RemoteProblem::Unauthenticated);
    assert!(!said.contains("wr0ng") && said.contains("Secret"), "{said}");
    assert_eq!(world.problem(&world.remote("team/none.git")).await.0, RemoteProblem::NotFound);
    for (code, expected) in [(403, RemoteProblem::Forbidden), (503, RemoteProblem::Unreachable)] {
        world.server.conduct("team/bad.git", Conduct::Status(code));
        assert_eq!(world.problem(&world.remote("team/bad.git")).await.0, expected);
    }
    world.server.conduct("team/echo.git", Conduct::Echo(403));
    let (problem, said) = world.problem(&world.remote("team/echo.git")).await;
    assert_eq!(problem, RemoteProblem::Forbidden);
    assert!(said.contains("you sent"), "the server's words are shown: {said}");
    assert!(!said.contains(PASSWORD) && !said.contains("amFuZT"), "{said}");
}

#[tokio::test]
async fn a_server_that_is_away_or_no_tls_server_is_told_apart() {
    let world = World::private().await;
    let tls = format!("https://{}/team/app.git", world.server.address());
    let tls = Remote::open(RepositoryUrl::parse(&tls, LocalRepositories::Refused).unwrap());
    assert_eq!(world.problem(&tls).await.0, RemoteProblem::Tls);
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let away = format!("http://{free}/team/app.git");
    let away = Remote::open(RepositoryUrl::parse(&away, LocalRepositories::Refused).unwrap());
    assert_eq!(world.problem(&away).await.0, RemoteProblem::Unreachable);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let world = World::private().await;
    world.server.conduct("team/slow.git", Conduct::Silent);
    let remote = world.remote("team/slow.git").within(Duration::from_millis(300));
    let error = world.mirror().fetch(&remote).await.unwrap_err();
    assert!(matches!(error, GitError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_takes_credentials_nowhere() {
    let (world, evil) = (World::private().await, World::new().await);
    evil.server.conduct("", Conduct::Status(401));
    evil.server.conduct("team", Conduct::private("jane", PASSWORD));
    for target in [evil.server.url("").trim_end_matches('/').to_owned(), world.server.url("elsewhere")] {
        world.server.conduct("team/moved.git", Conduct::Redirect(target));
        let remote = world.remote("team/moved.git");
        assert_eq!(world.problem(&remote).await.0, RemoteProblem::Redirected);
        let mirror = world.mirror();
        assert!(mirror.push(&remote, &update(&mirror, "x")).await.is_err());
    }
    assert!(evil.server.seen().is_empty(), "{:?}", evil.server.seen());
    let seen = world.server.seen();
    assert!(seen.iter().all(|request| request.path.starts_with("team/moved.git/")), "{seen:?}");
}

#[tokio::test]
async fn other_places_get_no_credentials() {
    let (world, other) = (World::private().await, World::private().await);
    let one = Credentials::basic(&world.server.url("team/app"), "jane", PASSWORD).unwrap();
    for url in [world.url("team/other.git"), other.url("team/app.git")] {
        let error = Remote::with_credentials(url, one.clone()).unwrap_err().to_string();
        assert!(error.contains("team/app") && !error.contains(PASSWORD), "{error}");
    }
}

#[tokio::test]
async fn a_push_that_a_hook_refuses_says_so() {
    let world = World::private().await;
    let hook = world.fixture.path("team/app.git/hooks/update");
    std::fs::write(&hook, "#!/bin/sh\necho not on a Friday >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mirror = world.mirror();
    let pushed = mirror.push(&world.remote("team/app.git"), &update(&mirror, "x")).await.unwrap();
    let Err(Rejection::Refused(why)) = &pushed[0].result else { panic!("{pushed:?}") };
    assert!(why.contains("not on a Friday"), "{why}");
}

#[tokio::test]
async fn much_is_fetched_and_pushed() {
    let world = World::private().await;
    let work = world.fixture.path("source");
    // Noise does not compress: 8 MiB are 8 MiB on the wire, past the size from which git sends in chunks.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + u8::try_from(state >> 58).unwrap())
    });
    let noise: String = noise.take(8 << 20).collect();
    let head = commit(&work, "big.txt", &noise);
    git(&world.fixture.path("team/app.git"), &["fetch", "--quiet", work.to_str().unwrap(), "main:main"]);
    let mirror = world.mirror();
    let fetched = mirror.fetch(&world.remote("team/app.git")).await.unwrap();
    assert_eq!(fetched.refs["refs/heads/main"].to_string(), head);
    let name = "refs/heads/copy".to_owned();
    let update = RefUpdate { name, new: Some(head.parse().unwrap()), expected_old: None };
    let push = Push { updates: vec![update], atomic: true };
    assert_eq!(mirror.push(&world.remote("team/other.git"), &push).await.unwrap()[0].result, Ok(()));
    assert_eq!(git(&world.fixture.path("team/other.git"), &["rev-parse", "copy"]), head);
}
