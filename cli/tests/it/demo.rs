//! `ambient demo`, from its JSON to plain git on what it names.

use ambient_protocol::Verifier;
use ambient_protocol::documents::from_yaml;
use ambient_protocol::events::Event;
use ambient_protocol::ledger::{EndPhase, LedgerEntry};
use ambient_protocol::result::RunResult;
use serde_json::Value;

use crate::ambient::{World, git};

/// A recording that writes a given word beside what it finds in the target's first line.
fn recording(word: &str) -> String {
    format!(
        "pace: 0\nsteps:\n  - tool:\n      name: Edit\n      input: {{}}\n      effects:\n        \
         - read: {{path: README.md, as: readme}}\n        \
         - write: {{path: FOUND.md, content: \"{word}: {{{{readme.first}}}}\\n\"}}\n      result: done\n  \
         - finish: {{summary: found it}}\n"
    )
}

fn outcome(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

#[test]
fn the_outcome_names_what_plain_git_finds() {
    let world = World::new();
    let output = world.demo(&[]);
    let outcome = outcome(&output);
    assert!(output.status.success(), "{outcome}");
    let text = |name: &str| outcome[name].as_str().unwrap_or_else(|| panic!("{name}: {outcome}")).to_owned();
    assert_eq!(
        (text("project"), text("session"), text("phase")),
        ("demo".into(), "first-run".into(), "Completed".into())
    );

    let target = &outcome["outputs"][0];
    let (repo, branch) = (target["repo"].as_str().unwrap(), target["branch"].as_str().unwrap());
    assert_eq!(git(repo.as_ref(), &["rev-parse", branch]), target["commit"].as_str().unwrap());
    assert!(git(repo.as_ref(), &["diff", &format!("main...{branch}")]).contains("+See [NOTES.md]"));

    let repository = std::path::PathBuf::from(text("repository"));
    let results = text("resultBranch");
    let show = |path: &str| git(&repository, &["show", &format!("{results}:{path}")]);
    assert_eq!(git(&repository, &["rev-parse", &results]), text("resultCommit"));
    let entry: LedgerEntry = from_yaml(&show(&text("ledgerPath"))).unwrap();
    assert_eq!(entry.ended.as_ref().map(|ended| ended.phase), Some(EndPhase::Completed));
    let result: RunResult = from_yaml(&show(&format!("{}/result.yaml", text("resultPath")))).unwrap();
    let source = result.source.unwrap();
    assert_eq!(source.commit.as_deref(), Some(git(&repository, &["rev-parse", "main"]).as_str()));
    assert!(show(&format!("{}/README.md", text("resultPath"))).contains("## What changed"));
    let patch = show(&format!("{}/{}", text("resultPath"), result.outputs[0].patch.as_ref().unwrap()));
    assert!(patch.contains("NOTES.md"), "{patch}");
    git(&repository, &["fsck", "--strict"]);

    let transcript = git(&repository, &["show", &format!("{}:events.jsonl", text("transcriptRef"))]);
    assert_eq!(transcript.lines().count() as u64, outcome["events"].as_u64().unwrap());
    let mut verifier = Verifier::default();
    for line in transcript.lines() {
        verifier.accept(&Event::parse(line).unwrap()).unwrap();
    }
    assert!(!verifier.is_active(), "the run has ended");
}

#[test]
fn the_patch_follows_the_recording_and_the_target() {
    let patch = |word: &str, heading: &str| {
        let world = World::new();
        // A target that is there is used: made by plain git before the demo.
        let work = world.path("work");
        world.write("work/README.md", &format!("{heading}\n"));
        git(&work, &["init", "--quiet", "--initial-branch=main"]);
        git(&work, &["add", "--all"]);
        git(&work, &["commit", "--quiet", "--message", "one"]);
        std::fs::create_dir_all(world.path("demo")).unwrap();
        git(&work, &["clone", "--quiet", "--bare", ".", world.path("demo/greeter.git").to_str().unwrap()]);
        let file = world.write("recording.yaml", &recording(word));
        let output = world.demo(&["--recording", file.to_str().unwrap()]);
        let outcome = outcome(&output);
        let target = &outcome["outputs"][0];
        let commit = target["commit"].as_str().unwrap_or_else(|| panic!("{outcome}"));
        git(target["repo"].as_str().unwrap().as_ref(), &["show", &format!("{commit}:FOUND.md")])
    };
    assert_eq!(patch("first", "# One"), "first: # One");
    assert_eq!(patch("second", "# One"), "second: # One");
    assert_eq!(patch("first", "# Two"), "first: # Two");
}

#[test]
fn a_run_that_is_recorded_and_played_is_the_same_run() {
    // Log and branch of a demo, recorded.
    let record = |world: &World, outcome: &Value| {
        let text = |name: &str| outcome[name].as_str().unwrap().to_owned();
        let log =
            git(text("repository").as_ref(), &["show", &format!("{}:events.jsonl", text("transcriptRef"))]);
        let log = world.write("log.jsonl", &log);
        let target = &outcome["outputs"][0];
        let (repository, branch) = (target["repo"].as_str().unwrap(), target["branch"].as_str().unwrap());
        let arguments =
            ["runner", "record", log.to_str().unwrap(), "--repository", repository, "--head", branch];
        let output = world.ambient(&arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let patch = git(repository.as_ref(), &["diff", &format!("main...{branch}")]);
        (String::from_utf8(output.stdout).unwrap(), patch)
    };
    let world = World::new();
    let (recording, patch) = record(&world, &outcome(&world.demo(&[])));
    assert!(!recording.contains("timestamp") && patch.contains("+See [NOTES.md]"), "{recording}");
    let again = World::new();
    let file = again.write("recording.jsonl", &recording);
    let played = outcome(&again.demo(&["--recording", file.to_str().unwrap()]));
    assert_eq!(record(&again, &played), (recording, patch));
}

#[test]
fn a_runner_that_cannot_start_is_named() {
    let world = World::new();
    let output = world.demo(&["--runner-bin", "/no/such/runner"]);
    let outcome = outcome(&output);
    assert!(!output.status.success());
    assert_eq!(outcome["phase"], "Failed", "{outcome}");
    assert!(
        outcome["message"].as_str().is_some_and(|message| message.contains("/no/such/runner")),
        "{outcome}"
    );
}

#[test]
fn a_second_demo_in_a_folder_is_the_second_run() {
    let world = World::new();
    assert_eq!(outcome(&world.demo(&[]))["run"], 1);
    let output = world.demo(&[]);
    let second = outcome(&output);
    assert!(output.status.success(), "{second}");
    assert_eq!((&second["run"], &second["phase"]), (&2.into(), &"Completed".into()));
}

#[test]
fn what_is_not_pushed_is_said_and_is_no_success() {
    let world = World::new();
    let recording = recording("x").replace("FOUND.md", ".github/workflows/x.yml");
    let path = world.write("evil.yaml", &recording);
    let output = world.demo(&["--recording", path.to_str().unwrap()]);
    let outcome = outcome(&output);
    assert!(!output.status.success(), "{outcome}");
    let refused = &outcome["outputs"][0]["refused"][0];
    assert_eq!(refused, ".github/workflows/x.yml is protected: a person changes it");
}

#[test]
fn what_cannot_work_is_said_before_anything_starts() {
    let world = World::new();
    for (arguments, cause) in [
        (&["--recording", "nowhere.yaml"][..], "nowhere.yaml"),
        (&["--agent", "claude"][..], "ANTHROPIC_API_KEY"),
        (&["--agent", "claude", "--scripted-model", "--claude-bin", "./nowhere"][..], "./nowhere"),
        (&["--agent", "gemini"][..], "GEMINI_API_KEY"),
        (&["--agent", "gemini", "--scripted-model", "--gemini-bin", "./nowhere"][..], "./nowhere"),
        (&["--agent", "langgraph"][..], "OPENAI_API_KEY"),
        (&["--agent", "langgraph", "--scripted-model", "--langgraph-bin", "./nowhere"][..], "./nowhere"),
        (&["--scripted-model"][..], "--agent claude, gemini or langgraph"),
        (&["--slots", "0"][..], "--slots"),
    ] {
        let output = world.demo(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(cause), "{arguments:?}: {said}");
        assert!(!world.path("demo").exists(), "{arguments:?}");
    }
}
