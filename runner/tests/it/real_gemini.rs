//! The real Gemini CLI against the scripted model server. Ignored unless asked for, because the program is not ours to
//! ship:
//!
//! `AMBIENT_E2E_GEMINI=/path/to/gemini e2e/run gemini`

use std::fs;
use std::time::Duration;

use ambient_model_server::Script;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Answer, Event};
use serde_json::{Value, json};

use crate::harness::{
    DELIVERED, World, bounded, commit, frames, living_processes, outcome, questions, real_program, say,
    start, wait_for, with_scripted_model,
};
use crate::interactive::say_when_ready;

const PROGRAM: &str = "AMBIENT_E2E_GEMINI";
const KEY: &str = "dummy-key-0123456789";
const SLOW: &str = "turns:\n- text: I wait.\n  tools:\n  - name: run_shell_command\n    input: {command: sleep 600}\n- text: never\n";
const OVERLOADED: &str = "turns:\n- when: {turn: 1}\n  fault: {status: 503}\n- text: never\n";
const GIT: &str = "turns:\n- tools:\n  - name: run_shell_command\n    input: {command: 'git log --oneline && env > variables'}\n- text: Done.\n";

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn a_scripted_model_makes_a_patch() {
    let world = world(Script::demo(), KEY).await;
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    let repository = &done.repositories[0];
    assert!(repository.diff.insertions > 0 && repository.bundle.is_some(), "{repository:?}");
    assert!(world.collected(&["show", DELIVERED]).contains("+++ b/README.md"));
    assert_eq!(done.usage.turns, 3);
    assert!(done.usage.input_tokens > 0 && done.summary.contains("Written by an agent"), "{done:?}");
    world.has_understood_its_agent();
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn a_wrong_key_fails_at_once() {
    let script = Script::parse("key: the-right-key\nturns:\n- text: never\n").unwrap();
    let world = world(script, "the-wrong-key-0123456789").await;
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    assert!(done.message.contains("refused the key (400, API_KEY_INVALID)"), "{}", done.message);
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn a_stop_ends_a_tool_that_runs() {
    let world = world(Script::parse(SLOW).unwrap(), KEY).await;
    let runner = world.runner().await;
    let mut turn = start(&runner.client, &world).await;
    wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
    runner.client.stop().await.unwrap();
    let done = outcome(&runner.client).await;
    assert_eq!(done.exit, ExitReason::Stopped);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn a_turn_is_broken_off_and_the_talk_goes_on() {
    let script = SLOW.replace("- text: never", "- text: Well then.\n- text: Well then.");
    let mut world = world(Script::parse(&script).unwrap(), KEY).await;
    world.session(|session| session["interactive"] = json!(true));
    let runner = world.runner().await;
    let mut turn = start(&runner.client, &world).await;
    wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_START")).await;
    runner.client.interrupt().await.unwrap();
    let ended = bounded(frames(turn)).await.pop().unwrap();
    assert!(ended.data.contains(r#"{"type":"cancelled"}"#), "{}", ended.data);
    let turn = bounded(frames(say(&runner.client, &world, "m1", "and now?").await.unwrap())).await;
    assert!(turn.iter().any(|frame| frame.data.contains("Well then.")), "{turn:?}");
    runner.client.stop().await.unwrap();
    assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn silent_retries_are_bounded_and_named() {
    let world = world(Script::parse(OVERLOADED).unwrap(), KEY).await;
    let mut config = world.config();
    config.watchdogs.model = Duration::from_secs(8);
    let done = world.runner_with(config).await.run(&world).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    assert!(done.message.starts_with("the model gave no answer for 8 s"), "{}", done.message);
    assert!(done.message.contains("503"), "{}", done.message);
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn nothing_of_the_repository_configures_the_agent() {
    for apart in [false, true] {
        let mut world = world(Script::parse(GIT).unwrap(), KEY).await;
        let target = world.path("target");
        let mark = world.path("mark");
        let touch = format!("touch {}", mark.display());
        let hook = json!([{"matcher": "*", "hooks": [{"type": "command", "name": "x", "command": touch}]}]);
        let settings = json!({
            "hooksConfig": {"enabled": true}, "hooks": {"SessionStart": hook, "BeforeTool": hook},
            "mcpServers": {"x": {"command": "sh", "args": ["-c", touch]}}, "model": {"maxSessionTurns": 1},
        });
        fs::create_dir_all(target.join(".gemini")).unwrap();
        fs::write(target.join(".gemini/settings.json"), settings.to_string()).unwrap();
        fs::write(
            target.join(".gemini/.env"),
            "GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:1\nNODE_TLS_REJECT_UNAUTHORIZED=0\n",
        )
        .unwrap();
        commit(&target, "Configure agents");
        if apart {
            world.start_shim();
        }
        let done = world.runner().await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""), "apart: {apart}");
        assert!(!mark.exists(), "a hook or an MCP server of the repository ran");
        let variables = world.delivered("variables");
        assert!(!variables.lines().any(|line| line == "NODE_TLS_REJECT_UNAUTHORIZED=0"), "{variables}");
        let result = world.log().iter().map(Event::to_json).find(|json| json.contains("TOOL_CALL_RESULT"));
        assert!(result.unwrap().contains("Configure agents"), "git works in the agent's shell");
    }
}

/// Makes a file, runs a command, and ends; each further turn is another one.
const WORKS: &str = "turns:\n\
    - text: I write.\n  tools:\n  - {name: write_file, input: {file_path: made.txt, content: made}}\n\
    - text: I run.\n  tools:\n  - {name: run_shell_command, input: {command: 'cp made.txt copy.txt'}}\n\
    - text: Done.\n- text: The second answer.\n";

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn people_allow_and_deny_what_the_session_holds() {
    // Tools that are held; whether each question is answered with yes; what is there in the end.
    let cases: [(Value, &[bool], bool, bool); 3] = [
        (json!([]), &[true, true], true, true),
        (json!(["run_shell_command"]), &[false], true, false),
        (json!(["write_file"]), &[true], true, true),
    ];
    for (tools, answers, made, copied) in cases {
        let mut worlds = [
            world(Script::parse(WORKS).unwrap(), KEY).await,
            world(Script::parse(WORKS).unwrap(), KEY).await,
        ];
        worlds[1].start_shim();
        for mut world in worlds {
            world.session(|session| session["approval"] = json!({"mode": "Ask", "tools": tools}));
            let runner = world.runner().await;
            let mut events = runner.client.events(0).await.unwrap();
            let _turn = start(&runner.client, &world).await;
            for allowed in answers {
                let asked = questions(&mut events).await;
                let id = &asked[0].id;
                let answer = if *allowed { Answer::allow(id) } else { Answer::deny(id, None) };
                runner.client.answer(vec![answer]).await.unwrap();
            }
            let done = outcome(&runner.client).await;
            assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""), "{tools}");
            let is_there = |name: &str| world.checkout().join(name).exists();
            assert_eq!((is_there("made.txt"), is_there("copy.txt")), (made, copied), "{tools}");
            assert!(!world.kinds().contains(&"RAW"), "every line is understood: {:?}", world.kinds());
        }
    }
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn people_talk_with_it() {
    let mut world = world(Script::parse(WORKS).unwrap(), KEY).await;
    world.session(|session| session["interactive"] = json!(true));
    let runner = world.runner().await;
    bounded(frames(start(&runner.client, &world).await)).await;
    assert!(world.checkout().join("copy.txt").exists(), "nothing is held");
    let turn = bounded(frames(say(&runner.client, &world, "m1", "and now?").await.unwrap())).await;
    assert!(turn.iter().any(|frame| frame.data.contains("second")), "{turn:?}");
    runner.client.choose_model("gemini-2.5-pro").await.unwrap();
    let turn =
        bounded(frames(say(&runner.client, &world, "m2", "and by another model?").await.unwrap())).await;
    assert!(turn.last().unwrap().data.contains("gemini-2.5-pro"), "{:?}", turn.last());
    runner.client.stop().await.unwrap();
    let done = outcome(&runner.client).await;
    assert_eq!(done.exit, ExitReason::Stopped);
    assert!(done.usage.input_tokens > 0);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn a_conversation_that_sleeps_is_told_again() {
    let script = format!("turns:\n- when: {{message: '> You: Done.'}}\n  text: I am told.\n{}", &WORKS[7..]);
    let mut worlds = [
        world(Script::parse(&script).unwrap(), KEY).await,
        world(Script::parse(&script).unwrap(), KEY).await,
    ];
    worlds[1].start_shim();
    for mut world in worlds {
        world.session(|session| {
            session["interactive"] = json!(true);
            session["limits"]["inactivityTimeoutSeconds"] = json!(1);
        });
        let runner = world.runner().await;
        assert_eq!(runner.run(&world).await.exit, ExitReason::Idle);
        runner.client.acknowledge().await.unwrap();
        runner.ended().await.unwrap();
        world.session(|session| session["limits"]["inactivityTimeoutSeconds"] = json!(600));
        world.next_attempt();
        world.renew_shim();
        let runner = world.runner().await;
        let turn = say_when_ready(&runner.client, &world, "m1", "good morning").await;
        let said: String = bounded(frames(turn)).await.into_iter().map(|frame| frame.data).collect();
        assert!(said.contains("told"), "{said}");
        assert!(said.contains(r#""retold":"the agent refused to take it up"#), "{said}");
        runner.client.stop().await.unwrap();
        assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
    }
}

async fn world(script: Script, key: &str) -> World {
    let (mut world, model) = with_scripted_model("gemini-cli", script).await;
    world.session(|session| {
        session["agent"]["command"] = json!([real_program(PROGRAM)]);
        session["model"]["name"] = json!("gemini-2.5-flash");
        session["environment"] = json!({"GOOGLE_GEMINI_BASE_URL": model});
    });
    world.variable("GEMINI_API_KEY", key);
    world
}
