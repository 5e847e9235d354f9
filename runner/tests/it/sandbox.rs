//! A confined agent: what it sees of this machine.

use std::fs;

use ambient_protocol::outcome::ExitReason;
use ambient_protocol::sandbox::Sandbox;
use ambient_runner::sandbox::{Support, support};
use serde_json::json;

use crate::harness::{World, git};

/// An agent that is a shell: it writes what it finds into the workspace.
const LOOKS: &str = r#"
try() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }
{
  echo "system $(try ls /usr/bin)"
  echo "own home $(try touch "$HOME/mine")"
  echo "temporary $(try mktemp)"
  echo "null $(try sh -c 'echo x > /dev/null')"
  echo "secret $(try cat SECRET)"
  echo "secret through a link $(try cat link)"
  echo "log $(try cat STATE/events.jsonl)"
  echo "runner's environment $(try grep -q PATH /proc/PARENT/environ)"
  echo "outside $(try touch OUTSIDE/made)"
  echo "runner's life $(try kill -0 PARENT)"
} > found.txt
echo '{"type":"system","subtype":"init","model":"m"}'
echo '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"looked"}'
"#;

#[tokio::test]
async fn it_sees_the_system_its_workspace_and_its_home() {
    if let Support::None(why) = support() {
        eprintln!("agents cannot be confined here: {why}");
        return;
    }
    // The kernel lets root read what others have in their memory all the same (CAP_PERFMON).
    let is_root = nix::unistd::geteuid().is_root();
    for (sandbox, others) in [(Sandbox::WherePossible, "no"), (Sandbox::Off, "yes")] {
        let mut world = World::new(None);
        let outside = world.path("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), "a key").unwrap();
        let script = LOOKS
            .replace("SECRET", outside.join("secret").to_str().unwrap())
            .replace("STATE", world.path("volume/state").to_str().unwrap())
            .replace("OUTSIDE", outside.to_str().unwrap())
            .replace("PARENT", &std::process::id().to_string());
        let script = format!("ln -s {} link\n{script}", outside.join("secret").display());
        world.session(|session| {
            session["runnerType"] = json!("claude-agent-sdk");
            session["agent"]["command"] = json!(["/bin/sh", "-c", script]);
        });
        let mut config = world.config();
        config.sandbox = sandbox;
        let done = world.runner_with(config).await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""), "{sandbox:?}");
        let found = git(&world.checkout(), &["show", "HEAD:found.txt"]);
        for (what, may) in [
            ("system", "yes"),
            ("own home", "yes"),
            ("temporary", "yes"),
            ("null", "yes"),
            ("secret", others),
            ("secret through a link", others),
            ("log", others),
            ("runner's environment", if is_root { "yes" } else { others }),
            ("outside", others),
            ("runner's life", others),
        ] {
            assert!(
                found.lines().any(|line| line == format!("{what} {may}")),
                "{sandbox:?}, {what}: {found}"
            );
        }
    }
}
