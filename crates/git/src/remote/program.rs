//! Runs the `git` program: clean environment, bounded time, its words in the error.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use super::lent::Lent;
use super::problem::RemoteProblem;
use super::redact::redact;
use super::{Remote, TIME_LIMIT};
use crate::credentials::Credentials;
use crate::error::GitError;

/// The oldest version that is known to work.
const OLDEST: (u32, u32) = (2, 39);
/// Settings that hold for every command: no hooks, no helpers, no other protocols, no maintenance in passing.
const SETTINGS: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "credential.helper=",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.writeCommitGraph=false",
    "advice.detachedHead=false",
    // Paths are refused or allowed when an address is read; the program need not ask again.
    "protocol.file.allow=always",
];

/// Settings for what goes over HTTP. A redirect is an error: it would lead to another place than the one that was
/// written down. A transfer that stands still for a minute has failed.
const HTTP_SETTINGS: [&str; 3] =
    ["http.followRedirects=false", "http.lowSpeedLimit=1", "http.lowSpeedTime=60"];

/// One command of the program.
pub(crate) struct Program {
    arguments: Vec<OsString>,
    remote: Option<Remote>,
    directory: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

/// What a command has said.
pub(crate) struct Output {
    command: String,
    remote: Option<Remote>,
    pub(crate) stdout: Vec<u8>,
    /// Without credentials.
    pub(crate) stderr: String,
    pub(crate) success: bool,
}

impl Output {
    /// What it says of its failure, as an error.
    pub(crate) fn into_error(self) -> GitError {
        let message = first_words(&self.stderr);
        let Some(remote) = self.remote.filter(|remote| remote.url.http().is_some()) else {
            return GitError::Command { command: self.command, message };
        };
        // Words of the address are not the program's.
        let own = self.stderr.replace(&remote.url.to_program(), "");
        let problem = RemoteProblem::read(&own, remote.credentials.is_some());
        GitError::Remote { command: self.command, url: remote.url.to_string(), problem, message }
    }

    /// A text that came from the remote, without credentials.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let credentials = self.remote.as_ref().and_then(|remote| remote.credentials.as_ref());
        credentials.map_or_else(|| text.to_owned(), |credentials| redact(text, credentials))
    }
}

/// The processes of one command: git has others do its work, and they would go on without it.
struct Group {
    leader: Option<Pid>,
}

impl Group {
    fn of(child: &Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: leader.map(Pid::from_raw) }
    }

    /// The command has ended by itself.
    fn has_ended(&mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may have ended at this very moment; then there is nothing left to do.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

impl Program {
    /// A command for the repository at `directory`.
    pub(crate) fn new(directory: &Path, command: &str) -> Self {
        Self {
            arguments: vec![command.into()],
            remote: None,
            directory: directory.to_owned(),
            environment: Vec::new(),
        }
    }

    /// Names the remote; options come before it, refs and paths after it.
    pub(crate) fn at(self, remote: &Remote) -> Self {
        let mut program = self.arg("--").arg(remote.url.to_program());
        program.remote = Some(remote.clone());
        program
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name, value.as_ref().to_owned()));
        self
    }

    /// Runs it; anything but success is an error with its words.
    pub(crate) async fn run(self) -> Result<Vec<u8>, GitError> {
        let output = self.output().await?;
        if output.success { Ok(output.stdout) } else { Err(output.into_error()) }
    }

    /// Runs it and gives what it said, whatever its verdict.
    pub(crate) async fn output(self) -> Result<Output, GitError> {
        check_version().await?;
        let lent = self.lend()?;
        let limit = self.remote.as_ref().map_or(TIME_LIMIT, |remote| remote.time_limit);
        let child = self.command(lent.as_ref()).spawn().map_err(GitError::Program)?;
        let mut group = Group::of(&child);
        let finished = tokio::time::timeout(limit, child.wait_with_output()).await;
        let output = finished
            .map_err(|_| GitError::Timeout { command: self.name(), seconds: limit.as_secs() })?
            .map_err(GitError::Program)?;
        group.has_ended();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let success = output.status.success();
        let command = self.name();
        let stderr = self.credentials().map_or(stderr.clone(), |credentials| redact(&stderr, credentials));
        Ok(Output { command, remote: self.remote, stdout: output.stdout, stderr, success })
    }

    fn credentials(&self) -> Option<&Credentials> {
        self.remote.as_ref()?.credentials.as_ref()
    }

    fn lend(&self) -> Result<Option<Lent>, GitError> {
        let remote = self.remote.as_ref();
        let asked = remote.and_then(|remote| Some((remote.credentials.as_ref()?, &remote.url)));
        asked.map(|(credentials, url)| Lent::new(credentials, url)).transpose().map_err(GitError::Lend)
    }

    fn command(&self, lent: Option<&Lent>) -> Command {
        let mut command = Command::new("git");
        command.env_clear().envs(kept_environment()).envs(fixed_environment());
        let http = self.remote.as_ref().and_then(|remote| remote.url.http());
        if http.is_some() {
            // Else libcurl would find a `.netrc` there, and send what is in it.
            command.env("HOME", "/dev/null");
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let settings = SETTINGS.iter().chain(http.iter().flat_map(|_| &HTTP_SETTINGS));
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        if http.is_some_and(|address| address.is_loopback()) {
            // What is for this machine is shown to no proxy.
            command.args(["-c", "http.proxy="]);
        }
        if let Some(lent) = lent {
            command.arg("-c").arg(lent.setting());
        }
        command.args(&self.arguments).current_dir(&self.directory).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).process_group(0);
        command
    }

    fn name(&self) -> String {
        self.arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// What the program needs of our own environment: where programs are, proxies, and authorities.
#[expect(
    clippy::disallowed_methods,
    reason = "the program's environment is made from these few variables of ours"
)]
fn kept_environment() -> impl Iterator<Item = (&'static str, OsString)> {
    let kept = [
        "PATH",
        "HOME",
        "TMPDIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        // Authorities that servers' certificates are checked against.
        "GIT_SSL_CAINFO",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

fn fixed_environment() -> [(&'static str, &'static str); 7] {
    [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_PROTOCOL_FROM_USER", "0"),
        ("LC_ALL", "C"),
    ]
}

async fn check_version() -> Result<(), GitError> {
    static CHECKED: OnceCell<()> = OnceCell::const_new();
    let checked = CHECKED
        .get_or_try_init(|| async {
            let output = Command::new("git").arg("--version").output().await.map_err(GitError::Program)?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if parse_version(&text).is_some_and(|found| found >= OLDEST) {
                return Ok(());
            }
            Err(GitError::Version { found: text.trim().trim_start_matches("git version ").to_owned() })
        })
        .await;
    checked.copied()
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix("git version ")?.split(['.', ' ', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn first_words(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).take(8).collect();
    if lines.is_empty() { "no reason given".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::{LocalRepositories, RepositoryUrl};

    #[test]
    fn credentials_are_in_no_argument_and_no_environment() {
        let url = RepositoryUrl::parse("https://h/team/app", LocalRepositories::Refused).unwrap();
        let credentials = Credentials::basic("https://h/team", "jane", "hunter2").unwrap();
        let remote = Remote::with_credentials(url, credentials).unwrap();
        let program = Program::new(Path::new("/"), "fetch").at(&remote);
        let lent = program.lend().unwrap();
        let command = program.command(lent.as_ref());
        let shown = format!("{:?} {:?}", command.as_std(), command.as_std().get_envs().collect::<Vec<_>>());
        assert!(shown.contains("include.path=") && shown.contains("https://h/team/app"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("jane") && !shown.contains("Basic"), "{shown}");
        assert!(shown.contains("(\"HOME\", Some(\"/dev/null\"))"), "{shown}");
    }

    #[test]
    fn words_of_an_address_are_no_cause() {
        let url = RepositoryUrl::parse("https://h/team/gnutls-demo", LocalRepositories::Refused).unwrap();
        let output = Output {
            command: "git fetch".to_owned(),
            remote: Some(Remote::open(url)),
            stdout: Vec::new(),
            stderr: "fatal: repository 'https://h/team/gnutls-demo/' not found".to_owned(),
            success: false,
        };
        let GitError::Remote { problem, .. } = output.into_error() else { panic!("it is of a remote") };
        assert_eq!(problem, RemoteProblem::NotFound);
    }

    #[test]
    fn versions() {
        for (text, version) in [
            ("git version 2.39.5\n", Some((2, 39))),
            ("git version 2.50.1 (Apple Git-155)", Some((2, 50))),
            ("git version 3.0-rc1", Some((3, 0))),
            ("something else", None),
        ] {
            assert_eq!(parse_version(text), version, "{text}");
        }
    }
}
