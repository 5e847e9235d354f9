//! Conversations that outlive their process: taken up by agents that can, told again to those that cannot.

use std::fs;

use ambient_protocol::AgentRegistry;
use ambient_protocol::events::EventBody;
use ambient_protocol::outcome::ExitReason;
use serde_json::{Value, json};

use crate::harness::acp::{both, heard};
use crate::harness::{World, bounded, frames, outcome, start, wait_for};
use crate::interactive::say_when_ready;

/// Says who it is in its first process, and goes on in those that follow.
const FIRST: &str =
    "if [ ! -e \"$HEARD\" ]; then\nbegin\ntext 'I am Alice.'\nfinish end_turn\nhear\nexit\nfi\n";
/// Is cut off in its first process.
const CUT_OFF: &str = "if [ ! -e \"$HEARD\" ]; then\nbegin\ntext 'I am Alice.'\n\
    update '{\"sessionUpdate\":\"tool_call\",\"toolCallId\":\"c\",\"kind\":\"read\",\"rawInput\":{\"x\":1}}'\nhear\nexit\nfi\n";
/// A session that another process has had is open again; nothing of it is to be heard twice.
const REPLAYS: &str = "hear\ntext 'I am Alice.'\nupdate '{\"sessionUpdate\":\"tool_call\",\"toolCallId\":\"old\",\"status\":\"completed\"}'\n\
    update '{\"sessionUpdate\":\"news\"}'\nsay '{\"id\":1,\"result\":null}'\nhear\ntext 'Still Alice.'\nfinish end_turn\nhear\n";
/// It is not; a new one is opened.
const REFUSES: &str = "hear\nsay '{\"id\":1,\"error\":{\"code\":-32603,\"message\":\"Invalid session identifier\"}}'\nhear\n\
    say '{\"id\":2,\"result\":{\"sessionId\":\"t\"}}'\nhear\ntext 'Still Alice.'\nfinish end_turn 3\nhear\n";
/// The agent knows of no such thing.
const OPENS: &str = "hear\nsay '{\"id\":1,\"result\":{\"sessionId\":\"t\"}}'\nhear\ntext 'Still Alice.'\nfinish end_turn\nhear\n";

/// What an agent declares, what it does, what it is asked, and what the log says of it.
const CASES: [(&str, &str, &str, &str); 4] = [
    (
        r#""sessionCapabilities":{"resume":{}}"#,
        REPLAYS,
        "initialize session/resume session/prompt",
        r#"{"takenUp":"s"}"#,
    ),
    (r#""loadSession":true"#, REPLAYS, "initialize session/load session/prompt", r#"{"takenUp":"s"}"#),
    (
        r#""loadSession":true"#,
        REFUSES,
        "initialize session/load session/new session/prompt",
        r#"{"retold":"the agent refused to take it up: Invalid session identifier (-32603)"}"#,
    ),
    ("", OPENS, "initialize session/new session/prompt", r#"{"retold":"the agent cannot take sessions up"}"#),
];

/// The agents of all cases, behind this beginning.
fn agents(first: &str) -> impl Iterator<Item = (World, &'static str, &'static str)> {
    CASES.iter().flat_map(move |(declares, does, asked, log)| {
        both(&format!("{first}introduce '{declares}'\n{does}")).map(|world| (world, *asked, *log))
    })
}

fn methods(told: &[Value]) -> String {
    told.iter().filter_map(|line| line["method"].as_str()).collect::<Vec<_>>().join(" ")
}

/// What the agent was asked last.
fn prompt(told: &[Value]) -> String {
    let asked = told.iter().rev().find(|line| line["method"] == "session/prompt").unwrap();
    asked["params"]["prompt"][0]["text"].as_str().unwrap().to_owned()
}

/// What the log says of how conversations went on.
fn noted(world: &World) -> Vec<String> {
    let notes = world.log().into_iter().filter_map(|event| match event.body {
        EventBody::Custom { name, value, .. } if name == "ambient.conversation" => Some(value.to_string()),
        _ => None,
    });
    notes.collect()
}

#[tokio::test]
async fn an_agent_that_sleeps_wakes_with_its_conversation() {
    for (mut world, asked, note) in agents(FIRST) {
        world.session(|session| {
            session["interactive"] = json!(true);
            session["limits"]["inactivityTimeoutSeconds"] = json!(1);
        });
        let runner = world.runner().await;
        assert_eq!(runner.run(&world).await.exit, ExitReason::Idle);
        runner.client.acknowledge().await.unwrap();
        runner.ended().await.unwrap();
        let before = heard(&world).len();
        world.session(|session| session["limits"]["inactivityTimeoutSeconds"] = json!(600));
        world.next_attempt();
        world.renew_shim();
        let runner = world.runner().await;
        bounded(frames(say_when_ready(&runner.client, &world, "m1", "Who are you?").await)).await;
        runner.client.stop().await.unwrap();
        assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
        let told = heard(&world).split_off(before);
        assert_eq!((methods(&told).as_str(), noted(&world)), (asked, vec![note.to_owned()]));
        if note.contains("takenUp") {
            assert_eq!(
                (prompt(&told).as_str(), &told[1]["params"]["sessionId"]),
                ("Who are you?", &json!("s"))
            );
        } else {
            let told = prompt(&told);
            let quoted = "> User: Look over the repository.\n>\n> You: I am Alice.\n\n";
            assert!(told.contains(quoted) && told.ends_with("\n\nWho are you?"), "{told}");
        }
        let log: String = world.log().iter().map(ambient_protocol::Event::to_json).collect();
        assert_eq!((log.matches("I am Alice").count(), log.matches("Still Alice").count()), (1, 1), "{log}");
        assert!(!log.contains(r#""old""#) && !log.contains("news"), "what was before is not told twice");
    }
}

#[tokio::test]
async fn a_turn_that_was_cut_off_is_asked_again_of_an_agent_that_knows_what_was() {
    for (mut world, asked, note) in agents(CUT_OFF) {
        let first = world.process();
        let mut turn = start(&first.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
        first.kill();
        let before = heard(&world).len();
        world.next_attempt();
        let second = world.runner().await;
        let done = second.run(&world).await;
        assert_eq!(
            (done.exit, done.summary.as_str()),
            (ExitReason::Completed, "Still Alice."),
            "{}",
            done.message
        );
        let told = heard(&world).split_off(before);
        assert_eq!((methods(&told).as_str(), noted(&world)), (asked, vec![note.to_owned()]));
        let told = prompt(&told);
        let taken_up =
            "You were cut off while you worked on this. It is asked again:\n\nLook over the repository.";
        let cut_off = "> You: I am Alice.\n>\n> You used read with {\"x\":1} and it did not come to an end\n>\n> (this attempt was cut off)";
        if note.contains("takenUp") {
            assert_eq!(told, taken_up);
        } else {
            assert!(told.contains(cut_off) && told.ends_with("\n\nLook over the repository."), "{told}");
        }
    }
}

#[tokio::test]
async fn an_agent_that_ends_over_its_session_is_started_once_more_without_it() {
    let script = format!(
        "{CUT_OFF}introduce '\"loadSession\":true'\nhear\ncase \"$heard\" in *session/load*) exit 3;; esac\n\
         say '{{\"id\":1,\"result\":{{\"sessionId\":\"t\"}}}}'\nhear\ntext 'Still Alice.'\nfinish end_turn\nhear\n"
    );
    for mut world in both(&script) {
        let first = world.process();
        let mut turn = start(&first.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
        first.kill();
        world.next_attempt();
        let done = world.runner().await.run(&world).await;
        assert_eq!(
            (done.exit, done.summary.as_str()),
            (ExitReason::Completed, "Still Alice."),
            "{}",
            done.message
        );
        assert_eq!(noted(&world), [r#"{"retold":"the framework has it no more"}"#]);
        assert!(prompt(&heard(&world)).contains("> You: I am Alice."));
    }
}

#[tokio::test]
async fn a_program_that_talks_with_nobody_is_told_too() {
    let script = "[ -e \"$HEARD\" ] && again=yes\ncat >> \"$HEARD\"\necho '{\"type\":\"init\",\"session_id\":\"s\",\"model\":\"m\"}'\n\
        echo '{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"I am Alice.\",\"delta\":true}'\n\
        echo '{\"type\":\"tool_use\",\"tool_name\":\"write_file\",\"tool_id\":\"w\",\"parameters\":{\"file_path\":\"a\"}}'\n\
        [ \"$again\" ] || exec sleep 600\n\
        echo '{\"type\":\"result\",\"status\":\"success\",\"stats\":{}}'\n";
    for mut world in World::both(None) {
        let path = world.path("agent.sh");
        fs::write(&path, script).unwrap();
        let heard = world.path("heard");
        world.session(|session| {
            session["runnerType"] = json!("gemini-cli");
            session["agent"] = json!(AgentRegistry::built_in().get("gemini-cli").unwrap());
            session["agent"]["command"] = json!(["sh", path]);
            session["environment"] = json!({"HEARD": heard});
        });
        let first = world.process();
        let mut turn = start(&first.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
        first.kill();
        world.next_attempt();
        let done = world.runner().await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
        assert_eq!(noted(&world), [r#"{"retold":"the framework cannot take conversations up"}"#]);
        let heard = fs::read_to_string(&heard).unwrap();
        let quoted = "> You: I am Alice.\n>\n> You used write_file with {\"file_path\":\"a\"} and it did not come to an end";
        assert!(heard.contains(quoted), "{heard}");
    }
}
