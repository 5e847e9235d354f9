//! Repositories of which a part of the history is checked out.

use std::fs;

use ambient_protocol::events::EventBody;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::sandbox::Sandbox;
use serde_json::json;

use crate::harness::{DELIVERED, World, bundle, commit, git, outcome, start, wait_for};

const CHANGES: &str = "steps:\n- effect: {append: {path: README.md, content: more}}\n- effect: {commit: {message: Mine}}\n\
                       - effect: {write: {path: left.txt, content: left}}\n- text: waiting\n";

/// A run in a repository of three commits that wants so many of them.
fn with_depth(mut world: World, depth: &str) -> World {
    let target = world.path("target");
    for number in 1..3 {
        fs::write(target.join("number.txt"), number.to_string()).unwrap();
        commit(&target, "Count");
    }
    world.session(|session| session["environment"]["GIT_DEPTH"] = json!(depth));
    world
}

fn commits(world: &World) -> String {
    git(&world.checkout(), &["rev-list", "--count", "HEAD"])
}

fn notes(world: &World) -> usize {
    let is_note =
        |body: &EventBody| matches!(body, EventBody::Custom { name, .. } if name == "ambient.workspace");
    world.log().iter().filter(|event| is_note(&event.body)).count()
}

#[tokio::test]
async fn work_on_the_latest_commits_comes_back_also_by_another_attempt() {
    for world in World::both(Some(&format!("{CHANGES}- effect: {{sleep: 600000}}\n"))) {
        let mut world = with_depth(world, "1");
        let first = world.process();
        let mut turn = start(&first.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_END")).await;
        assert_eq!((commits(&world).as_str(), notes(&world)), ("2", 1));
        first.kill();

        world.next_attempt();
        fs::write(world.path("fixture.yaml"), "steps: [{finish: {summary: Done}}]").unwrap();
        let second = world.runner().await;
        start(&second.client, &world).await;
        let done = outcome(&second.client).await;
        let repository = &done.repositories[0];
        assert_eq!(
            (done.exit, repository.commits, repository.diff.files),
            (ExitReason::Completed, 2, 2),
            "{}",
            done.message
        );
        assert_eq!((commits(&world).as_str(), notes(&world)), ("2", 1));
        assert_eq!(world.collected(&["rev-list", "--count", DELIVERED]), "3");
        let target = world.path("target");
        fs::write(world.path("bundle"), bundle(&second.client).await).unwrap();
        let reference = &repository.bundle.as_ref().unwrap().reference;
        git(&target, &["fetch", "--quiet", "../bundle", &format!("{reference}:refs/heads/from-agent")]);
        assert_eq!(git(&target, &["rev-list", "--count", "from-agent"]), "5");
    }
}

#[tokio::test]
async fn the_session_says_how_much_it_wants() {
    let fixture = format!("{CHANGES}- finish: {{summary: Done}}\n");
    for (depth, expected) in [("0", Some("4")), ("2", Some("3")), ("9", Some("4")), ("all", None)] {
        let world = with_depth(World::new(Some(&fixture)), depth);
        let done = world.runner().await.run(&world).await;
        let Some(expected) = expected else {
            assert_eq!(done.exit, ExitReason::WorkspaceFailed);
            assert!(done.message.contains("GIT_DEPTH is \"all\""), "{}", done.message);
            continue;
        };
        assert_eq!(
            (done.exit, commits(&world).as_str()),
            (ExitReason::Completed, expected),
            "{depth}: {}",
            done.message
        );
        assert_eq!(notes(&world), usize::from(depth == "2"), "{depth}");
    }
}

/// An agent that is a shell, and wants to know all that ever happened.
const FETCHES: &str = r#"git fetch --quiet --unshallow && git rev-list --count HEAD > count.txt
echo '{"type":"system","subtype":"init","model":"m"}'
echo '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"looked"}'
"#;

#[tokio::test]
async fn the_rest_is_there_for_an_agent_that_asks_for_it() {
    for world in World::both(None) {
        let mut world = with_depth(world, "1");
        world.session(|session| {
            session["runnerType"] = json!("claude-agent-sdk");
            session["agent"]["command"] = json!(["/bin/sh", "-c", FETCHES]);
        });
        let mut config = world.config();
        config.sandbox = Sandbox::WherePossible;
        let done = world.runner_with(config).await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
        assert_eq!(world.delivered("count.txt"), "3");
        assert_eq!(done.repositories[0].commits, 1);
        let prompt = world.path("volume/state/agent-home/.claude/ambient-system-prompt.md");
        let apart = world.path("home/.claude/ambient-system-prompt.md");
        let told = fs::read_to_string(prompt).or_else(|_| fs::read_to_string(apart)).unwrap();
        assert!(told.contains("checked out of: target"), "{told}");
    }
}
