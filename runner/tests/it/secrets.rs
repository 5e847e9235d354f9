//! Planted keys are found in nothing that leaves the runner (rule 23).

use std::fs;

use ambient_protocol::Conversation;
use serde_json::json;

use crate::harness::World;

const MOUNTED: &str = "mounted-value-c0ffee-123456";
const KEY: &str = "key-of-the-agent-987654321";

#[tokio::test]
async fn planted_keys_are_in_no_event_and_no_outcome() {
    // Pieces of texts and arguments are cut after every fourth word, so that the value with spaces is split.
    let spaced = "a b secret value of many words c d";
    let fixture = format!(
        "steps:\n- text: 'one two three {MOUNTED} four {spaced} five'\n- reasoning: '{KEY}'\n\
         - tool: {{name: '{KEY}', input: {{token: '{MOUNTED}', '{KEY}': 1}}, result: 'x{MOUNTED}y'}}\n\
         - effect: {{write: {{path: 'build/{MOUNTED}', content: x}}}}\n\
         - junk: 'junk {MOUNTED}'\n- complain: 'I hold {MOUNTED}'\n- fail: 'cannot use {KEY} nor ghp_{}'\n",
        "a1B2".repeat(9)
    );
    let mut world = World::new(Some(&fixture));
    let secrets = world.path("secrets");
    fs::create_dir_all(secrets.join("..data")).unwrap();
    fs::write(secrets.join("token"), format!("{MOUNTED}\n")).unwrap();
    fs::write(secrets.join("spaced"), spaced).unwrap();
    world.variable("AMBIENT_REDACTION_DIRECTORY", secrets.to_str().unwrap());
    world.variable("AGENT_KEY", KEY);
    world.session(|session| session["agent"]["keyNames"] = json!(["AGENT_KEY", "NOT_SET"]));
    let runner = world.runner().await;
    let done = runner.run(&world).await;
    let log = fs::read_to_string(world.path("volume/state/events.jsonl")).unwrap();
    let outcome = serde_json::to_string(&done).unwrap();
    for secret in [MOUNTED, KEY, spaced, "ghp_a1B2"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
        assert!(!outcome.contains(secret), "{secret} is in the outcome: {outcome}");
    }
    let conversation = Conversation::from_transcript(&log);
    assert_eq!(conversation.last_text(), Some("one two three [redacted] four [redacted] five"));
    assert!(done.redactions >= 8, "{}", done.redactions);
    world.log();
}

#[tokio::test]
async fn commits_that_hold_a_known_secret_stay_in_the_runner() {
    for (path, content) in [("NOTE.md", format!("key={KEY}")), (KEY, "named after it".to_owned())] {
        let fixture = format!(
            "steps:\n- effect: {{write: {{path: '{path}', content: '{content}'}}}}\n- finish: {{summary: done}}\n"
        );
        let mut world = World::new(Some(&fixture));
        world.variable("AGENT_KEY", KEY);
        world.session(|session| session["agent"]["keyNames"] = json!(["AGENT_KEY"]));
        let runner = world.runner().await;
        let done = runner.run(&world).await;
        let repository = &done.repositories[0];
        assert!(repository.bundle.is_none(), "{repository:?}");
        let withheld = repository.withheld.as_ref().expect("it is withheld");
        assert!(withheld.reasons.iter().any(|reason| reason.ends_with("holds a secret")), "{withheld:?}");
        assert!(withheld.patch.contains("[redacted]"), "{withheld:?}");
        assert!(!serde_json::to_string(&done).unwrap().contains(KEY));
    }
}
