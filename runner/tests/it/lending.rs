//! What a run is lent, with a real broker: private repositories are cloned, and the agent sees neither token nor key.

use std::path::Path;

use ambient_git_server::{Conduct, GitServer, Seen};
use ambient_protocol::broker::LENT_KEY;
use ambient_protocol::outcome::ExitReason;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::harness::{World, git, lend};

const PASSWORD: &str = "planted-password-4711";
/// The agent writes down what it sees, and leaves it to be committed.
const AGENT: &str = "#!/bin/sh\nread question\nenv > SEEN.txt\ngit ls-remote origin >> SEEN.txt 2>&1\n";

/// A world whose repository is private, and whose run is bound at a broker.
struct Lending {
    world: World,
    server: GitServer,
    broker: CancellationToken,
}

impl Lending {
    async fn new(mut world: World) -> Self {
        let served = world.path("served");
        std::fs::create_dir_all(served.join("team")).unwrap();
        let bare = served.join("team/app.git");
        git(&world.path("target"), &["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
        let server = GitServer::start(&served).await.unwrap();
        server.conduct("team", Conduct::private("jane", PASSWORD));
        let url = server.url("team/app.git");
        let program = world.path("agent.sh");
        write_program(&program);
        world.session(|session| {
            session["repositories"][0]["url"] = json!(url);
            session["runnerType"] = json!("acp");
            session["agent"]["command"] = json!([program]);
            session["agent"]["keyNames"] = json!(["ANTHROPIC_API_KEY"]);
            session["environment"] = json!({"ANTHROPIC_BASE_URL": "http://elsewhere.example"});
        });
        let secret = [("url", url.as_str()), ("username", "jane"), ("password", PASSWORD)];
        let broker = lend(&mut world, "git", &secret).await;
        Self { world, server, broker }
    }
}

fn write_program(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, AGENT).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_private_repository_is_cloned_and_the_agent_sees_no_secret() {
    for (world, is_apart) in World::both(None).into_iter().zip([false, true]) {
        let lending = Lending::new(world).await;
        let world = &lending.world;
        let done = world.runner().await.run(world).await;
        assert_eq!(done.repositories.len(), 1, "{done:?}");
        let seen = world.delivered("SEEN.txt");
        assert!(seen.contains(&format!("ANTHROPIC_API_KEY={LENT_KEY}")), "{seen}");
        assert!(
            seen.contains("ANTHROPIC_BASE_URL=http://127.0.0.1:"),
            "what is lent stands above the session's: {seen}"
        );
        for secret in [PASSWORD, "v4.public.", "elsewhere.example"] {
            assert!(!seen.contains(secret), "the agent sees {secret}: {seen}");
        }
        assert_eq!(
            seen.contains("\trefs/heads/main"),
            is_apart,
            "it reads the remote through the broker: {seen}"
        );
        assert_eq!(seen.contains("HTTPS_PROXY=http://run:"), is_apart, "{seen}");
        let lent = |seen: &Seen| seen.credentials.as_deref() == Some(&format!("jane:{PASSWORD}"));
        assert!(lending.server.seen().iter().any(lent), "the broker opens it");
        let url = git(&world.checkout(), &["config", "remote.origin.url"]);
        assert!(url.ends_with("/app.git") && !url.contains("git-1"), "the repository's own address: {url}");
        let log = std::fs::read_to_string(world.path("volume/state/events.jsonl")).unwrap();
        assert!(!log.contains(PASSWORD) && !log.contains("v4.public."));
    }
}

#[tokio::test]
async fn without_the_broker_nothing_is_cloned_and_the_cause_is_told() {
    let lending = Lending::new(World::new(None)).await;
    lending.broker.cancel();
    std::fs::write(lending.world.path("token"), "no token").unwrap();
    let done = lending.world.runner().await.run(&lending.world).await;
    assert_eq!(done.exit, ExitReason::WorkspaceFailed);
    assert!(done.message.contains("/app.git") && done.message.contains("50"), "{}", done.message);
}
