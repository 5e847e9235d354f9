//! A real agent of the Agent Client Protocol, Gemini CLI, against the scripted model server. Ignored unless asked for,
//! because the program is not ours to ship:
//!
//! `AMBIENT_E2E_GEMINI=/path/to/gemini e2e/run gemini`

use ambient_model_server::Script;
use ambient_protocol::events::{EventBody, RunOutcome};
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Answer, Event};
use serde_json::json;

use crate::harness::{World, living_processes, outcome, real_program, start, wait_for, with_scripted_model};

const PROGRAM: &str = "AMBIENT_E2E_GEMINI";
const KEY: &str = "dummy-key-0123456789";
const WRITE: &str = "turns:\n- reasoning: I should write.\n  text: I write.\n  tools:\n  - name: write_file\n    input: {file_path: made.txt, content: \"made\\n\"}\n  - name: run_shell_command\n    input: {command: 'cat made.txt > copy.txt'}\n- text: Written.\n";
const SLOW: &str = "turns:\n- text: I wait.\n  tools:\n  - name: run_shell_command\n    input: {command: sleep 600}\n- text: never\n";
const LOCKED: &str = "key: the-right-key\nturns:\n- text: never\n";

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn files_are_written_with_permission_on_both_carriers() {
    for apart in [false, true] {
        let world = world(WRITE, KEY, apart).await;
        let done = world.runner().await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""), "apart: {apart}");
        assert_eq!(world.delivered("made.txt"), "made", "apart: {apart}");
        assert_eq!(world.delivered("copy.txt"), "made", "apart: {apart}");
        assert!(done.usage.input_tokens > 0 && done.summary.contains("Written"), "{done:?}");
        assert_eq!(done.model.as_deref(), Some("gemini-2.5-flash"));
        let kinds = world.kinds();
        for kind in ["TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", "TOOL_CALL_RESULT", "CUSTOM"] {
            assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
        }
        assert!(!kinds.contains(&"RAW"), "every line is understood: {kinds:?}");
    }
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn what_a_person_denies_is_not_done() {
    let mut world = world(WRITE, KEY, false).await;
    world.session(|session| session["approval"] = json!({"mode": "Ask"}));
    let runner = world.runner().await;
    let mut events = runner.client.events(0).await.unwrap();
    let _turn = start(&runner.client, &world).await;
    loop {
        let ended = wait_for(&mut events, |frame| frame.data.contains(r#""type":"RUN_FINISHED""#)).await;
        let EventBody::RunFinished { outcome: Some(RunOutcome::Interrupt { interrupts }), .. } =
            Event::parse(&ended.data).unwrap().body
        else {
            break;
        };
        runner.client.answer(vec![Answer::deny(&interrupts[0].id, None)]).await.unwrap();
    }
    let done = outcome(&runner.client).await;
    assert!(!world.checkout().join("made.txt").exists(), "{} {}", done.exit.as_str(), done.message);
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn a_stop_cancels_a_tool_that_runs() {
    let world = world(SLOW, KEY, false).await;
    let runner = world.runner().await;
    let mut turn = start(&runner.client, &world).await;
    wait_for(&mut turn, |frame| frame.data.contains("ambient.permission")).await;
    runner.client.stop().await.unwrap();
    let done = outcome(&runner.client).await;
    assert_eq!(done.exit, ExitReason::Stopped);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn a_wrong_key_fails_with_the_services_words() {
    let world = world(LOCKED, "the-wrong-key-0123456789", false).await;
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    assert!(done.message.contains("API_KEY_INVALID"), "{}", done.message);
}

async fn world(script: &str, key: &str, apart: bool) -> World {
    let (mut world, model) = with_scripted_model("acp", Script::parse(script).unwrap()).await;
    world.session(|session| {
        session["model"]["name"] = json!("gemini-2.5-flash");
        session["environment"] = json!({
            "ACP_COMMAND": format!("{} --acp", real_program(PROGRAM)),
            "ACP_AUTH_METHOD": "gemini-api-key",
            "GOOGLE_GEMINI_BASE_URL": model,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_CLI_NO_RELAUNCH": "true",
        });
    });
    world.variable("GEMINI_API_KEY", key);
    if apart {
        world.start_shim();
    }
    world
}
