//! Records anew what the bridges' tests read: the lines of real programs whose model follows a script. Ignored unless asked
//! for, as it writes into `runner/fixtures`: `e2e/record NAME`.

use std::fs;
use std::path::Path;

use ambient_model_server::Script;
use ambient_protocol::outcome::ExitReason;
use ambient_runner::recording::number_uuids;
use serde_json::json;

use crate::harness::{CLAUDE, CODEX, GEMINI, LANGGRAPH, Program};

/// A tool that fails, one that says nothing, and thoughts that are counted.
const GEMINI_SCRIPT: &str = r"
turns:
  - text: I will look at the repository first.
    tools:
      - {name: run_shell_command, input: {command: cat README.md, description: Read}}
      - {name: read_file, input: {file_path: nothing.txt}}
    usage: {input: 2000, output: 60, reasoning: 20}
  - tools:
      - {name: write_file, input: {file_path: NOTES.md, content: A note.}}
    usage: {input: 400, output: 40, cacheRead: 2400}
  - text: I wrote `NOTES.md`. Nothing else was changed.
    usage: {input: 500, output: 20, cacheRead: 2500}
";

/// Runs a program and keeps a copy of what it says.
const TEE: &str = "\"$0\" \"$@\" | tee \"$AGENT_LINES\"";

#[tokio::test]
#[ignore = "writes a fixture; needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
async fn claude() {
    record(&CLAUDE, Script::demo(), "claude-2.1.197.jsonl").await;
}

#[tokio::test]
#[ignore = "writes a fixture; needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
async fn gemini() {
    record(&GEMINI, Script::parse(GEMINI_SCRIPT).unwrap(), "gemini-0.61.0.jsonl").await;
}

#[tokio::test]
#[ignore = "writes a fixture; needs LangGraph: set AMBIENT_E2E_LANGGRAPH to its program"]
async fn langgraph() {
    record(&LANGGRAPH, Script::demo(), "langgraph-0.16.7.jsonl").await;
}

#[tokio::test]
#[ignore = "writes a fixture; needs Codex by ACP: set AMBIENT_E2E_CODEX_ACP to its program"]
async fn codex() {
    record(&CODEX, Script::demo(), "codex-acp-2.6.0.jsonl").await;
}

/// Times stay as they were; paths and ids do not.
async fn record(program: &Program, script: Script, fixture: &str) {
    let mut world = program.world(script).await;
    let lines = world.path("lines");
    world.session(|session| {
        let mut command = ["/bin/sh", "-c", TEE].map(str::to_owned).to_vec();
        command.extend(program.command());
        session["agent"]["command"] = json!(command);
        session["environment"]["AGENT_LINES"] = json!(lines);
    });
    let done = world.runner().await.run(&world).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    let said = fs::read_to_string(lines).unwrap();
    let (checkout, folder) = (world.checkout(), world.path(""));
    let places = [
        (checkout.to_str().unwrap(), "/workspace/demo"),
        (&dashed(&checkout), "-workspace-demo"),
        (folder.to_str().unwrap().trim_end_matches('/'), "/run"),
    ];
    let said = places.iter().fold(said, |said, (from, to)| said.replace(from, to));
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    fs::write(fixtures.join(fixture), number_uuids(&said)).unwrap();
}

/// A path as Claude Code makes a name of it.
fn dashed(path: &Path) -> String {
    path.to_str().unwrap().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}
