//! What every real agent program goes through, its model answered from a script: work in two repositories, a service that is
//! overloaded for a moment, a limit that is reached. Ignored unless asked for; see `e2e/run agents`.

use std::fs;

use ambient_model_server::Script;
use ambient_protocol::outcome::ExitReason;
use serde_json::json;

use crate::harness::{CLAUDE, CODEX, GEMINI, LANGGRAPH, Program, commit, git};

/// Uses a shell, by the name that each program has for it.
const SHELL: &str = "
    tools:
    - {name: Bash, input: {command: &do echo made > made.txt && echo made > ../second/made.txt, description: Write}}
    - {name: run_shell_command, input: {command: *do, description: Write}}
    - {name: exec_command, input: {cmd: *do}}
";

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

#[tokio::test]
#[ignore = "needs Codex by ACP: set AMBIENT_E2E_CODEX_ACP to its program"]
async fn codex_goes_through_all() {
    all(&CODEX).await;
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
    let mut world = program.world(Script::parse(&script).unwrap()).await;
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
    let world = program.world(Script::parse(script).unwrap()).await;
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
    let mut world = program.world(Script::parse(&script).unwrap()).await;
    world.session(|session| session["limits"]["maxTurns"] = json!(2));
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::BudgetExceeded, "{}: {}", program.runner_type, done.message);
    assert!(done.repositories[0].bundle.is_some(), "what was made until then is kept");
}
