//! Real agent programs on the whole platform, lent what they need of a model that answers from a script: what is counted,
//! and what ends them. Ignored unless asked for; see `e2e/run agents`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use ambient_model_server::Script;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::ambient::wait_for;
use crate::lent::Lending;
use crate::up::ended;

/// The key that the model wants.
const KEY: &str = "planted-key-4711-0815-c0ffee";
/// What is got for the account on file.
const TOKEN: &str = "ya29.planted-token-4711-0815";
/// A service account made for tests.
const ACCOUNT: &str = include_str!("../../../crates/broker/tests/it/google/service-account.json");

/// An agent program.
struct Agent {
    /// What `up` calls it.
    flag: &'static str,
    variable: &'static str,
    runner_type: &'static str,
    key: &'static str,
    address: &'static str,
    /// The same for Vertex AI, with what Claude Code expects in it.
    vertex: (&'static str, &'static str),
    model: &'static str,
    /// Its name at Vertex AI.
    model_at_vertex: &'static str,
    shell: &'static str,
}

const CLAUDE: Agent = Agent {
    flag: "--claude-bin",
    variable: "AMBIENT_E2E_CLAUDE",
    runner_type: "claude-agent-sdk",
    key: "ANTHROPIC_API_KEY",
    address: "ANTHROPIC_BASE_URL",
    vertex: ("ANTHROPIC_VERTEX_BASE_URL", "/v1"),
    model: "claude-haiku-4-5",
    model_at_vertex: "claude-haiku-4-5@20251001",
    shell: "Bash",
};

const GEMINI: Agent = Agent {
    flag: "--gemini-bin",
    variable: "AMBIENT_E2E_GEMINI",
    runner_type: "gemini-cli",
    key: "GEMINI_API_KEY",
    address: "GOOGLE_GEMINI_BASE_URL",
    vertex: ("GOOGLE_VERTEX_BASE_URL", ""),
    model: "gemini-2.5-flash",
    model_at_vertex: "gemini-2.5-flash",
    shell: "run_shell_command",
};

#[test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
fn claude_is_counted_and_bounded() {
    CLAUDE.goes_through_all();
}

#[test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
fn gemini_is_counted_and_bounded() {
    GEMINI.goes_through_all();
}

#[test]
#[ignore = "needs Claude Code: set AMBIENT_E2E_CLAUDE to its program"]
fn claude_asks_vertex() {
    CLAUDE.asks_vertex();
}

#[test]
#[ignore = "needs Gemini CLI: set AMBIENT_E2E_GEMINI to its program"]
fn gemini_asks_vertex() {
    GEMINI.asks_vertex();
}

impl Agent {
    /// A platform with this program, whose model says `turns` to those who show the key.
    #[expect(clippy::disallowed_methods, reason = "it is told by the environment where the program is")]
    fn platform(&self, key: &str, turns: &str) -> Lending {
        let program = std::env::var(self.variable).unwrap_or_else(|_| panic!("{} is not set", self.variable));
        let lending = Lending::new(&Script::parse(&format!("key: {key}\nturns:\n{turns}")).unwrap());
        lending.telling(&[self.flag, &program])
    }

    /// Two turns, the first with a tool, each with these tokens.
    fn turns(&self) -> String {
        format!(
            "- text: I look.\n  usage: {{input: 1000, output: 500}}\n  tools:\n  \
             - {{name: {}, input: {{command: ls, description: List}}}}\n\
             - text: Done.\n  usage: {{input: 1000, output: 500}}\n",
            self.shell
        )
    }

    fn session(&self, more: &str) -> String {
        format!("  runnerType: {}\n  llmSettings: {{model: {}}}\n{more}", self.runner_type, self.model)
    }

    fn goes_through_all(&self) {
        let lending = self.platform(KEY, &self.turns());
        let mut up = lending.start();
        up.wait_for_line("project team: ready");
        let keys = |key: &str| lending.put_keys(&json!({self.key: key, self.address: lending.model}));
        keys(KEY);
        let run = |name: &str, more: &str| {
            lending.ask(name, &self.session(more));
            let slug = format!("{name}-r1");
            let entry = wait_for(&format!("the end of {slug}"), || ended(&lending.path, &slug));
            (entry, lending.result(&slug)["usage"].clone())
        };
        let (entry, usage) = run("whole", "");
        assert!(entry.contains("phase: Completed"), "{entry}");
        self.is_counted(&usage, 2);
        for (name, budget, words) in [
            // Claude Code keeps to it by itself, others do not: whoever is first.
            ("dollars", "maxCostUsd: 0.001", "reason: BudgetExceeded"),
            ("tokens", "maxTokens: 1400", "the budget of 1400 tokens is used up: 1500 were used"),
        ] {
            let (entry, usage) = run(name, &format!("  budget: {{{budget}}}\n"));
            assert!(entry.contains("reason: BudgetExceeded"), "{name}: {entry}");
            assert!(entry.contains(words), "{name}: {entry}");
            self.is_counted(&usage, 1);
        }
        keys("the-wrong-key-4711");
        let (entry, usage) = run("wrong-key", "");
        assert!(entry.contains("reason: AgentFailed") && !entry.contains("the-wrong-key"), "{entry}");
        assert_eq!((&usage["inputTokens"], usage["outputTokens"].as_u64()), (&json!(0), Some(0)), "{usage}");
        up.signal(Signal::SIGINT);
        assert!(up.wait().success());
    }

    /// The broker's count of so many answers, whatever the agent says.
    fn is_counted(&self, usage: &Value, answers: u64) {
        let tokens = (&usage["inputTokens"], &usage["outputTokens"]);
        assert_eq!(tokens, (&json!(1000 * answers), &json!(500 * answers)), "{usage}");
        assert!(usage["costUsd"].as_f64().is_some_and(|cost| cost > 0.0 && cost < 0.1), "{usage}");
        assert!(usage["reportedCostUsd"].is_f64(), "what the agent says is kept: {usage}");
    }

    fn asks_vertex(&self) {
        let overload = "- when: {turn: 1}\n  times: 1\n  fault: {status: 529, retryAfter: 1s}\n";
        let lending = self.platform(TOKEN, &format!("{}{overload}", self.turns()));
        let mut up = lending.start();
        up.wait_for_line("project team: ready");
        lending.put_settings("vertex: {project: p-1, region: us-east5}");
        let account = ACCOUNT.replace("https://oauth2.googleapis.com/token", &token_server());
        let (variable, version) = self.vertex;
        let address = format!("{}{version}", lending.model);
        lending.put_keys(&json!({"GOOGLE_APPLICATION_CREDENTIALS": account, variable: address}));
        lending.ask("one", &self.session(""));
        let entry = wait_for("the end", || ended(&lending.path, "one-r1"));
        assert!(entry.contains("phase: Completed"), "{entry}");
        self.is_counted(&lending.result("one-r1")["usage"], 2);
        let log = lending.brokers_log();
        assert!(log.contains(&format!("model=\"{}\"", self.model_at_vertex)), "{log}");
        assert!(log.contains("status=5"), "an overload that passes: {log}");
        assert!(!log.contains(TOKEN) && !log.contains("PRIVATE"), "{log}");
        up.signal(Signal::SIGINT);
        assert!(up.wait().success());
    }
}

/// Gives the token to whoever asks; its address.
fn token_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/token", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let mut asked = Vec::new();
            let mut buffer = [0; 4096];
            while !String::from_utf8_lossy(&asked).contains("&assertion=") {
                let read = connection.read(&mut buffer).unwrap();
                asked.extend_from_slice(&buffer[..read]);
            }
            let body = json!({"access_token": TOKEN, "expires_in": 3599}).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            write!(connection, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    address
}
