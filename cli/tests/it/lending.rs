//! Runs whose agent needs a model: what it is lent, what is counted, and what nobody gets to see.
//!
//! The agent is the test `agent` of this file, in a process of its own: it speaks as Claude Code does and asks the model as
//! its environment says.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use ambient_model_server::Script;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::ambient::{BOUND, Up, git, processes_in, wait_for};
use crate::lent::Lending;
use crate::up::ended;

/// The planted key. It is looked for in everything that comes of a run.
const KEY: &str = "sk-ant-planted-4711-0815-c0ffee";
/// The model, which wants that key, and answers with some tokens.
const MODEL: &str =
    "key: sk-ant-planted-4711-0815-c0ffee\nsteps:\n- {text: Here., usage: {input: 1000, output: 50}}\n";
/// Where the agent is told to wait, and what it is told to go on by.
const GATE: &str = "AGENT_GATE";

/// What Claude Code would do: ask twice, write down what it sees, and say how it went.
#[test]
#[ignore = "it is the agent of the other tests, which start it"]
#[expect(clippy::disallowed_methods, reason = "an agent reads its environment")]
fn agent() {
    let mut seen = String::new();
    for (name, value) in std::env::vars() {
        writeln!(seen, "{name}={value}").unwrap();
    }
    std::fs::write("SEEN.txt", seen).unwrap();
    if let Ok(gate) = std::env::var(GATE) {
        wait_for("the gate", || Path::new(&gate).exists().then_some(()));
    }
    let address = std::env::var("ANTHROPIC_BASE_URL").unwrap();
    let mut result = json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 2,
        "total_cost_usd": 99.5, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let answers = [ask(&address, "one"), ask(&address, "two")];
    let refused = answers.iter().find(|answer| !answer.starts_with("HTTP/1.1 200"));
    result["is_error"] = refused.is_some().into();
    result["result"] = refused.unwrap_or(&"Both were answered.".to_owned()).clone().into();
    println!("\n{}", json!({"type": "system", "subtype": "init", "model": "claude-haiku-4-5"}));
    println!("{result}");
}

/// Asks the model and gives the whole answer.
fn ask(address: &str, text: &str) -> String {
    let (host, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let body = json!({"model": "claude-haiku-4-5", "max_tokens": 60,
        "messages": [{"role": "user", "content": text}]})
    .to_string();
    let mut connection = TcpStream::connect(host).unwrap();
    connection.set_read_timeout(Some(BOUND)).unwrap();
    let head =
        format!("POST /{path}/v1/messages HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nx-api-key: mine");
    write!(connection, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

/// The platform whose agent is the test `agent`, with the key in its Secret.
fn lending() -> Lending {
    let lending = Lending::new(&Script::parse(MODEL).unwrap());
    let test = std::env::current_exe().unwrap();
    let script =
        format!("#!/bin/sh\nexec '{}' --ignored --exact lending::agent --nocapture\n", test.display());
    let program = lending.world.write("claude", &script);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    lending.telling(&["--claude-bin", program.to_str().unwrap(), "--sandbox", "off"])
}

/// Puts the key where its owner would.
fn up(lending: &Lending) -> Up {
    let mut up = lending.start();
    up.wait_for_line("project team: ready");
    lending.put_keys(&json!({"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": lending.model}));
    up
}

#[test]
fn a_planted_key_is_seen_nowhere_and_the_brokers_count_is_the_usage() {
    let lending = lending();
    let mut up = up(&lending);
    lending.ask("one", "");
    let entry = wait_for("the ending in the ledger", || ended(&lending.path, "one-r1"));
    assert!(entry.contains("phase: Completed"), "{entry}");
    let usage = &lending.result("one-r1")["usage"];
    assert_eq!((&usage["inputTokens"], &usage["outputTokens"]), (&json!(2000), &json!(100)), "{usage}");
    assert_eq!((&usage["turns"], &usage["reportedCostUsd"]), (&json!(2), &json!(99.5)), "{usage}");
    assert!(usage["costUsd"].as_f64().is_some_and(|cost| cost > 0.0 && cost < 1.0), "{usage}");

    let seen = git(&lending.path, &["show", "ambient/team/one-r1:SEEN.txt"]);
    assert!(seen.contains("ANTHROPIC_BASE_URL=http://127.0.0.1:"), "{seen}");
    for secret in [KEY, "v4.public.", "AMBIENT_BROKER", &lending.model] {
        assert!(!seen.contains(secret), "the agent sees {secret}: {seen}");
    }
    let objects = objects(&lending.path);
    up.wait_for_line("result commit");
    let cluster = lending.seen_in_cluster();
    assert!(cluster.contains("\"KeysLent\"") && cluster.contains("AMBIENT_BROKER_URL"), "{cluster}");
    up.signal(Signal::SIGINT);
    let said = up.all_lines().join("\n");
    let log = lending.brokers_log();
    assert!(log.contains("a model has answered"), "{log}");
    for (place, text) in
        [("Git", &objects), ("the cluster", &cluster), ("what `up` says", &said), ("the broker's log", &log)]
    {
        assert!(!text.contains(KEY), "the key is in {place}");
    }
    wait_for("the broker to go", || {
        processes_in(&lending.world.path("data/broker")).is_empty().then_some(())
    });
}

/// All that a repository holds.
fn objects(path: &Path) -> String {
    let mut command = Command::new("git");
    command.args(["cat-file", "--batch", "--batch-all-objects", "--buffer"]).current_dir(path);
    let output = command.output().unwrap();
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_budget_is_kept_whatever_the_agent_says() {
    let lending = lending();
    let up = up(&lending);
    lending.ask("one", "  budget: {maxTokens: 1040}\n");
    let entry = wait_for("the ending in the ledger", || ended(&lending.path, "one-r1"));
    assert!(entry.contains("reason: BudgetExceeded"), "{entry}");
    assert!(entry.contains("the budget of 1040 tokens is used up"), "{entry}");
    assert_eq!(
        lending.result("one-r1")["usage"]["inputTokens"],
        json!(1000),
        "the second was not let through"
    );
    up.signal(Signal::SIGINT);
    assert!(up.wait().success());
}

#[test]
fn what_is_lent_outlives_the_platform() {
    let lending = lending();
    let mut up = up(&lending);
    let gate = lending.world.path("gate");
    lending.ask("one", &format!("  environmentVariables: {{{GATE}: {}}}\n", gate.display()));
    up.wait_for_line("team/one run 1: Running");
    up.signal(Signal::SIGKILL);
    assert!(!up.wait().success());
    // The platform is gone: whoever answers now is the broker that it left.
    std::fs::write(&gate, "").unwrap();
    let count = lending.world.path("data/broker/state/team/one-r1.count");
    wait_for("the count of both answers", || {
        let text = std::fs::read_to_string(&count).ok()?;
        let counted = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["tokens"]["output"] == 50).then(|| line["request"].as_u64())
        };
        let requests: BTreeSet<_> = text.lines().filter_map(counted).collect();
        (requests.len() == 2).then_some(())
    });
    let up = lending.start();
    let entry = wait_for("the ending in the ledger", || ended(&lending.path, "one-r1"));
    assert!(entry.contains("phase: Completed") && entry.contains("attempt: 1"), "{entry}");
    assert_eq!(lending.result("one-r1")["usage"]["inputTokens"], json!(2000));
    lending.ask("two", "");
    let entry = wait_for("the ending of another", || ended(&lending.path, "two-r1"));
    assert!(entry.contains("phase: Completed"), "{entry}");
    up.signal(Signal::SIGINT);
    assert!(up.wait().success());
}
