//! What every real agent program goes through, its model answered from a script: work in two repositories, a service that is
//! overloaded for a moment, a limit that is reached. Ignored unless asked for; see `e2e/run agents`.

use std::fs;

use ambient_model_server::Script;
use ambient_protocol::outcome::ExitReason;
use serde_json::{Value, json};

use crate::harness::{World, commit, git, real_program, with_scripted_model};

/// Uses a shell, by the name that each program has for it.
const SHELL: &str = "
    tools:
    - {name: Bash, input: {command: &do echo made > made.txt && echo made > ../second/made.txt, description: Write}}
    - {name: run_shell_command, input: {command: *do, description: Write}}
";

/// A program, and how it is told where its model is.
struct Program {
    runner_type: &'static str,
    variable: &'static str,
    key: &'static str,
    address: &'static str,
    path: &'static str,
    /// Whether it keeps to a number of model turns.
    counts_turns: bool,
}

const CLAUDE: Program = Program {
    runner_type: "claude-agent-sdk",
    variable: "AMBIENT_E2E_CLAUDE",
    key: "ANTHROPIC_API_KEY",
    address: "ANTHROPIC_BASE_URL",
    path: "",
    counts_turns: true,
};
const GEMINI: Program = Program {
    runner_type: "gemini-cli",
    variable: "AMBIENT_E2E_GEMINI",
    key: "GEMINI_API_KEY",
    address: "GOOGLE_GEMINI_BASE_URL",
    path: "",
    counts_turns: true,
};
const LANGGRAPH: Program = Program {
    runner_type: "langgraph",
    variable: "AMBIENT_E2E_LANGGRAPH",
    key: "OPENAI_API_KEY",
    address: "OPENAI_BASE_URL",
    path: "/v1",
    counts_turns: false,
};

#[tokio::test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn claude_goes_through_all() {
    all(&CLAUDE).await;
}

#[tokio::test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn gemini_goes_through_all() {
    all(&GEMINI).await;
}

#[tokio::test]
#[ignore = "needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn langgraph_goes_through_all() {
    all(&LANGGRAPH).await;
}

async fn all(program: &Program) {
    two_repositories(program).await;
    an_overload_that_passes(program).await;
    if program.counts_turns {
        a_limit_of_turns(program).await;
    }
}

async fn two_repositories(program: &Program) {
    let script = format!("turns:\n  - text: I write.{SHELL}  - text: Written.\n");
    let mut world = world(program, &script).await;
    let second = world.path("another");
    fs::create_dir_all(&second).unwrap();
    git(&second, &["init", "--quiet", "--initial-branch=main"]);
    fs::write(second.join("README.md"), "# Second\n").unwrap();
    commit(&second, "Begin");
    world.session(|session| {
        let repositories = session["repositories"].as_array_mut().unwrap();
        repositories
            .push(json!({"name": "second", "url": second, "outputBranch": "ambient/demo/first-run-r1"}));
    });
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""), "{}", program.runner_type);
    let made: Vec<_> =
        done.repositories.iter().map(|one| (one.diff.insertions, one.bundle.is_some())).collect();
    assert_eq!(made, [(1, true), (1, true)], "{}", program.runner_type);
}

async fn an_overload_that_passes(program: &Program) {
    let script = "turns:\n  - text: Here I am.\n  - when: {turn: 1}\n    times: 1\n    fault: {status: 529, retryAfter: 1s}\n";
    let world = world(program, script).await;
    let done = world.runner().await.run(&world).await;
    assert_eq!(
        (done.exit, done.summary.as_str()),
        (ExitReason::Completed, "Here I am."),
        "{}",
        program.runner_type
    );
}

async fn a_limit_of_turns(program: &Program) {
    let turn = format!("  - text: Once more.{SHELL}").replace(" && echo made > ../second/made.txt", "");
    let script = format!("turns:\n{}  - text: never\n", turn.repeat(4));
    let mut world = world(program, &script).await;
    world.session(|session| session["limits"]["maxTurns"] = json!(2));
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::BudgetExceeded, "{}: {}", program.runner_type, done.message);
    assert!(done.repositories[0].bundle.is_some(), "what was made until then is kept");
}

async fn world(program: &Program, script: &str) -> World {
    let (mut world, model) = with_scripted_model(program.runner_type, Script::parse(script).unwrap()).await;
    let path = real_program(program.variable);
    if program.runner_type == LANGGRAPH.runner_type {
        let target = world.path("target");
        fs::write(target.join("agent.py"), include_str!("../../../examples/langgraph/agent.py")).unwrap();
        fs::write(target.join("langgraph.json"), include_str!("../../../examples/langgraph/langgraph.json"))
            .unwrap();
        commit(&target, "Add a graph");
    }
    let command: Value = match program.runner_type {
        "langgraph" => json!(["ambient", "langgraph", "--server-program", path]),
        _ => json!([path]),
    };
    let address = format!("{model}{}", program.path);
    world.session(|session| {
        session["agent"]["command"] = command;
        session["environment"] = json!({"IS_SANDBOX": "1"});
        session["environment"][program.address] = json!(address);
        if program.runner_type == GEMINI.runner_type {
            session["model"]["name"] = json!("gemini-2.5-flash");
        }
    });
    world.variable(program.key, "dummy-key-0123456789");
    world
}
