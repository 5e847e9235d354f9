//! Sessions, events and records to show.

use ambient_crds::AgenticSession;
use ambient_protocol::RunAgentInput;
use ambient_protocol::events::{Event, EventBody, RunOutcome, TokenUsage};
use ambient_protocol::records::Record;
use serde_json::{Value, json};

/// A session with a status.
#[expect(clippy::needless_pass_by_value, reason = "calls read better without borrowing what they just wrote")]
pub(crate) fn session(project: &str, name: &str, spec: Value, status: Value) -> AgenticSession {
    let json = json!({
        "apiVersion": "vteam.ambient-code/v1alpha1", "kind": "AgenticSession",
        "metadata": { "namespace": project, "name": name }, "spec": spec, "status": status,
    });
    serde_json::from_value(json).unwrap()
}

/// What an agent says in a short run; all of its text comes from `text`.
pub(crate) fn demo_events(text: &str) -> Vec<Event> {
    let success = RunOutcome::Success { pending_tool_call_ids: vec![] };
    let usage = TokenUsage { input_tokens: Some(12_345), output_tokens: Some(678), ..TokenUsage::default() };
    let reasoning = |body: fn(String) -> EventBody| -> Event { body("t".to_owned()).into() };
    let arguments = json!({ "file_path": "src/lib.rs", "content": text }).to_string();
    let (half, rest) = arguments.split_at(10);
    vec![
        Event::run_started(RunAgentInput::prompt("thread", "run", &format!("Please: {text}"))),
        reasoning(|message_id| EventBody::ReasoningMessageStart {
            message_id,
            role: None,
            subagent_run_id: None,
        }),
        EventBody::ReasoningMessageContent {
            message_id: "t".to_owned(),
            delta: format!("Thinking of {text}"),
            subagent_run_id: None,
        }
        .into(),
        reasoning(|message_id| EventBody::ReasoningMessageEnd { message_id, subagent_run_id: None }),
        Event::text_start("m"),
        Event::text_content("m", "I will "),
        Event::text_content("m", &format!("write {text}")),
        Event::text_end("m"),
        Event::tool_start("c", "Write", Some("m".to_owned())),
        Event::tool_args("c", half),
        Event::tool_args("c", rest),
        Event::tool_end("c"),
        Event::tool_result("r", "c", &format!("\u{1b}[32mwrote\u{1b}[0m {text}")),
        Event::run_finished("thread", "run", None, success, vec![usage])
            .with_metadata("turns", 2.into())
            .with_metadata("costUsd", json!(0.0421)),
    ]
}

/// Events as lines of a log.
pub(crate) fn transcript(events: &[Event]) -> String {
    events.iter().map(|event| event.to_json() + "\n").collect()
}

/// The record of a run that changed one file.
pub(crate) fn ended_record(project: &str, session: &str, run: u32, text: &str) -> Record {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let source = json!({ "repository": "https://forge.example/team/setup.git", "commit": commit, "path": "ambient/s.yaml" });
    let output = json!({
        "repo": "https://forge.example/team/target.git", "base": commit,
        "branch": format!("ambient/{project}/{session}-r{run}"), "commit": commit,
        "diff": { "files": 1, "insertions": 2, "deletions": 1 }, "patch": "patches/target.patch",
    });
    let usage = json!({ "inputTokens": 12345, "outputTokens": 678, "cachedInputTokens": 2000, "costUsd": 0.0421, "turns": 2 });
    let key = json!({ "project": project, "session": session, "run": run });
    let transcript = json!({
        "ref": format!("refs/ambient/transcripts/{project}/{session}-r{run}"),
        "commit": commit, "events": 14, "digest": "sha256:00",
    });
    let patch = format!(
        "diff --git a/src/lib.rs b/src/lib.rs\n--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,2 +1,3 @@\n same\n-old\n+{text}\n+two\n"
    );
    serde_json::from_value(json!({
        "entry": {
            "apiVersion": "ambient-code.io/v1", "kind": "LedgerEntry", "run": key,
            "claim": {
                "at": "2026-11-21T10:00:00Z", "installation": "test", "cluster": "c", "epoch": 1, "sessionUid": "u",
                "source": source, "effectiveDigest": "sha256:00",
                "resultPath": format!("results/{project}/2026-11/{session}-r{run}"),
            },
            "ended": {
                "at": "2026-11-21T10:01:05Z", "phase": "Completed", "reason": "Completed", "attempt": 1,
                "usage": usage, "hasResult": true, "transcript": transcript, "outputs": [output],
            },
        },
        "result": {
            "apiVersion": "ambient-code.io/v1", "kind": "RunResult", "run": key,
            "displayName": format!("Do {text}"), "requestedBy": text, "prompt": text, "source": source,
            "effective": { "digest": "sha256:00", "runnerType": "replay", "image": "ambient-runner", "model": "claude-sonnet" },
            "executedBy": { "installation": "test", "cluster": "c", "sessionUid": "u", "attempt": 1 },
            "startedAt": "2026-11-21T10:00:00Z", "endedAt": "2026-11-21T10:01:05Z",
            "outcome": { "phase": "Completed", "reason": "Completed", "summary": format!("Wrote {text}") },
            "usage": usage, "outputs": [output],
        },
        "repository": "https://forge.example/team/setup.git", "branch": "ambient-results", "commit": commit,
        "ledgerPath": format!("ledger/{project}/00/{session}-r{run}.yaml"),
        "patches": [{ "path": "patches/target.patch", "text": patch, "truncated": false }],
    }))
    .unwrap()
}
