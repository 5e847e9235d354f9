use ambient_protocol::events::Event;
use ambient_protocol::input::RunAgentInput;
use ambient_protocol::ledger::TranscriptReference;
use ambient_protocol::outcome::DiffStat;
use ambient_protocol::result::{EffectiveSummary, Execution, OutcomeSummary};
use ambient_protocol::run::RunKey;
use ambient_protocol::usage::Usage;

use super::*;

fn result(phase: EndPhase, summary: &str) -> RunResult {
    RunResult {
        api_version: "ambient-code.io/v1".to_owned(),
        kind: "RunResult".to_owned(),
        run: RunKey::new("demo", "first-run", 1).unwrap(),
        display_name: Some("Greet | <b>everyone</b>".to_owned()),
        requested_by: None,
        prompt: "Greet everyone.".to_owned(),
        source: None,
        effective: EffectiveSummary {
            digest: "sha256:0".to_owned(),
            runner_type: "replay".to_owned(),
            image: "ambient-runner".to_owned(),
            model: Some("recorded".to_owned()),
        },
        executed_by: Execution {
            installation: "local".to_owned(),
            cluster: "c".to_owned(),
            session_uid: "u".to_owned(),
            attempt: 1,
        },
        started_at: "2026-11-21T10:00:00Z".parse().unwrap(),
        ended_at: "2026-11-21T10:01:05Z".parse().unwrap(),
        outcome: OutcomeSummary {
            phase,
            reason: if phase == EndPhase::Completed { "Completed" } else { "AgentCrashed" }.to_owned(),
            message: "exit code 3".to_owned(),
            summary: summary.to_owned(),
        },
        usage: Usage {
            input_tokens: 10,
            output_tokens: 4,
            cost_usd: Some(0.01),
            reported_cost_usd: None,
            turns: 2,
            ..Usage::default()
        },
        outputs: vec![Output {
            repo: "/repos/greeter".to_owned(),
            base: "0".repeat(40),
            branch: Some("ambient/demo/first-run-r1".to_owned()),
            commit: Some("a".repeat(40)),
            pull_request: None,
            diff: DiffStat { files: 1, insertions: 2, deletions: 1 },
            patch: Some("patches/greeter.patch".to_owned()),
            patch_digest: None,
            refused: Vec::new(),
            left_out: vec!["newproj: it is a repository of its own".to_owned()],
        }],
        transcript: Some(TranscriptReference {
            reference: "refs/ambient/transcripts/demo/first-run-r1".to_owned(),
            commit: "b".repeat(40),
            events: 9,
            digest: "sha256:1".to_owned(),
            truncated: false,
        }),
        redactions: 0,
    }
}

#[test]
fn a_result_reads_well_on_a_forge() {
    let mut conversation = Conversation::default();
    for event in [
        Event::run_started(RunAgentInput::prompt("t", "r", "Greet everyone.")),
        Event::text_start("m"),
        Event::text_content("m", "I will."),
        Event::text_end("m"),
        Event::tool_start("c", "Edit", None),
        Event::tool_args("c", "{\"file\":\"a\"}"),
        Event::tool_end("c"),
        Event::tool_result("x", "c", "edited"),
    ] {
        conversation.apply(&event);
    }
    insta::assert_snapshot!(render_readme(&result(EndPhase::Completed, "Greeted."), &conversation));
}

#[test]
fn untrusted_text_stays_text() {
    let page = render_readme(
        &result(EndPhase::Failed, "```\n# owned\n````html\n<script>"),
        &Conversation::default(),
    );
    assert!(page.contains("`````text\n```\n# owned"), "{page}");
    assert!(page.contains("\\<b\\>everyone\\</b\\>"), "{page}");
    assert!(page.contains("> exit code 3"), "{page}");
}
