//! A run by the bridge for Gemini CLI, with a shell script in the program's place that says what the program was
//! recorded to say. (`real_gemini` has the program itself.)

use std::fs;
use std::time::Duration;

use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{AgentRegistry, Outcome};
use serde_json::json;

use crate::harness::{PROMPT, World};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/gemini-0.61.0.jsonl");
const ASKED: &str =
    r#"echo '{"type":"init","model":"m"}'; echo '{"type":"message","role":"user","content":"x"}';"#;
const SAID: &str = r#"echo '{"type":"message","role":"assistant","content":"Done."}';"#;
const SUCCESS: &str =
    r#"echo '{"type":"result","status":"success","stats":{"total_tokens":3,"input_tokens":2}}';"#;

fn playing(mut world: World, script: &str) -> World {
    world.session(|session| {
        session["runnerType"] = json!("gemini-cli");
        session["agent"] = json!(AgentRegistry::built_in().get("gemini-cli").unwrap());
        session["agent"]["command"] = json!(["/bin/sh", "-c", script, "gemini"]);
    });
    world
}

async fn run(script: &str) -> (World, Outcome) {
    let world = playing(World::new(None), script);
    let done = world.runner().await.run(&world).await;
    (world, done)
}

#[tokio::test]
async fn a_recorded_run_finds_its_settings_and_its_prompt() {
    let script = format!("cat > asked; cp \"$GEMINI_CLI_HOME/.gemini/settings.json\" .; cat '{RECORDED}'");
    for world in World::both(None) {
        let world = playing(world, &script);
        let done = world.runner().await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
        assert_eq!(done.summary, "I wrote `NOTES.md`. Nothing else was changed.");
        assert_eq!((done.usage.turns, done.usage.input_tokens, done.usage.output_tokens), (3, 7800, 120));
        let shown = |file: &str| world.delivered(file);
        assert_eq!(shown("asked"), PROMPT);
        assert!(
            shown("settings.json").contains("gemini-api-key"),
            "written for the agent, by whoever starts it"
        );
        assert!(!world.kinds().contains(&"RAW"));
    }
}

#[tokio::test]
async fn a_model_that_does_not_answer_is_named_with_what_the_agent_wrote() {
    let script = format!("echo 'Attempt 2 failed with status 503.' >&2; {ASKED} exec sleep 600");
    let world = playing(World::new(None), &script);
    let mut config = world.config();
    config.watchdogs.model = Duration::from_secs(1);
    let done = world.runner_with(config).await.run(&world).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    let expected = "the model gave no answer for 1 s, and the agent was ended; it wrote: Attempt 2 failed with status 503.";
    assert_eq!(done.message, expected);
}

#[tokio::test]
async fn an_end_without_a_result_is_a_crash_also_with_exit_code_0() {
    let (_, done) = run(&format!("{ASKED} {SAID} exit 0")).await;
    assert_eq!(done.exit, ExitReason::AgentCrashed);
    assert_eq!(done.message, "the agent ended with exit code 0 without giving a result");
    let (_, done) = run(&format!("{ASKED} {SAID} {SUCCESS} exit 144")).await;
    assert_eq!(done.exit, ExitReason::Completed, "{}", done.message);
}

#[tokio::test]
async fn what_is_no_event_is_kept_and_harms_nothing() {
    let huge = "head -c 9000000 /dev/zero | tr '\\0' x; echo;";
    let (world, done) = run(&format!("{ASKED} echo 'not json'; {huge} {SAID} {SUCCESS}")).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    assert_eq!(world.kinds().iter().filter(|kind| **kind == "RAW").count(), 2);
    let log = fs::metadata(world.path("volume/state/events.jsonl")).unwrap();
    assert!(log.len() < 100_000, "a line over the limit is not stored whole");
}
