//! Agents of the Agent Client Protocol: small ones, written in shell, one for each way they can behave.

use std::time::Duration;

use ambient_protocol::answers::Consent;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Answer, Event};
use serde_json::json;

use crate::harness::acp::{alone, answer, both, heard, with};
use crate::harness::{World, bounded, frames, living_processes, outcome, questions, say, start, wait_for};

#[tokio::test]
async fn a_turn_from_its_introduction_to_its_result() {
    let script = r#"begin
text 'I look.'
permission may
request write fs/write_text_file '{"sessionId":"s","path":"'"$PWD"'/made.txt","content":"made\n"}'
request read fs/read_text_file '{"sessionId":"s","path":"'"$PWD"'/made.txt"}'
request none fs/read_text_file '{"sessionId":"s","path":"'"$PWD"'/none.txt"}'
request out fs/write_text_file '{"sessionId":"s","path":"'"$HEARD"'.made","content":"x"}'
request new terminal/moonrise '{}'
update '{"sessionUpdate":"tool_call_update","toolCallId":"call","status":"completed","rawOutput":"fine"}'
update '{"sessionUpdate":"plan","entries":[{"content":"Look","status":"completed","priority":"low"}]}'
text 'Done.'
finish end_turn
hear
"#;
    for world in both(script) {
        let done = world.runner().await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
        assert_eq!(
            (done.summary.as_str(), done.usage.input_tokens, done.usage.output_tokens),
            ("Done.", 3, 2)
        );
        assert_eq!(world.delivered("made.txt"), "made");
        assert_eq!(answer(&world, "may")["result"]["outcome"]["optionId"], "yes");
        assert_eq!(answer(&world, "read")["result"]["content"], "made\n");
        assert_eq!(answer(&world, "none")["error"]["code"], -32002);
        assert_eq!(answer(&world, "out")["error"]["code"], -32602);
        assert_eq!(answer(&world, "new")["error"]["code"], -32601);
        assert!(!world.path("heard.made").exists());
        let kinds = world.kinds();
        assert!(!kinds.contains(&"RAW"), "{kinds:?}");
        for kind in ["TOOL_CALL_ARGS", "TOOL_CALL_RESULT", "ACTIVITY_SNAPSHOT", "TEXT_MESSAGE_CONTENT"] {
            assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
        }
    }
}

#[tokio::test]
async fn terminals_run_beside_the_runner_and_end_with_the_turn() {
    let script = r#"begin
request one terminal/create '{"sessionId":"s","command":"sh","args":["-c","pwd; exit 3"]}'
request wait terminal/wait_for_exit '{"sessionId":"s","terminalId":"1"}'
request output terminal/output '{"sessionId":"s","terminalId":"1"}'
request two terminal/create '{"sessionId":"s","command":"sleep 600 & setsid sleep 600 & sleep 600"}'
request far terminal/create '{"sessionId":"s","command":"pwd","cwd":"/"}'
finish end_turn
hear
"#;
    let world = alone(script);
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    assert_eq!(answer(&world, "wait")["result"], json!({"exitCode": 3, "signal": null}));
    let checkout = world.checkout();
    assert_eq!(answer(&world, "output")["result"]["output"], format!("{}\n", checkout.display()));
    assert!(answer(&world, "two")["result"].is_object() && answer(&world, "far")["error"].is_object());
    assert_eq!(living_processes(&world), Vec::<i32>::new());

    let mut apart = World::new(None);
    apart.start_shim();
    let apart =
        with(apart, "begin\nrequest one terminal/create '{\"command\":\"id\"}'\nfinish end_turn\nhear\n");
    apart.runner().await.run(&apart).await;
    assert_eq!(answer(&apart, "one")["error"]["code"], -32601, "the runner's container starts nothing");
    assert_eq!(heard(&apart)[0]["params"]["clientCapabilities"]["terminal"], false);
}

#[tokio::test]
async fn where_calls_are_put_to_a_person_the_runner_makes_none_for_an_agent() {
    let script = r#"begin
request start terminal/create '{"sessionId":"s","command":"id"}'
request write fs/write_text_file '{"sessionId":"s","path":"'"$PWD"'/made.txt","content":"made\n"}'
request read fs/read_text_file '{"sessionId":"s","path":"'"$PWD"'/README.md"}'
finish end_turn
hear
"#;
    for mut world in both(script) {
        world.session(|session| session["approval"] = json!({"mode": "Ask", "tools": ["edit"]}));
        let done = world.runner().await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
        for id in ["start", "write", "read"] {
            assert_eq!(answer(&world, id)["error"]["code"], -32601, "{id}");
        }
        let offers = &heard(&world)[0]["params"]["clientCapabilities"];
        assert_eq!((&offers["terminal"], &offers["fs"]["writeTextFile"]), (&json!(false), &json!(false)));
        assert!(!world.checkout().join("made.txt").exists());
    }
}

#[tokio::test]
async fn agents_that_end_in_mid_turn_are_named() {
    let crashed = ExitReason::AgentCrashed;
    let cases = [
        (
            "echo 'no key' >&2\nexit 4\n",
            crashed,
            "exit code 4 before it answered `initialize` of the Agent Client Protocol; it wrote: no key",
        ),
        ("introduce\nexit 0\n", crashed, "exit code 0 before it had a session"),
        (
            "begin\ntext 'I am'\nexit 3\n",
            crashed,
            "the agent ended with exit code 3 in the middle of its turn",
        ),
        ("begin\nfinish refusal\n", ExitReason::AgentFailed, "the agent refused to go on"),
        ("begin\nfinish max_tokens\n", ExitReason::BudgetExceeded, "limit of tokens"),
        (
            "hear\nsay '{\"id\":0,\"result\":{\"protocolVersion\":7}}'\nhear\n",
            ExitReason::AgentFailed,
            "version 7",
        ),
        (
            "begin\nhead -c 9000000 /dev/zero | tr '\\0' x\necho\nhear\n",
            ExitReason::AgentFailed,
            "too long to be answered",
        ),
    ];
    for (script, exit, message) in cases {
        for world in both(script) {
            let done = world.runner().await.run(&world).await;
            assert_eq!(done.exit, exit, "{script}: {}", done.message);
            assert!(done.message.contains(message), "{script}: {}", done.message);
            assert_eq!(world.kinds().last(), Some(&"RUN_ERROR"));
        }
    }
}

#[tokio::test]
async fn an_agent_that_stays_after_its_result_is_ended() {
    let world = alone("begin\ntext 'Done.'\nfinish end_turn\nexec sleep 600\n");
    let mut config = world.config();
    config.watchdogs.courtesy = Duration::from_millis(100);
    let done = world.runner_with(config).await.run(&world).await;
    assert_eq!((done.exit, done.summary.as_str()), (ExitReason::Completed, "Done."));
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
async fn a_stop_cancels_the_turn_and_hears_the_agent_out() {
    let script = "begin\ntext waiting\nhear\ntext ' stopped'\nfinish cancelled\nhear\n";
    for world in both(script) {
        let runner = world.runner().await;
        let mut turn = start(&runner.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_START")).await;
        runner.client.stop().await.unwrap();
        let done = outcome(&runner.client).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Stopped, "the run was stopped"));
        assert_eq!(done.summary, "waiting stopped");
        let told = heard(&world);
        assert_eq!(told.last().unwrap()["method"], "session/cancel");
        assert_eq!(living_processes(&world), Vec::<i32>::new());
    }
}

#[tokio::test]
async fn an_agent_deaf_to_a_stop_is_ended_all_the_same() {
    let world = alone("trap '' TERM\nbegin\ntext waiting\nwhile :; do sleep 600; done\n");
    let mut config = world.config();
    config.watchdogs.courtesy = Duration::from_millis(100);
    config.watchdogs.grace = Duration::from_millis(100);
    let runner = world.runner_with(config).await;
    let mut turn = start(&runner.client, &world).await;
    wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_START")).await;
    runner.client.stop().await.unwrap();
    assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
async fn a_person_is_asked_for_what_wants_consent() {
    let other = Consent { approved: true, updated_input: Some(json!({"x": 2})), message: None };
    let cases = [
        (Answer::allow(""), "yes", "allowed by operator"),
        (Answer::deny("", Some("not now")), "no", "denied by operator: not now"),
        (Answer::cancelled(""), "no", "denied by operator"),
        (Answer::consent("", &other), "no", "can make the call only as it is"),
    ];
    for (answered, option, told) in cases {
        for mut world in both("begin\ntext 'I ask.'\npermission may\nfinish end_turn\nhear\n") {
            world.session(|session| session["approval"] = json!({"mode": "Ask"}));
            let runner = world.runner().await;
            let asked = questions(&mut start(&runner.client, &world).await).await;
            assert_eq!((asked[0].question(), asked[0].tool_call_id.as_deref()), ("Do it", Some("call")));
            let interrupt_id = asked[0].id.clone();
            runner.client.answer(vec![Answer { interrupt_id, ..answered.clone() }]).await.unwrap();
            assert_eq!(outcome(&runner.client).await.exit, ExitReason::Completed);
            assert_eq!(answer(&world, "may")["result"]["outcome"]["optionId"], option);
            let is_told = |event: &Event| event.body.kind() == "CUSTOM" && event.to_json().contains(told);
            assert!(world.log().iter().any(is_told), "{told}");
        }
    }
}

#[tokio::test]
async fn a_second_prompt_is_another_turn_and_a_turn_can_be_broken_off() {
    let script = r#"begin
text 'One.'
finish end_turn
hear
text 'Two.'
say '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","usage":{"inputTokens":4,"outputTokens":1,"totalTokens":5}}}'
hear
text 'Three.'
hear
say '{"jsonrpc":"2.0","id":4,"result":{"stopReason":"cancelled"}}'
hear
"#;
    for mut world in both(script) {
        world.session(|session| session["interactive"] = json!(true));
        let runner = world.runner().await;
        bounded(frames(start(&runner.client, &world).await)).await;
        bounded(frames(say(&runner.client, &world, "m1", "go on").await.unwrap())).await;
        let mut turn = say(&runner.client, &world, "m2", "and on").await.unwrap();
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_START")).await;
        let deaf = say(&runner.client, &world, "m3", "listen").await.err().unwrap();
        assert!(deaf.to_string().contains("422"), "{deaf}");
        runner.client.interrupt().await.unwrap();
        let ended = bounded(frames(turn)).await.pop().unwrap();
        assert!(ended.data.contains(r#"{"type":"cancelled"}"#), "{}", ended.data);
        runner.client.stop().await.unwrap();
        let done = outcome(&runner.client).await;
        assert_eq!((done.exit, done.usage.input_tokens), (ExitReason::Stopped, 7));
        let told = heard(&world);
        let methods: Vec<_> = told.iter().filter_map(|line| line["method"].as_str()).collect();
        let prompt = "session/prompt";
        assert_eq!(methods, ["initialize", "session/new", prompt, prompt, prompt, "session/cancel"]);
        assert_eq!(living_processes(&world), Vec::<i32>::new());
    }
}

#[tokio::test]
async fn an_agent_that_asks_without_end_or_reads_nothing_is_ended() {
    let cases = [
        (
            "begin\nsay '{\"id\":\"t\",\"method\":\"terminal/create\",\"params\":{\"command\":\"sleep 600\"}}'\nhear\nfor i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5 6 7; do say '{\"id\":'$i$j',\"method\":\"terminal/wait_for_exit\",\"params\":{\"terminalId\":\"1\"}}'; done; done\nhear\n",
            "asked for more than 64 things at once",
        ),
        (
            "begin\nwhile :; do say '{\"id\":1,\"method\":\"moonrise\"}'; done\n",
            "does not read what it is told",
        ),
    ];
    for (script, message) in cases {
        let world = alone(script);
        let done = world.runner().await.run(&world).await;
        assert_eq!(done.exit, ExitReason::AgentFailed, "{script}");
        assert!(done.message.contains(message), "{}", done.message);
        assert_eq!(living_processes(&world), Vec::<i32>::new());
    }
}

#[tokio::test]
async fn an_agent_that_says_nothing_is_ended() {
    let (short, long) = (Duration::from_millis(300), Duration::from_secs(60));
    let cases = [
        ("exec sleep 600\n", short, long, "said nothing"),
        ("begin\nexec sleep 600\n", long, short, "the model gave no answer"),
        // One that answers the call-off is told of as it was before.
        ("begin\nhear\nfinish cancelled\nexec sleep 600\n", long, short, "the model gave no answer for 0 s"),
    ];
    for (script, silence, model, message) in cases {
        let world = alone(script);
        let mut config = world.config();
        (config.watchdogs.silence, config.watchdogs.model) = (silence, model);
        config.watchdogs.courtesy = Duration::from_millis(100);
        let done = world.runner_with(config).await.run(&world).await;
        assert_eq!(done.exit, ExitReason::AgentFailed);
        assert!(done.message.contains(message), "{script}: {}", done.message);
    }
}

#[tokio::test]
async fn noise_is_kept_and_harms_nothing() {
    let script = "echo 'Welcome!'\nbegin\nsay '{\"method\":\"_vendor/news\",\"params\":{\"x\":1}}'\nsay '{\"half'\ntext 'Done.'\nfinish end_turn\nhear\n";
    let world = alone(script);
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.summary.as_str()), (ExitReason::Completed, "Done."));
    assert_eq!(world.kinds().iter().filter(|kind| **kind == "RAW").count(), 3);
}
