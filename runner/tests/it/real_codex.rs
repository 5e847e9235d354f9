//! The real Codex by its adapter to the Agent Client Protocol, against the scripted model server. Ignored unless asked for,
//! because the programs are not ours to ship:
//!
//! `AMBIENT_E2E_CODEX_ACP=/path/to/codex-acp e2e/run codex`

use std::fs;

use ambient_model_server::Script;
use ambient_protocol::broker::{LENT_KEY, RUNNER_SECRET};
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Answer, Event};
use serde_json::json;

use crate::harness::{
    CODEX, World, bounded, frames, lend, living_processes, outcome, questions, start, wait_for,
};
use crate::interactive::say_when_ready;

const KEY: &str = "the-right-key-0123456789";
/// Makes a file, and ends; then says which turn of the conversation it is.
const WRITES: &str = "turns:\n\
    - reasoning: I should write.\n  text: I write.\n  tools:\n  - {name: exec_command, input: {cmd: 'env > variables; echo made | tee made.txt'}}\n\
    - text: Written.\n- text: The third.\n";
/// Asks for more than it may do by itself.
const ASKS: &str = "turns:\n\
    - text: I write.\n  tools:\n  - {name: exec_command, input: {cmd: 'echo made > made.txt', sandbox_permissions: require_escalated, justification: May I?}}\n\
    - text: Written.\n";
const SLOW: &str = "turns:\n- text: I wait.\n  tools:\n  - {name: exec_command, input: {cmd: sleep 600, yield_time_ms: 600000}}\n- text: never\n";

async fn both(script: &str) -> [World; 2] {
    let mut worlds = [
        CODEX.world(Script::parse(script).unwrap()).await,
        CODEX.world(Script::parse(script).unwrap()).await,
    ];
    worlds[1].start_shim();
    worlds
}

/// What the log says of how the conversation went on.
fn noted(world: &World) -> String {
    let notes = world.log().into_iter().map(|event| event.to_json());
    notes.filter(|note| note.contains("ambient.conversation")).collect()
}

#[tokio::test]
#[ignore = "needs Codex by ACP: set AMBIENT_E2E_CODEX_ACP to its program"]
async fn files_are_changed_by_an_agent_that_never_sees_the_key() {
    for mut world in both(&format!("key: {KEY}\n{WRITES}")).await {
        let model = world.effective()["environment"]["OPENAI_BASE_URL"].as_str().unwrap().to_owned();
        let secret = [("OPENAI_API_KEY", KEY), ("OPENAI_BASE_URL", &model)];
        world.variable("AMBIENT_SANDBOX", "auto");
        let _broker = lend(&mut world, RUNNER_SECRET, &secret).await;
        let done = world.runner().await.run(&world).await;
        assert_eq!(
            (done.exit, done.message.as_str(), done.summary.as_str()),
            (ExitReason::Completed, "", "Written.")
        );
        assert_eq!(world.delivered("made.txt"), "made");
        assert_eq!(done.model.as_deref(), Some("gpt-5.5"));
        assert!(done.usage.input_tokens > 0 && done.usage.output_tokens > 0, "{:?}", done.usage);
        let variables = world.delivered("variables");
        assert!(
            variables.contains(&format!("OPENAI_API_KEY={LENT_KEY}")) && !variables.contains(KEY),
            "{variables}"
        );
        let result = world.log().iter().map(Event::to_json).find(|json| json.contains("TOOL_CALL_RESULT"));
        assert!(result.unwrap().contains(r#""content":"made\n""#), "what the command put out is shown");
        let kinds = world.kinds();
        for kind in ["TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT", "TOOL_CALL_ARGS"] {
            assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Codex by ACP: set AMBIENT_E2E_CODEX_ACP to its program"]
async fn a_wrong_key_fails() {
    let world = CODEX.world(Script::parse(&format!("key: {KEY}\n{WRITES}")).unwrap()).await;
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    assert!(done.message.contains("Authentication required"), "{}", done.message);
}

#[tokio::test]
#[ignore = "needs Codex by ACP: set AMBIENT_E2E_CODEX_ACP to its program"]
async fn a_person_allows_or_denies_a_call() {
    for allowed in [true, false] {
        for mut world in both(ASKS).await {
            world.session(|session| {
                session["approval"] = json!({"mode": "Ask"});
                session["environment"]["INITIAL_AGENT_MODE"] = json!("read-only");
            });
            let runner = world.runner().await;
            let asked = questions(&mut start(&runner.client, &world).await).await;
            assert_eq!(asked[0].question(), "echo made > made.txt");
            let id = &asked[0].id;
            let answer = if allowed { Answer::allow(id) } else { Answer::deny(id, Some("not here")) };
            runner.client.answer(vec![answer]).await.unwrap();
            let done = outcome(&runner.client).await;
            let (exit, message) = match allowed {
                true => (ExitReason::Completed, ""),
                false => (ExitReason::AgentFailed, "the agent gave its turn up because a call was denied"),
            };
            assert_eq!((done.exit, done.message.as_str()), (exit, message));
            assert_eq!(world.checkout().join("made.txt").exists(), allowed);
        }
    }
}

#[tokio::test]
#[ignore = "needs Codex by ACP: set AMBIENT_E2E_CODEX_ACP to its program"]
async fn a_stop_ends_a_tool_that_runs() {
    for world in both(SLOW).await {
        let runner = world.runner().await;
        let mut turn = start(&runner.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
        runner.client.stop().await.unwrap();
        assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
        assert_eq!(living_processes(&world), Vec::<i32>::new());
    }
}

#[tokio::test]
#[ignore = "needs Codex by ACP: set AMBIENT_E2E_CODEX_ACP to its program"]
async fn a_conversation_sleeps_and_is_taken_up_or_told_again_where_it_is_lost() {
    for lost in [false, true] {
        let script =
            format!("turns:\n- when: {{message: '> You: Written.'}}\n  text: I am told.\n{}", &WRITES[7..]);
        for mut world in both(&script).await {
            world.session(|session| {
                session["interactive"] = json!(true);
                session["limits"]["inactivityTimeoutSeconds"] = json!(1);
            });
            let runner = world.runner().await;
            let done = runner.run(&world).await;
            assert_eq!(
                (done.exit, done.summary.as_str()),
                (ExitReason::Idle, "Written."),
                "{}",
                done.message
            );
            runner.client.acknowledge().await.unwrap();
            runner.ended().await.unwrap();
            if lost {
                let homes = [world.path("volume/state/agent-home"), world.path("home")];
                let homes = homes.iter().filter(|home| home.join(".codex").exists());
                homes.for_each(|home| fs::remove_dir_all(home.join(".codex")).unwrap());
            }
            world.session(|session| session["limits"]["inactivityTimeoutSeconds"] = json!(600));
            world.next_attempt();
            world.renew_shim();
            let runner = world.runner().await;
            let turn = say_when_ready(&runner.client, &world, "m1", "good morning").await;
            let said = bounded(frames(turn)).await.into_iter().map(|frame| frame.data).collect::<String>();
            runner.client.stop().await.unwrap();
            assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
            let (words, note) = if lost { ("told", "retold") } else { ("third", "takenUp") };
            assert!(said.contains(words) && noted(&world).contains(note), "{said}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Codex by ACP: set AMBIENT_E2E_CODEX_ACP to its program"]
async fn a_turn_cut_off_by_kill_9_is_asked_again() {
    let script = format!("turns:\n- when: {{message: You were cut off}}\n  text: I go on.\n{}", &SLOW[7..]);
    for mut world in both(&script).await {
        let first = world.process();
        let mut turn = start(&first.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
        first.kill();
        world.next_attempt();
        let second = world.process();
        let _turn = start(&second.client, &world).await;
        let done = outcome(&second.client).await;
        assert_eq!(
            (done.exit, done.summary.as_str()),
            (ExitReason::Completed, "I go on."),
            "{}",
            done.message
        );
        assert!(noted(&world).contains("takenUp"));
        assert_eq!(living_processes(&world), Vec::<i32>::new());
    }
}
