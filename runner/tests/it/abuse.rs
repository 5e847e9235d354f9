//! Agents that take all there is: processes without end, a disk that is full.

use std::fs;

use ambient_protocol::Event;
use ambient_protocol::outcome::ExitReason;
use serde_json::json;

use crate::harness::{World, living_processes, outcome, start, wait_for};

/// Five processes that start others as fast as they can, in sessions of their own, and listen to nobody. Bounded all the
/// same: a test that fails must not take the machine with it.
const BOMB: &str = r#"
work() { trap "" TERM HUP INT; n=0; while [ $n -lt 400 ]; do setsid sleep 600 & sleep 600 & n=$((n+1)); done; wait; }
for one in 1 2 3 4 5; do (work) & done
"#;

fn world(apart: bool, script: &str) -> World {
    let [child, shim] = World::both(None);
    let mut world = if apart { shim } else { child };
    world.session(|session| session["agent"]["command"] = json!(["/bin/sh", "-c", script]));
    world
}

#[tokio::test]
async fn of_processes_without_end_none_is_left() {
    for apart in [false, true] {
        let begun = Event::text_start("m").to_json();
        let world = world(apart, &format!("{BOMB}\necho '{begun}'\nwait\n"));
        let process = world.process();
        let mut turn = start(&process.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_START")).await;
        process.client.stop().await.unwrap();
        let done = outcome(&process.client).await;
        assert_eq!(done.exit, ExitReason::Stopped, "{}", done.message);
        assert_eq!(living_processes(&world), Vec::<i32>::new(), "apart: {apart}");
    }
}

/// What no file may outgrow, in blocks of 512 bytes: as if the disk were full then.
const ROOM: u32 = 400;

#[tokio::test]
async fn a_full_disk_ends_the_agent_and_what_was_stored_is_whole() {
    let world = world(false, "echo made > made.txt; cat ../lines; exec sleep 600");
    let text = "x".repeat(1000);
    let mut events = vec![Event::text_start("m")];
    events.extend((0..1000).map(|_| Event::text_content("m", &text)));
    let events: String = events.iter().map(|event| event.to_json() + "\n").collect();
    fs::create_dir_all(world.path("volume/workspace")).unwrap();
    fs::write(world.path("volume/workspace/lines"), events).unwrap();
    let process = world.process_with_room(ROOM);
    drop(start(&process.client, &world).await);
    let done = outcome(&process.client).await;
    assert_eq!(done.exit, ExitReason::AgentFailed);
    assert!(done.message.contains("cannot write the event log: File too large"), "{}", done.message);
    assert_eq!(living_processes(&world), Vec::<i32>::new());
    assert_eq!(world.kinds().last(), Some(&"RUN_ERROR"), "the log keeps its rules");
    assert!(done.events > 100 && done.summary.starts_with("xxx"), "what it had said is there");
    assert_eq!(world.delivered("made.txt"), "made", "and what it had made");
}
