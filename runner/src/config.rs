//! What a runner is told, read once from environment variables and the files they name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ambient_protocol::EffectiveSession;
use ambient_protocol::environment as names;
use ambient_protocol::run::AttemptId;
use ambient_protocol::sandbox::{Sandbox, UnknownSandbox};
use ambient_protocol::token::{TokenError, Verifier};
use ambient_redaction::{Redactor, Secret};

use crate::lending::BrokerAccess;
use crate::turn::Watchdogs;

/// Variables that an agent inherits from the runner. All others it does not see.
const INHERITED: [&str; 19] = [
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "ANTHROPIC_BASE_URL",
    "GOOGLE_GEMINI_BASE_URL",
    "IS_SANDBOX",
    names::REPLAY_FIXTURE,
];

/// All that a runner is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The framework to drive.
    pub runner_type: String,
    /// What the run acts on.
    pub session: EffectiveSession,
    /// The attempt; its text is the run id of the first turn.
    pub attempt: AttemptId,
    /// Where to listen.
    pub address: SocketAddr,
    /// The folder of the checked-out repositories.
    pub workspace: PathBuf,
    /// The folder of event log, markers and outcome.
    pub state: PathBuf,
    /// Checks callers' tokens.
    pub tokens: Verifier,
    /// Removes secrets from all that leaves the runner.
    pub redactor: Redactor,
    /// Whether repositories may be folders of this machine.
    pub allow_local_repositories: bool,
    /// What the agent inherits, and its keys.
    pub agent_environment: BTreeMap<String, OsString>,
    /// This executable, where the agent is; recorded runs are played by it.
    pub executable: PathBuf,
    /// Where the agent's container listens, if it has one of its own.
    pub agent_socket: Option<PathBuf>,
    /// Whether the agent is confined, where it is a child of the runner.
    pub sandbox: Sandbox,
    /// The agent's home folder; none stands for one in the state folder.
    pub agent_home: Option<PathBuf>,
    /// Who lends what the agent needs; none where its keys are in its environment.
    pub broker: Option<BrokerAccess>,
    /// Bounds on the agent's behaviour.
    pub watchdogs: Watchdogs,
}

impl Config {
    /// Reads the configuration from environment variables (see [`ambient_protocol::environment`]) and from the files
    /// that they name.
    ///
    /// # Errors
    /// Names the variable or file that is missing or wrong.
    pub fn from_environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let variables = Variables::new(variables);
        let session = read_session(&variables.path(names::SESSION_FILE)?)?;
        let keys = session.agent.key_names.iter();
        let keys: BTreeMap<String, OsString> =
            keys.filter_map(|name| Some((name.clone(), variables.0.get(name)?.clone()))).collect();
        let mut secrets: Vec<Secret> =
            keys.values().map(|value| Secret::new(value.as_encoded_bytes())).collect();
        if let Some(folder) = variables.optional_path(names::REDACTION_DIRECTORY) {
            secrets.extend(read_secrets(&folder)?);
        }
        let broker = variables.broker()?;
        if let Some(BrokerAccess { token_file, .. }) = &broker {
            secrets.push(Secret::new(fs::read(token_file).map_err(|cause| file_error(token_file, cause))?));
        }
        let agent_socket = variables.optional_path(names::AGENT_SOCKET);
        // A container of its own has variables of its own, and the keys are there.
        let mut agent_environment =
            if agent_socket.is_some() { BTreeMap::new() } else { variables.inherited() };
        agent_environment.extend(keys);
        Ok(Self {
            runner_type: variables
                .optional(names::RUNNER_TYPE)
                .unwrap_or_else(|| session.framework().to_owned()),
            attempt: session.key.attempt(variables.number(names::ATTEMPT)?),
            address: variables.address()?,
            workspace: variables.path(names::WORKSPACE)?,
            state: variables.path(names::STATE)?,
            tokens: read_public_keys(&variables.path(names::PUBLIC_KEYS_FILE)?, &session.session_uid)?,
            redactor: Redactor::new(secrets),
            allow_local_repositories: variables.optional(names::ALLOW_LOCAL_REPOSITORIES).as_deref()
                == Some("true"),
            agent_environment,
            executable: match variables.optional_path(names::AGENT_EXECUTABLE) {
                Some(path) => path,
                None => std::env::current_exe().map_err(ConfigError::Executable)?,
            },
            sandbox: variables.sandbox()?,
            agent_socket,
            agent_home: variables.optional_path(names::AGENT_HOME),
            broker,
            watchdogs: Watchdogs::default(),
            session,
        })
    }
}

struct Variables(BTreeMap<String, OsString>);

impl Variables {
    fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let readable =
            variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self(readable.filter(|(_, value)| !value.is_empty()).collect())
    }

    fn optional(&self, name: &str) -> Option<String> {
        self.0.get(name)?.to_str().map(str::to_owned)
    }

    fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        self.optional(name).ok_or(ConfigError::Missing(name))
    }

    fn optional_path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name).map(PathBuf::from)
    }

    fn path(&self, name: &'static str) -> Result<PathBuf, ConfigError> {
        let path = self.optional_path(name).ok_or(ConfigError::Missing(name))?;
        // The agent works in another directory than the runner.
        std::path::absolute(&path).map_err(|cause| file_error(&path, cause))
    }

    fn sandbox(&self) -> Result<Sandbox, ConfigError> {
        let word = self.optional(names::SANDBOX);
        let parsed = word.map(|word| word.parse().map_err(ConfigError::Sandbox)).transpose()?;
        Ok(parsed.unwrap_or_default())
    }

    fn number(&self, name: &'static str) -> Result<u32, ConfigError> {
        let text = self.text(name)?;
        text.parse().ok().filter(|number| *number > 0).ok_or(ConfigError::Number { name, text })
    }

    fn address(&self) -> Result<SocketAddr, ConfigError> {
        let (ip, port) = (self.text(names::POD_IP)?, self.text(names::AGUI_PORT)?);
        let parsed: IpAddr =
            ip.parse().map_err(|_| ConfigError::Address { name: names::POD_IP, text: ip })?;
        let port: u16 =
            port.parse().map_err(|_| ConfigError::Address { name: names::AGUI_PORT, text: port })?;
        Ok(SocketAddr::new(parsed, port))
    }

    fn broker(&self) -> Result<Option<BrokerAccess>, ConfigError> {
        let Some(text) = self.optional(names::BROKER_URL) else { return Ok(None) };
        let invalid = |_| ConfigError::Address { name: names::BROKER_URL, text: text.clone() };
        let address = text.parse().map_err(invalid)?;
        Ok(Some(BrokerAccess { address, token_file: self.path(names::BROKER_TOKEN_FILE)? }))
    }

    fn inherited(&self) -> BTreeMap<String, OsString> {
        let present =
            INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), self.0.get(*name)?.clone())));
        present.collect()
    }
}

fn read_session(path: &Path) -> Result<EffectiveSession, ConfigError> {
    let bytes = fs::read(path).map_err(|cause| file_error(path, cause))?;
    serde_json::from_slice(&bytes).map_err(|error| file_error(path, error.into()))
}

fn read_public_keys(path: &Path, audience: &str) -> Result<Verifier, ConfigError> {
    let text = fs::read_to_string(path).map_err(|cause| file_error(path, cause))?;
    Verifier::new(audience, &text)
        .map_err(|cause| ConfigError::Keys { path: path.display().to_string(), cause })
}

/// A mounted Secret is a folder of files; entries that begin with `..` are how the mount is made.
fn read_secrets(folder: &Path) -> Result<Vec<Secret>, ConfigError> {
    let entries = fs::read_dir(folder).map_err(|cause| file_error(folder, cause))?;
    let mut secrets = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|cause| file_error(folder, cause))?;
        let path = entry.path();
        if path.is_file() && !entry.file_name().as_encoded_bytes().starts_with(b"..") {
            let value = fs::read(&path).map_err(|cause| file_error(&path, cause))?;
            secrets.push(Secret::new(value));
        }
    }
    Ok(secrets)
}

fn file_error(path: &Path, cause: io::Error) -> ConfigError {
    ConfigError::File { path: path.display().to_string(), cause }
}

/// The configuration is incomplete or wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable is not set.
    #[error("the environment variable {0} is not set; a runner is started by its pod, which sets it")]
    Missing(&'static str),
    /// A variable is no number.
    #[error("{name}=\"{text}\" is no whole number from 1")]
    Number {
        /// The variable.
        name: &'static str,
        /// Its value.
        text: String,
    },
    /// No word of those there are.
    #[error("{name}: {0}", name = names::SANDBOX)]
    Sandbox(UnknownSandbox),
    /// A variable is no address or port.
    #[error("{name}=\"{text}\" is no address or port to listen on")]
    Address {
        /// The variable.
        name: &'static str,
        /// Its value.
        text: String,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A file holds no public keys.
    #[error("{path} holds no public keys in PASERK form, one a line: {cause}")]
    Keys {
        /// The file.
        path: String,
        /// Why.
        #[source]
        cause: TokenError,
    },
    /// The system does not say which program this is.
    #[error("cannot find this executable: {0}")]
    Executable(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use ambient_protocol::token::Signer;
    use serde_json::json;

    use super::*;

    /// The least environment of a runner, with some variables replaced; an empty value removes one.
    fn read(folder: &Path, replaced: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let session = json!({
            "key": {"project": "demo", "session": "s", "run": 1}, "sessionUid": "uid", "generation": 1,
            "pinnedAt": "2026-11-21T00:00:00Z", "runnerType": "mine", "prompt": "hi", "interactive": false,
            "agent": ambient_protocol::AgentRegistry::built_in().get("claude-agent-sdk").unwrap(), "model": {},
            "limits": {"timeoutSeconds": 60, "inactivityTimeoutSeconds": 60},
            "results": {"url": "/r", "branch": "results"},
        });
        fs::write(folder.join("session.json"), session.to_string()).unwrap();
        fs::write(folder.join("keys"), Signer::generate("operator").unwrap().public_paserk().unwrap())
            .unwrap();
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let mut variables = BTreeMap::from([
            (names::SESSION_FILE, file("session.json")),
            (names::PUBLIC_KEYS_FILE, file("keys")),
            (names::WORKSPACE, file("workspace")),
            (names::STATE, "relative".to_owned()),
            (names::ATTEMPT, "2".to_owned()),
            (names::POD_IP, "::1".to_owned()),
            (names::AGUI_PORT, "8001".to_owned()),
        ]);
        variables.extend(replaced.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Config::from_environment(variables.into_iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn the_environment_says_all() {
        let folder = tempfile::tempdir().unwrap();
        let more = [("ANTHROPIC_API_KEY", "key-0123456789"), ("PATH", "/bin"), ("KUBECONFIG", "/secret")];
        let config = read(folder.path(), &more).unwrap();
        assert_eq!((config.runner_type.as_str(), config.attempt.attempt), ("claude-agent-sdk", 2));
        assert_eq!(config.address.to_string(), "[::1]:8001");
        assert!(config.state.is_absolute() && !config.allow_local_repositories);
        let inherited: Vec<_> = config.agent_environment.keys().collect();
        assert_eq!(inherited, ["ANTHROPIC_API_KEY", "PATH"], "the agent sees no other variable");
        assert_eq!(config.redactor.redact("x key-0123456789").text, "x [redacted]");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let cases = [
            (names::SESSION_FILE, "", names::SESSION_FILE),
            (names::SESSION_FILE, "/nowhere/session.json", "/nowhere/session.json"),
            (names::STATE, "", names::STATE),
            (names::WORKSPACE, "", names::WORKSPACE),
            (names::ATTEMPT, "0", "AMBIENT_ATTEMPT=\"0\" is no whole number from 1"),
            (names::POD_IP, "localhost", "POD_IP=\"localhost\""),
            (names::AGUI_PORT, "99999", "AGUI_PORT=\"99999\""),
            (names::PUBLIC_KEYS_FILE, "/dev/null", "/dev/null holds no public keys"),
            (names::REDACTION_DIRECTORY, "/nowhere/secrets", "/nowhere/secrets"),
            (names::BROKER_URL, "http://127.0.0.1:1", names::BROKER_TOKEN_FILE),
            (names::BROKER_URL, "http://[", "AMBIENT_BROKER_URL=\"http://[\""),
        ];
        let folder = tempfile::tempdir().unwrap();
        for (name, value, expected) in cases {
            let error = read(folder.path(), &[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}={value}: {error}");
        }
    }
}
