//! The real Claude Code program against the scripted model server. Ignored unless asked for, because the program is not
//! ours to ship:
//!
//! `AMBIENT_E2E_CLAUDE=/path/to/claude e2e/run claude`

use ambient_model_server::Script;
use ambient_protocol::Answer;
use ambient_protocol::answers::Choices;
use ambient_protocol::events::EventBody;
use ambient_protocol::outcome::ExitReason;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{
    DELIVERED, World, bounded, frames, living_processes, outcome, questions, real_program, say, start,
    wait_for, with_scripted_model,
};
use crate::interactive::say_when_ready;

const PROGRAM: &str = "AMBIENT_E2E_CLAUDE";
const SLOW: &str = "steps:\n- text: I wait.\n  tools:\n  - name: Bash\n    input: {command: sleep 600, description: Wait}\n- text: never\n";

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn a_scripted_model_makes_a_patch() {
    let world = world(Script::demo(), "dummy-key-0123456789").await;
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    let repository = &done.repositories[0];
    assert!(repository.diff.insertions > 0 && repository.bundle.is_some(), "{repository:?}");
    assert!(world.collected(&["show", DELIVERED]).contains("+++ b/README.md"));
    assert!(done.usage.turns > 1 && done.usage.input_tokens > 0 && !done.summary.is_empty(), "{done:?}");
    world.has_understood_its_agent();
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn a_wrong_key_fails_at_once() {
    let script = Script::parse("key: the-right-key\nsteps:\n- text: never\n").unwrap();
    let world = world(script, "the-wrong-key-0123456789").await;
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    assert!(done.message.contains("401"), "{}", done.message);
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn a_stop_ends_a_tool_that_runs() {
    let world = world(Script::parse(SLOW).unwrap(), "dummy-key-0123456789").await;
    let runner = world.runner().await;
    let mut turn = start(&runner.client, &world).await;
    wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
    runner.client.stop().await.unwrap();
    let done = outcome(&runner.client).await;
    assert_eq!(done.exit, ExitReason::Stopped);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

/// Makes a file and ends; then, in the turns after it, says which turn of the conversation it is.
const ASKS: &str = "turns:\n\
    - text: I write.\n  tools:\n  - {name: Write, input: {file_path: made.txt, content: made}}\n\
    - text: Written.\n\
    - text: The third.\n\
    - text: The fourth.\n";

async fn asking(script: &str) -> [World; 2] {
    let mut worlds = [
        world(Script::parse(script).unwrap(), "dummy-key-0123456789").await,
        world(Script::parse(script).unwrap(), "dummy-key-0123456789").await,
    ];
    worlds[1].start_shim();
    worlds.iter_mut().for_each(|world| world.session(|session| session["approval"] = json!({"mode": "Ask"})));
    worlds
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn a_person_allows_or_denies_a_call() {
    for allowed in [true, false] {
        for world in asking(ASKS).await {
            let runner = world.runner().await;
            let asked = questions(&mut start(&runner.client, &world).await).await;
            assert_eq!(asked[0].question(), "Write: made.txt");
            assert!(!world.checkout().join("made.txt").exists());
            let id = &asked[0].id;
            let answer = if allowed { Answer::allow(id) } else { Answer::deny(id, Some("not here")) };
            runner.client.answer(vec![answer]).await.unwrap();
            let done = outcome(&runner.client).await;
            assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
            assert_eq!(world.checkout().join("made.txt").exists(), allowed);
            let told = world
                .log()
                .iter()
                .any(|event| event.to_json().contains("operator does not allow this: not here"));
            assert_eq!(told, !allowed, "the model is told who denied it, and why");
            assert!(!world.kinds().contains(&"RAW"), "every line is understood: {:?}", world.kinds());
        }
    }
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn even_reading_waits_for_consent_where_the_session_says_so() {
    let script = "turns:\n- text: I read.\n  tools:\n  - {name: Read, input: {file_path: README.md}}\n\
                  - text: I list.\n  tools:\n  - {name: Bash, input: {command: ls, description: List}}\n- text: Done.\n";
    let [mut world, _] = asking(script).await;
    world.session(|session| session["approval"]["tools"] = json!(["read"]));
    let runner = world.runner().await;
    let asked = questions(&mut start(&runner.client, &world).await).await;
    assert_eq!(asked[0].ambient_metadata("tool"), Some(&json!("Read")));
    runner.client.answer(vec![Answer::allow(&asked[0].id)]).await.unwrap();
    assert_eq!(outcome(&runner.client).await.exit, ExitReason::Completed, "and nothing else is asked for");
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn a_subagent_waits_for_consent_too() {
    let script = "turns:\n- when: {message: You are to write}\n  text: I write.\n  tools:\n\
                  \x20 - {name: Write, input: {file_path: made.txt, content: made}}\n\
                  - when: {toolResult: {tool: Write}}\n  text: Written.\n\
                  - text: I delegate.\n  tools:\n  - {name: Agent, input: {description: Write, prompt: You are to write, \
                  subagent_type: general-purpose}}\n- text: All done.\n";
    for mut world in asking(script).await {
        world.session(|session| session["approval"]["tools"] = json!(["Write"]));
        let runner = world.runner().await;
        let asked = questions(&mut start(&runner.client, &world).await).await;
        assert!(asked[0].subagent_run_id.is_some(), "{asked:?}");
        runner.client.answer(vec![Answer::allow(&asked[0].id)]).await.unwrap();
        let done = outcome(&runner.client).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
        assert_eq!(world.delivered("made.txt"), "made");
        let kinds = world.kinds();
        let count = |kind: &str| kinds.iter().filter(|other| **other == kind).count();
        assert_eq!(
            (count("SUBAGENT_STARTED"), count("SUBAGENT_FINISHED")),
            (2, 2),
            "suspended, and taken up"
        );
    }
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn the_model_asks_and_a_person_answers() {
    let script = "turns:\n- text: I ask.\n  tools:\n  - {name: AskUserQuestion, input: {questions: [{question: Which way?, header: Way, \
                  multiSelect: false, options: [{label: Left, description: l}, {label: Right, description: r}]}]}}\n- text: Thanks.\n";
    let [mut world, _] = asking(script).await;
    world.session(|session| {
        session["approval"] = json!({"mode": "Auto"});
        session["interactive"] = json!(true);
    });
    let runner = world.runner().await;
    let asked = questions(&mut start(&runner.client, &world).await).await;
    let choices = Choices { answers: [("Which way?".to_owned(), "Left".to_owned())].into() };
    let mut events = runner.client.events(0).await.unwrap();
    runner.client.answer(vec![Answer::choose(&asked[0].id, &choices)]).await.unwrap();
    let result = wait_for(&mut events, |frame| frame.data.contains("TOOL_CALL_RESULT")).await;
    assert!(result.data.contains("Left"), "{}", result.data);
    wait_for(&mut events, |frame| frame.data.contains(r#""outcome":{"type":"success"}"#)).await;
    runner.client.stop().await.unwrap();
    assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn people_talk_steer_and_break_off() {
    let script = "turns:\n- text: First.\n  usage: {input: 10, output: 1}\n\
                  - text: I wait a little.\n  usage: {input: 10, output: 1}\n  tools:\n  - {name: Bash, input: {command: sleep 2, description: Wait}}\n\
                  - text: Second.\n  usage: {input: 10, output: 1}\n\
                  - text: I wait.\n  usage: {input: 10, output: 1}\n  tools:\n  - {name: Bash, input: {command: sleep 600, description: Wait}}\n\
                  - text: Third.\n  usage: {input: 10, output: 1}\n";
    let mut world = world(Script::parse(script).unwrap(), "dummy-key-0123456789").await;
    world.session(|session| session["interactive"] = json!(true));
    let runner = world.runner().await;
    let client = &runner.client;
    bounded(frames(start(client, &world).await)).await;
    let mut turn = say(client, &world, "m1", "go on").await.unwrap();
    wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
    bounded(frames(say(client, &world, "m2", "by the way").await.unwrap())).await;
    let mut turn = say(client, &world, "m3", "wait").await.unwrap();
    wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
    client.interrupt().await.unwrap();
    let ended = bounded(frames(turn)).await.pop().unwrap();
    assert!(ended.data.contains(r#"{"type":"cancelled"}"#), "{}", ended.data);
    assert!(!living_processes(&world).is_empty(), "the program lives on");
    let ended = bounded(frames(say(client, &world, "m4", "and now?").await.unwrap())).await.pop().unwrap();
    assert!(ended.data.contains("Third."), "{}", ended.data);
    client.stop().await.unwrap();
    let done = outcome(client).await;
    assert_eq!((done.exit, done.usage.input_tokens, done.usage.output_tokens), (ExitReason::Stopped, 50, 5));
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn another_model_is_chosen_in_a_turn_and_between_two_and_outlives_the_attempt() {
    let script = "turns:\n- text: I wait a little.\n  tools:\n  - {name: Bash, input: {command: sleep 2, description: Wait}}\n\
                  - text: First.\n- text: Second.\n- text: Third.\n- text: Fourth.\n";
    let mut world = world(Script::parse(script).unwrap(), "dummy-key-0123456789").await;
    world.session(|session| {
        session["interactive"] = json!(true);
        session["allowed"] = json!({"models": ["claude-*"]});
    });
    let first = world.process();
    let client = &first.client;
    let mut turn = start(client, &world).await;
    wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
    assert!(client.choose_model("--help").await.is_err(), "no name");
    let refused = client.choose_model("gpt-5").await.unwrap_err().to_string();
    assert!(refused.contains("it allows: claude-*"), "{refused}");
    client.choose_model("claude-sonnet-4-6").await.unwrap();
    bounded(frames(turn)).await;
    let ended = bounded(frames(say(client, &world, "m1", "go on").await.unwrap())).await.pop().unwrap();
    assert!(ended.data.contains("claude-sonnet-4-6"), "{}", ended.data);
    client.choose_model("claude-haiku-4-5").await.unwrap();
    let ended = bounded(frames(say(client, &world, "m2", "go on").await.unwrap())).await.pop().unwrap();
    assert!(ended.data.contains("claude-haiku-4-5"), "{}", ended.data);
    first.kill();
    world.next_attempt();
    let second = world.process();
    let turn = say_when_ready(&second.client, &world, "m3", "and on").await;
    let ended = bounded(frames(turn)).await.pop().unwrap();
    assert!(ended.data.contains("claude-haiku-4-5"), "{}", ended.data);
    second.client.stop().await.unwrap();
    assert_eq!(outcome(&second.client).await.model.as_deref(), Some("claude-haiku-4-5"));
    let chosen = world.log().into_iter().filter_map(|event| match event.body {
        EventBody::Custom { name, value, .. } if name == "ambient.model" => Some(value),
        _ => None,
    });
    let by = |model: &str| json!({"model": model, "by": "operator"});
    assert_eq!(chosen.collect::<Vec<_>>(), [by("claude-sonnet-4-6"), by("claude-haiku-4-5")]);
    world.has_understood_its_agent();
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn a_conversation_sleeps_and_is_taken_up_by_the_next_attempt() {
    for mut world in asking(ASKS).await {
        world.session(|session| {
            session["approval"] = json!({"mode": "Auto"});
            session["interactive"] = json!(true);
            session["limits"]["inactivityTimeoutSeconds"] = json!(1);
        });
        let runner = world.runner().await;
        let done = runner.run(&world).await;
        assert_eq!((done.exit, done.summary.as_str()), (ExitReason::Idle, "Written."));
        runner.client.acknowledge().await.unwrap();
        runner.ended().await.unwrap();
        world.session(|session| session["limits"]["inactivityTimeoutSeconds"] = json!(600));
        world.next_attempt();
        world.renew_shim();
        let runner = world.runner().await;
        let turn = say_when_ready(&runner.client, &world, "m1", "good morning").await;
        let ended = bounded(frames(turn)).await.pop().unwrap();
        assert!(
            ended.data.contains("The third."),
            "the model has heard what was said before: {}",
            ended.data
        );
        runner.client.stop().await.unwrap();
        assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
    }
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn a_turn_cut_off_by_kill_9_is_run_again_or_begun_again_where_its_conversation_is_lost() {
    for lost in [false, true] {
        // A program that is asked to end still notes that its call was not allowed, and is then told to go on; one whose
        // conversation is lost is told all again.
        let write =
            "\n  text: I write.\n  tools:\n  - {name: Write, input: {file_path: made.txt, content: made}}\n";
        let script = format!(
            "turns:\n- when: {{message: Look over}}{write}- when: {{message: Continue}}{write}- text: Written.\n"
        );
        for mut world in asking(&script).await {
            let first = world.process();
            let asked = questions(&mut start(&first.client, &world).await).await;
            let transcript = bounded(transcript(&world)).await;
            first.kill();
            if lost {
                std::fs::remove_file(&transcript).unwrap();
            }
            world.next_attempt();
            let second = world.process();
            let again = questions(&mut start(&second.client, &world).await).await;
            assert!(again[0].id != asked[0].id && again[0].question() == "Write: made.txt");
            second.client.answer(vec![Answer::allow(&again[0].id)]).await.unwrap();
            let done = outcome(&second.client).await;
            assert_eq!(
                (done.exit, done.summary.as_str()),
                (ExitReason::Completed, "Written."),
                "{}",
                done.message
            );
            assert_eq!(world.delivered("made.txt"), "made");
        }
    }
}

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn a_turn_cut_off_by_the_end_of_its_pod_is_run_again_in_another() {
    let script = "turns:\n- text: I wait.\n  tools:\n  - {name: Bash, input: {command: sleep 600, description: Wait}}\n\
                  - text: Well then.\n- text: Well then.\n";
    let mut world = world(Script::parse(script).unwrap(), "dummy-key-0123456789").await;
    let first = world.process();
    let mut turn = start(&first.client, &world).await;
    wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
    bounded(transcript(&world)).await;
    first.signal(Signal::SIGTERM);
    assert_eq!(outcome(&first.client).await.exit, ExitReason::Stopped);
    first.client.acknowledge().await.unwrap();
    first.exit_code().await;
    world.next_attempt();
    let second = world.runner().await;
    let done = second.run(&world).await;
    assert_eq!((done.exit, done.summary.as_str()), (ExitReason::Completed, "Well then."), "{}", done.message);
}

/// Waits until the program has written the call that waits down, and gives the file.
async fn transcript(world: &World) -> std::path::PathBuf {
    let homes = [world.path("volume/state/agent-home"), world.path("home")];
    loop {
        let projects =
            homes.iter().filter_map(|home| std::fs::read_dir(home.join(".claude/projects")).ok()).flatten();
        let files = projects.flatten().filter_map(|project| std::fs::read_dir(project.path()).ok()).flatten();
        let mut paths = files.flatten().map(|file| file.path());
        let written = |path: &std::path::PathBuf| {
            std::fs::read_to_string(path).is_ok_and(|text| text.contains("tool_use"))
        };
        if let Some(path) = paths.find(written) {
            return path;
        }
        tokio::task::yield_now().await;
    }
}

async fn world(script: Script, key: &str) -> World {
    let (mut world, model) = with_scripted_model("claude-agent-sdk", script).await;
    world.session(|session| {
        session["agent"]["command"] = json!([real_program(PROGRAM)]);
        session["environment"] = json!({"ANTHROPIC_BASE_URL": model, "IS_SANDBOX": "1"});
    });
    world.variable("ANTHROPIC_API_KEY", key);
    world
}
