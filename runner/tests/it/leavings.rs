//! What agents leave behind, beside a few changed files.

use std::fs;

use ambient_protocol::outcome::RepositoryOutcome;
use serde_json::json;

use crate::harness::{DELIVERED, World, outcome, start};

/// Most bytes of memory that a runner has ever had, in KiB: what it has at rest, and a hundred MiB for collecting.
const MEMORY: u64 = 200 * 1024;

const COMMIT: &str = "git -c user.name=A -c user.email=a@example.com commit --quiet --all --message";

/// What comes of an agent that is a shell script and says nothing.
async fn left(world: &mut World, script: &str) -> (RepositoryOutcome, u64) {
    world.session(|session| session["agent"]["command"] = json!(["/bin/sh", "-ec", script]));
    let process = world.process();
    drop(start(&process.client, world).await);
    let done = outcome(&process.client).await;
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    (done.repositories.into_iter().next().expect("it is collected"), peak.unwrap_or_default())
}

#[tokio::test]
async fn large_files_are_named_and_take_no_memory() {
    let mut world = World::new(None);
    let script = "truncate -s 3G sparse.bin; truncate -s 400M README.md; head -c 9000000 /dev/urandom > random.bin; \
                  echo good > good.txt";
    let (left, peak) = left(&mut world, script).await;
    assert!(left.bundle.is_some(), "{left:?}");
    assert_eq!(left.diff.files, 2);
    let [readme, sparse] = &left.left_out[..] else { panic!("{:?}", left.left_out) };
    assert!(readme.starts_with("README.md: it has 419430400 bytes"), "{readme}");
    assert!(sparse.starts_with("sparse.bin: it has 3221225472 bytes"), "{sparse}");
    assert_eq!(world.delivered("good.txt"), "good");
    assert!(peak < MEMORY, "{peak} KiB");
}

#[tokio::test]
async fn commits_that_are_too_large_are_withheld_and_take_no_memory() {
    let mut world = World::new(None);
    let script = format!("truncate -s 150M large.bin; rm README.md; git add large.bin; {COMMIT} Large");
    let (left, peak) = left(&mut world, &script).await;
    assert!(left.bundle.is_none(), "{left:?}");
    let withheld = left.withheld.expect("the operator would refuse it");
    assert!(
        withheld.reasons[0].starts_with("large.bin has more than 10485760 bytes"),
        "{:?}",
        withheld.reasons
    );
    assert!(
        withheld.patch.contains("README.md") && withheld.patch.contains("[left out:"),
        "{}",
        withheld.patch
    );
    assert!(peak < MEMORY, "{peak} KiB");
}

#[tokio::test]
async fn commits_of_another_branch_are_kept_as_a_patch() {
    let mut world = World::new(None);
    let script = format!(
        "git checkout --quiet -b side; echo aside >> README.md; {COMMIT} Side; git checkout --quiet main; \
         echo good > good.txt"
    );
    let (left, _) = left(&mut world, &script).await;
    let [line] = &left.other_lines[..] else { panic!("{:?}", left.other_lines) };
    assert!(line.name == "side" && line.patch.contains("+aside"), "{line:?}");
    assert_eq!(world.delivered("good.txt"), "good");
    assert!(!world.delivered("README.md").contains("aside"));
}

#[tokio::test]
async fn a_secret_that_was_not_committed_keeps_no_commit() {
    let key = "key-of-the-agent-987654321";
    let mut world = World::new(None);
    world.variable("AGENT_KEY", key);
    world.session(|session| session["agent"]["keyNames"] = json!(["AGENT_KEY"]));
    let script = format!("echo mine >> README.md; {COMMIT} Mine; echo key={key} > note.txt");
    let (left, _) = left(&mut world, &script).await;
    assert!(left.bundle.is_some() && left.withheld.is_none(), "{left:?}");
    assert_eq!((left.commits, left.committed_leftovers), (1, false));
    assert_eq!(left.left_out, ["note.txt holds a secret"]);
    let [line] = &left.other_lines[..] else { panic!("{:?}", left.other_lines) };
    assert!(line.name == "what was not committed" && line.patch.contains("+key=[redacted]"), "{line:?}");
    assert_eq!(world.collected(&["log", "--format=%s", "-1", DELIVERED]), "Mine");
    assert!(!serde_json::to_string(&left).unwrap().contains(key));
}
