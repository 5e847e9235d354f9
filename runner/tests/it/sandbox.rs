//! A confined agent: what it sees of this machine.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ambient_protocol::AgentRegistry;
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::sandbox::Sandbox;
use ambient_runner::sandbox::{Promise, Support, support};
use serde_json::json;
use tokio::net::UnixListener;

use crate::harness::World;
use crate::harness::acp::in_one;

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
  echo "others' sockets $(try git credential-cache --socket OUTSIDE/socket exit)"
} > found.txt
echo '{"type":"system","subtype":"init","model":"m"}'
echo '{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"looked"}'
"#;

#[tokio::test]
async fn it_sees_the_system_its_workspace_and_its_home() {
    let broken = match support() {
        Support::None(why) => return not_shown(why),
        Support::Partial(broken) => broken,
        Support::Whole => Vec::new(),
    };
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
        let served = serve(&outside.join("socket"));
        world.session(|session| {
            session["runnerType"] = json!("claude-agent-sdk");
            session["agent"]["command"] = json!(["/bin/sh", "-c", script]);
        });
        let mut config = world.config();
        config.sandbox = sandbox;
        let done = world.runner_with(config).await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""), "{sandbox:?}");
        let found = world.delivered("found.txt");
        let kept = |promise| if broken.contains(&promise) { "yes" } else { others };
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
            ("runner's life", kept(Promise::Signals)),
            ("others' sockets", kept(Promise::Sockets)),
        ] {
            assert!(
                found.lines().any(|line| line == format!("{what} {may}")),
                "{sandbox:?}, {what}: {found}"
            );
        }
        assert_eq!(served.load(Ordering::SeqCst), kept(Promise::Sockets) == "yes");
    }
}

/// A program of the person's that others speak to: whether anybody has.
fn serve(socket: &Path) -> Arc<AtomicBool> {
    let (listener, served) = (UnixListener::bind(socket).unwrap(), Arc::new(AtomicBool::new(false)));
    let told = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((mut speaker, _)) = listener.accept().await {
            told.store(true, Ordering::SeqCst);
            // Heard out, whoever speaks is not cut off.
            let _ = tokio::io::copy(&mut speaker, &mut tokio::io::sink()).await;
        }
    });
    served
}

/// An agent that has the runner start what reads a secret, and has the loader write outside (ld.so(8): `LD_DEBUG`).
const HAS_STARTED: &str = r#"begin
request one terminal/create '{"sessionId":"s","command":"cat","args":["SECRET"],"env":[{"name":"LD_DEBUG","value":"libs"},{"name":"LD_DEBUG_OUTPUT","value":"OUTSIDE/terminal"}]}'
request wait terminal/wait_for_exit '{"sessionId":"s","terminalId":"1"}'
request output terminal/output '{"sessionId":"s","terminalId":"1"}'
request own terminal/create '{"sessionId":"s","command":"./not-there-yet"}'
finish end_turn
hear
"#;

#[tokio::test]
async fn what_the_runner_starts_for_it_is_confined_from_its_first_moment() {
    if let Support::None(why) = support() {
        return not_shown(why);
    }
    for (sandbox, sees) in [(Sandbox::WherePossible, false), (Sandbox::Off, true)] {
        let mut world = World::new(None);
        let outside = world.path("outside");
        fs::create_dir(&outside).unwrap();
        let secret = outside.join("secret");
        fs::write(&secret, "what nobody sees").unwrap();
        let script = HAS_STARTED.replace("SECRET", secret.to_str().unwrap());
        let script = in_one(&script.replace("OUTSIDE", outside.to_str().unwrap()));
        world.session(|session| {
            session["runnerType"] = json!("acp");
            session["agent"] = json!(AgentRegistry::built_in().get("acp").unwrap());
            session["environment"] = json!({
                "ACP_COMMAND": json!(["sh", "-c", script]).to_string(),
                "LD_DEBUG": "libs",
                "LD_DEBUG_OUTPUT": outside.join("agent"),
            });
        });
        let mut config = world.config();
        config.sandbox = sandbox;
        let done = world.runner_with(config).await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""), "{sandbox:?}");
        let heard = world.delivered("heard");
        assert_eq!(heard.contains("what nobody sees"), sees, "{sandbox:?}: {heard}");
        let written = fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name());
        let written: Vec<_> = written.filter(|name| name != "secret").collect();
        assert_eq!(!written.is_empty(), sees, "{sandbox:?}: {written:?}");
        assert!(heard.contains("./not-there-yet: "), "{sandbox:?}: {heard}");
    }
}

/// Says past the test's captured output that it shows nothing here; where `AMBIENT_REQUIRE_LANDLOCK` is set, as for
/// continuous integration, it fails.
#[expect(clippy::disallowed_methods, reason = "whether it may show nothing is the tests' argument")]
fn not_shown(why: &str) {
    let message = format!("NOT SHOWN: a confined agent; agents cannot be confined here: {why}");
    assert!(std::env::var_os("AMBIENT_REQUIRE_LANDLOCK").is_none(), "{message}");
    io::stderr().write_all(format!("{message}\n").as_bytes()).unwrap();
}
