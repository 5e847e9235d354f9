//! A volume that is really full. Ignored unless asked for, because it takes root to mount a small one:
//! `e2e/run agents`.

use std::path::{Path, PathBuf};
use std::process::Command;

use ambient_protocol::outcome::ExitReason;
use serde_json::json;

use crate::harness::{World, git, outcome, start};

/// Commits, then takes all the room there is, and says that it is done.
const FILLS: &str = "echo good > good.txt && git add good.txt && git commit --quiet --message Good\n\
                     head -c 100000000 /dev/urandom > ../fill; head -c 1000000 /dev/urandom > rest; exec cat ../lines";

/// A small file system of its own.
struct SmallVolume(PathBuf);

impl SmallVolume {
    fn at(path: &Path) -> Self {
        std::fs::create_dir_all(path).unwrap();
        mount(&["-t", "tmpfs", "-o", "size=48m", "tmpfs"], path, "mount");
        Self(path.to_owned())
    }
}

impl Drop for SmallVolume {
    fn drop(&mut self) {
        mount(&["--lazy"], &self.0, "umount");
    }
}

fn mount(arguments: &[&str], path: &Path, program: &str) {
    let status = Command::new(program).args(arguments).arg(path).status().unwrap();
    assert!(status.success(), "{program} {}: {status}", path.display());
}

#[tokio::test]
#[ignore = "needs root, to mount a small volume"]
async fn a_volume_that_is_full_has_room_for_what_was_committed_and_for_the_outcome() {
    let mut world = World::new(None);
    let volume = SmallVolume::at(&world.path("volume"));
    world.session(|session| session["agent"]["command"] = json!(["/bin/sh", "-c", FILLS]));
    let process = world.process();
    drop(start(&process.client, &world).await);
    let done = outcome(&process.client).await;
    assert_eq!(done.exit, ExitReason::AgentCrashed, "{done:?}");
    let repository = &done.repositories[0];
    assert!(repository.commits >= 1 && repository.bundle.is_some(), "{done:?}");
    assert!(process.client.bundle("target").await.is_ok());
    assert!(git(&world.checkout(), &["log", "--format=%s"]).contains("Good"));
    process.client.acknowledge().await.unwrap();
    assert_eq!(process.exit_code().await, Some(0));
    drop(volume);
}
