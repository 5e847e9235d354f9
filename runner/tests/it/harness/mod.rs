//! A target repository, a volume and keys for one run; runners on them, in this process or as one of their own.

pub(crate) mod acp;
mod broker;
mod control_group;
mod git;
mod logs;
mod model;
mod programs;
mod reaper;
mod runners;
mod shim;

pub(crate) use broker::{counted, lend};
pub(crate) use control_group::ControlGroup;
pub(crate) use git::{commit, git};
pub(crate) use model::{real_program, with_scripted_model};
pub(crate) use programs::{CLAUDE, CODEX, GEMINI, LANGGRAPH, Program};
pub(crate) use runners::{
    Process, Runner, bounded, bundle, frames, outcome, questions, say, start, wait_for,
};
pub(crate) use shim::Shim;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ambient_protocol::client::RunnerClient;
use ambient_protocol::token::{Scope, Signer};
use ambient_protocol::{AgentRegistry, Event, RunAgentInput, Verifier};
use ambient_runner::Config;
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Generous: only a broken runner reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PROMPT: &str = "Look over the repository.";

/// What the agent left, where it was collected.
pub(crate) const DELIVERED: &str = "refs/ambient/outcome";

/// One run's surroundings.
pub(crate) struct World {
    folder: TempDir,
    signer: Arc<Signer>,
    session: Value,
    attempt: u32,
    extra: BTreeMap<String, String>,
    shim: Option<Shim>,
}

impl World {
    /// A run of the replay agent on a repository with a README, playing `fixture` or the built-in one.
    pub(crate) fn new(fixture: Option<&str>) -> Self {
        let folder = reaper::watched_folder();
        let target = folder.path().join("target");
        fs::create_dir_all(&target).unwrap();
        git(&target, &["init", "--quiet", "--initial-branch=main"]);
        fs::write(target.join("README.md"), "# Target\n\nSome text.\n").unwrap();
        fs::write(target.join(".gitignore"), "/build/\n").unwrap();
        commit(&target, "Begin");
        let environment = fixture.map(|text| {
            let path = folder.path().join("fixture.yaml");
            fs::write(&path, text).unwrap();
            json!({ "AMBIENT_REPLAY_FIXTURE": path })
        });
        let session = json!({
            "key": {"project": "demo", "session": "first-run", "run": 1},
            "sessionUid": unique(folder.path()), "generation": 1, "pinnedAt": "2026-11-21T00:00:00Z",
            "runnerType": "replay", "agent": AgentRegistry::built_in().get("replay").unwrap(),
            "prompt": PROMPT, "interactive": false, "model": {},
            "limits": {"timeoutSeconds": 600, "inactivityTimeoutSeconds": 600},
            "repositories": [{"name": "target", "url": target, "outputBranch": "ambient/demo/first-run-r1"}],
            "environment": environment.unwrap_or_else(|| json!({})),
            "results": {"url": target, "branch": "results"},
        });
        let signer = Arc::new(Signer::generate("operator").unwrap());
        let world = Self { folder, signer, session, attempt: 1, extra: BTreeMap::new(), shim: None };
        fs::write(world.path("keys"), world.signer.public_paserk().unwrap()).unwrap();
        world
    }

    /// The same run with both carriers: the agent beside its runner, and in a container of its own.
    pub(crate) fn both(fixture: Option<&str>) -> [Self; 2] {
        let mut apart = Self::new(fixture);
        apart.start_shim();
        [Self::new(fixture), apart]
    }

    /// Gives the agent a container of its own, which is a process here.
    pub(crate) fn start_shim(&mut self) {
        self.start_shim_in(None);
    }

    /// The same, and the system lets it use no more than a control group may.
    pub(crate) fn start_shim_in(&mut self, group: Option<&ControlGroup>) {
        let socket = self.path("agent");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        self.variable("AMBIENT_AGENT_SOCKET", &text(&socket));
        self.variable("AMBIENT_AGENT_HOME", &text(&self.path("home")));
        fs::create_dir_all(self.path("home")).unwrap();
        self.shim = Some(Shim::start(PROGRAM, &socket, &search_path(), group));
    }

    /// The containers of the next attempt's pod, where the last one's have ended.
    pub(crate) fn renew_shim(&mut self) {
        if let Some(mut shim) = self.shim.take() {
            assert_eq!(shim.exit_code(), Some(0));
            self.start_shim();
        }
    }

    /// The agent's container.
    pub(crate) fn shim(&mut self) -> &mut Shim {
        self.shim.as_mut().expect("the agent has a container of its own")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Changes the session's JSON.
    pub(crate) fn session(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.session);
    }

    /// Sets an environment variable of the runner.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.extra.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn next_attempt(&mut self) {
        self.attempt += 1;
    }

    pub(crate) fn uid(&self) -> &str {
        self.session["sessionUid"].as_str().unwrap()
    }

    pub(crate) fn input(&self) -> RunAgentInput {
        let turn = format!("first-run-r1-a{}", self.attempt);
        RunAgentInput::prompt(self.uid(), &turn, PROMPT)
    }

    /// The folder the agent works in.
    pub(crate) fn checkout(&self) -> PathBuf {
        self.path("volume/workspace/target")
    }

    /// What git says of what the agent left, in the repository that it is collected in; its commits are `DELIVERED`.
    pub(crate) fn collected(&self, arguments: &[&str]) -> String {
        git(&self.path("volume/state/collections/target"), arguments)
    }

    /// A file as it is in the agent's last commit.
    pub(crate) fn delivered(&self, file: &str) -> String {
        self.collected(&["show", &format!("{DELIVERED}:{file}")])
    }

    /// Waits until its repository is checked out.
    pub(crate) async fn is_prepared(&self) {
        while !self.path("volume/state/workspace.json").exists() {
            tokio::task::yield_now().await;
        }
    }

    /// The stored log, checked: every line is an event, and all together keep the protocol's rules.
    pub(crate) fn log(&self) -> Vec<Event> {
        let text = fs::read_to_string(self.path("volume/state/events.jsonl")).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        let events: Vec<_> = text.lines().map(|line| Event::parse(line).unwrap()).collect();
        let mut verifier = Verifier::default();
        events.iter().for_each(|event| verifier.accept(event).unwrap());
        events
    }

    /// As if so much time had gone by since all that the log holds.
    pub(crate) fn backdate(&self, time: Duration) {
        let milliseconds = i64::try_from(time.as_millis()).unwrap();
        let earlier =
            |event: Event| Event { timestamp: event.timestamp.map(|at| at - milliseconds), ..event };
        let text: String = self.log().into_iter().map(|event| earlier(event).to_json() + "\n").collect();
        fs::write(self.path("volume/state/events.jsonl"), text).unwrap();
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.log().iter().map(|event| event.body.kind()).collect()
    }

    /// The agent said something, used a tool, and ended well, and no line of it is strange to its bridge.
    pub(crate) fn has_understood_its_agent(&self) {
        let kinds = self.kinds();
        for kind in ["TEXT_MESSAGE_CONTENT", "TOOL_CALL_ARGS", "TOOL_CALL_RESULT", "RUN_FINISHED"] {
            assert!(kinds.contains(&kind), "{kind} is missing in {kinds:?}");
        }
        assert!(!kinds.contains(&"RAW"), "every line is understood: {kinds:?}");
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let session = self.path("session.json");
        fs::write(&session, serde_json::to_vec(&self.session).unwrap()).unwrap();
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let mut environment = BTreeMap::from([
            ("RUNNER_TYPE".to_owned(), self.session["runnerType"].as_str().unwrap().to_owned()),
            ("AGUI_PORT".to_owned(), "0".to_owned()),
            ("POD_IP".to_owned(), "127.0.0.1".to_owned()),
            ("AMBIENT_SESSION_FILE".to_owned(), path("session.json")),
            ("AMBIENT_ATTEMPT".to_owned(), self.attempt.to_string()),
            ("AMBIENT_WORKSPACE".to_owned(), path("volume/workspace")),
            ("AMBIENT_STATE".to_owned(), path("volume/state")),
            ("AMBIENT_PUBLIC_KEYS_FILE".to_owned(), path("keys")),
            ("AMBIENT_ALLOW_LOCAL_REPOSITORIES".to_owned(), "true".to_owned()),
            ("PATH".to_owned(), search_path()),
        ]);
        environment.extend(self.extra.clone());
        environment
    }

    pub(crate) fn config(&self) -> Config {
        let variables = self.environment().into_iter();
        let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let mut config = Config::from_environment(variables).unwrap();
        config.executable = PROGRAM.into();
        config
    }

    /// A token for this run.
    pub(crate) fn token(&self, scopes: &[Scope]) -> String {
        self.signer.sign(self.uid(), "operator", scopes, now()).unwrap()
    }

    /// The token by which this run is known at a broker.
    pub(crate) fn broker_token(&self) -> String {
        let until = (now(), now() + jiff::SignedDuration::from_hours(1));
        self.signer.sign_until(self.uid(), "demo/first-run-r1", &[Scope::Broker], until).unwrap()
    }

    /// What the run acts on.
    pub(crate) fn effective(&self) -> Value {
        self.session.clone()
    }

    /// A token for another run.
    pub(crate) fn foreign_token(&self, scopes: &[Scope]) -> String {
        self.signer.sign("another-uid", "operator", scopes, now()).unwrap()
    }

    fn client(&self, address: &str) -> RunnerClient {
        let (signer, uid) = (Arc::clone(&self.signer), self.uid().to_owned());
        let scopes = [Scope::Run, Scope::Read, Scope::Control, Scope::Outcome];
        let token = move || Ok(signer.sign(&uid, "operator", &scopes, now()).unwrap());
        RunnerClient::new(&format!("http://{address}"), Arc::new(token))
    }

    /// A runner in this process.
    pub(crate) async fn runner(&self) -> Runner {
        self.runner_with(self.config()).await
    }

    pub(crate) async fn runner_with(&self, config: Config) -> Runner {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(ambient_runner::serve(config, listener, shutdown.clone()));
        Runner::new(self.client(&address), address, shutdown, task)
    }
}

impl Drop for World {
    /// A test that fails must not leave agents that hold its output open.
    fn drop(&mut self) {
        logs::keep(&self.path("volume/state/events.jsonl"));
        for pid in living_processes(self) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// Processes that work in this run's checkout and live.
pub(crate) fn living_processes(world: &World) -> Vec<i32> {
    let checkout = world.checkout();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let there =
        pids.filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|path| path == checkout));
    there.collect()
}

/// The program of this crate.
const PROGRAM: &str = env!("CARGO_BIN_EXE_ambient-runner");

/// Processes of a run are found by its UID, so that two tests must never share one.
fn unique(folder: &Path) -> String {
    format!("uid-{}", folder.file_name().unwrap().to_string_lossy())
}

#[expect(clippy::disallowed_methods, reason = "the runner's environment is made here")]
fn search_path() -> String {
    std::env::var("PATH").unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tokens are valid by the real clock")]
fn now() -> Timestamp {
    Timestamp::now()
}
