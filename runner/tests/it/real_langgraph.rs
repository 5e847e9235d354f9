//! A real LangGraph server, started for graphs of the repository, against the scripted model server. Ignored unless asked
//! for, because it is not ours to ship:
//!
//! `AMBIENT_E2E_LANGGRAPH=/path/to/langgraph e2e/run langgraph`

use std::fs;

use ambient_model_server::Script;
use ambient_protocol::Answer;
use ambient_protocol::answers::Choices;
use ambient_protocol::broker::RUNNER_SECRET;
use ambient_protocol::outcome::ExitReason;
use serde_json::json;

use crate::harness::{
    DELIVERED, PROMPT, World, bounded, commit, counted, frames, git, lend, living_processes, outcome,
    questions, real_program, say, start, wait_for, with_scripted_model,
};
use crate::interactive::say_when_ready;

const PROGRAM: &str = "AMBIENT_E2E_LANGGRAPH";
const EXAMPLE: [(&str, &str); 2] = [
    ("agent.py", include_str!("../../../examples/langgraph/agent.py")),
    ("langgraph.json", include_str!("../../../examples/langgraph/langgraph.json")),
];
const SLOW: &str =
    "steps:\n- text: I wait.\n  tools:\n  - name: Bash\n    input: {command: sleep 600}\n- text: never\n";
/// A graph without a model, whose one node does this.
const NODE: &str = "\
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

class State(MessagesState):
    colour: str

def node(state: State):
    BODY

graph = StateGraph(State).add_node(\"node\", node).add_edge(START, \"node\").compile()
";

#[tokio::test]
#[ignore = "needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn a_scripted_model_makes_a_patch() {
    let world = world(Script::demo(), &EXAMPLE).await;
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    let repository = &done.repositories[0];
    assert!(repository.diff.insertions > 0 && repository.bundle.is_some(), "{repository:?}");
    assert!(world.collected(&["show", DELIVERED]).contains("+++ b/README.md"));
    assert_eq!(world.collected(&["show", "--name-only", "--format=", DELIVERED]), "README.md");
    assert_eq!(done.repositories[0].ignored, Vec::<String>::new());
    assert_eq!((done.usage.turns, done.usage.input_tokens), (3, 36540));
    world.has_understood_its_agent();
}

#[tokio::test]
#[ignore = "needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn a_wrong_key_is_named() {
    let script = Script::parse("key: the-right-key-0123456789\nsteps:\n- text: never\n").unwrap();
    let world = world(script, &EXAMPLE).await;
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    assert!(done.message.contains("OpenAIAuthenticationError"), "{}", done.message);
}

/// Behind another address than OpenAI's, LangChain does not ask for what is used unless it is told to.
#[tokio::test]
#[ignore = "needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn what_a_graph_does_not_ask_for_is_counted_by_the_broker() {
    let key = "planted-key-4711-0815";
    let script = format!(
        "key: {key}\nsteps:\n- text: I look.\n  usage: {{input: 500, output: 60000}}\n  tools:\n  \
         - {{name: Bash, input: {{command: ls}}}}\n- text: Done.\n  usage: {{input: 500, output: 30000}}\n"
    );
    let silent = EXAMPLE[0].1.replace(", stream_usage=True", "");
    assert_ne!(silent, EXAMPLE[0].1);
    let (mut world, model) =
        with_graph(Script::parse(&script).unwrap(), &[EXAMPLE[1], ("agent.py", &silent)]).await;
    let secret = [("OPENAI_API_KEY", key), ("OPENAI_BASE_URL", &format!("{model}/v1"))];
    let _broker = lend(&mut world, RUNNER_SECRET, &secret).await;
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    assert_eq!(done.usage.output_tokens, 0, "the agent does not know it");
    let usage = counted(&world).await;
    let counted = &usage.models[0];
    assert_eq!((counted.requests, counted.estimated), (2, 0), "{usage:?}");
    assert_eq!((counted.tokens.all_input(), counted.tokens.output), (1000, 90_000));
    assert!(counted.cost.is_some_and(|cost| cost.millionths() > 100_000), "{usage:?}");
}

#[tokio::test]
#[ignore = "needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn graphs_end_as_they_say() {
    let cases = [
        (r#"return {"colour": "red", "messages": [("ai", "Red.")]}"#, ExitReason::Completed, ""),
        (
            r#"raise ValueError("no such thing")"#,
            ExitReason::AgentFailed,
            "the graph failed: ValueError: no such thing",
        ),
        ("import nowhere_to_be_found", ExitReason::AgentFailed, "the graph failed: ModuleNotFoundError"),
        ("return (", ExitReason::AgentFailed, "'(' was never closed"),
    ];
    for (body, exit, message) in cases {
        let graph = NODE.replace("BODY", body);
        let world = world(Script::demo(), &[EXAMPLE[1], ("agent.py", &graph)]).await;
        let done = world.runner().await.run(&world).await;
        assert_eq!(done.exit, exit, "{body}: {}", done.message);
        assert!(done.message.contains(message), "{body}: {}", done.message);
        assert_eq!(living_processes(&world), Vec::<i32>::new());
        if exit == ExitReason::Completed {
            assert_eq!(done.summary, "Red.");
            assert!(world.kinds().contains(&"STATE_SNAPSHOT"));
        }
    }
}

#[tokio::test]
#[ignore = "needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn a_graph_that_asks_goes_on_with_the_answer_and_hears_further_messages() {
    let body = r#"answer = interrupt({"question": f"Which colour for {state['messages'][-1].content}?"})
    return {"messages": [("ai", f"So {answer}, after {len(state['messages'])}.")]}"#;
    let mut world = world(Script::demo(), &[EXAMPLE[1], ("agent.py", &NODE.replace("BODY", body))]).await;
    world.session(|session| session["interactive"] = json!(true));
    let runner = world.runner().await;
    let mut turns = start(&runner.client, &world).await;
    let asked = questions(&mut turns).await;
    let words = format!("Which colour for {PROMPT}?");
    assert_eq!(asked[0].question(), words);
    let choice = Choices { answers: [(words, "red".to_owned())].into() };
    runner.client.answer(vec![Answer::choose(&asked[0].id, &choice)]).await.unwrap();
    wait_for(&mut runner.client.events(0).await.unwrap(), |frame| frame.data.contains("So red, after 1."))
        .await;
    wait_for(&mut runner.client.events(0).await.unwrap(), |frame| frame.data.contains(r#""type":"success""#))
        .await;
    let asked = questions(&mut say(&runner.client, &world, "m", "the door").await.unwrap()).await;
    assert_eq!(asked[0].question(), "Which colour for the door?");
    runner.client.answer(vec![Answer::resolved(&asked[0].id, json!(["blue"]))]).await.unwrap();
    wait_for(&mut runner.client.events(0).await.unwrap(), |frame| {
        frame.data.contains("So ['blue'], after 3.")
    })
    .await;
    runner.client.stop().await.unwrap();
    assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
#[ignore = "needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn a_stop_ends_a_tool_that_runs() {
    let world = world(Script::parse(SLOW).unwrap(), &EXAMPLE).await;
    let runner = world.runner().await;
    let mut turn = start(&runner.client, &world).await;
    wait_for(&mut turn, |frame| frame.data.contains("TOOL_CALL_END")).await;
    runner.client.stop().await.unwrap();
    let done = outcome(&runner.client).await;
    assert_eq!(done.exit, ExitReason::Stopped);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
}

#[tokio::test]
#[ignore = "needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn a_conversation_sleeps_and_is_taken_up_with_its_state_or_told_again_where_it_is_lost() {
    let body = r#"said = [message.content for message in state["messages"]]
    return {"colour": state.get("colour", "") + "red ", "messages": [("ai", f"{state.get('colour')} of {said}")]}"#;
    for lost in [false, true] {
        let graph = NODE.replace("BODY", body);
        let mut world = world(Script::demo(), &[EXAMPLE[1], ("agent.py", &graph)]).await;
        world.session(|session| {
            session["interactive"] = json!(true);
            session["limits"]["inactivityTimeoutSeconds"] = json!(1);
        });
        let runner = world.runner().await;
        let done = runner.run(&world).await;
        assert_eq!(done.exit, ExitReason::Idle, "{}", done.message);
        runner.client.acknowledge().await.unwrap();
        runner.ended().await.unwrap();
        let kept = world.path("volume/state/agent-home/.langgraph_api");
        assert!(kept.exists() && !world.checkout().join(".langgraph_api").exists());
        if lost {
            fs::remove_dir_all(kept).unwrap();
        }
        world.session(|session| session["limits"]["inactivityTimeoutSeconds"] = json!(600));
        world.next_attempt();
        let runner = world.runner().await;
        let turn = say_when_ready(&runner.client, &world, "m1", "the door").await;
        let said: String = bounded(frames(turn)).await.into_iter().map(|frame| frame.data).collect();
        runner.client.stop().await.unwrap();
        assert_eq!(outcome(&runner.client).await.exit, ExitReason::Stopped);
        let (state, note) = if lost { ("None", "retold") } else { ("red ", "takenUp") };
        assert!(
            said.contains(&format!("{state} of ['{PROMPT}', \\\"None of ['{PROMPT}']\\\", 'the door']")),
            "{said}"
        );
        assert!(said.contains(note), "{said}");
        assert_eq!(git(&world.checkout(), &["status", "--short"]), "");
    }
}

async fn world(script: Script, files: &[(&str, &str)]) -> World {
    let (mut world, model) = with_graph(script, files).await;
    world.session(|session| session["environment"] = json!({"OPENAI_BASE_URL": format!("{model}/v1")}));
    world.variable("OPENAI_API_KEY", "dummy-key-0123456789");
    world
}

/// A world with a graph, and the address of its model.
async fn with_graph(script: Script, files: &[(&str, &str)]) -> (World, String) {
    let (mut world, model) = with_scripted_model("langgraph", script).await;
    let target = world.path("target");
    for (name, content) in files {
        fs::write(target.join(name), content).unwrap();
    }
    commit(&target, "Add a graph");
    world.session(|session| {
        session["agent"]["command"] =
            json!(["ambient", "langgraph", "--server-program", real_program(PROGRAM)]);
    });
    (world, model)
}
