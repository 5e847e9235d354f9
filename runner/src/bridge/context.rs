//! What a bridge knows of a turn for which a process is started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ambient_protocol::effective::ApprovalMode;
use ambient_protocol::{EffectiveSession, RunAgentInput, Usage};

use crate::retelling::Retelling;
use crate::sandbox::Confinement;
use crate::workspace::{Guidance, WorkflowCheckout, WorkspaceRecord};

/// What a bridge knows of a turn when it builds the command.
#[derive(Debug)]
pub(crate) struct TurnContext<'a> {
    pub(crate) session: &'a EffectiveSession,
    pub(crate) input: &'a RunAgentInput,
    /// What the agent may inherit, and its keys.
    pub(crate) environment: &'a BTreeMap<String, OsString>,
    /// The workspace.
    pub(crate) workspace: &'a Path,
    /// A private home folder.
    pub(crate) home: &'a Path,
    /// What was checked out.
    pub(crate) record: &'a WorkspaceRecord,
    /// This executable.
    pub(crate) executable: &'a Path,
    /// Marks the processes of this attempt.
    pub(crate) mark: &'a str,
    /// Whether the agent is another user than the one that has checked out the repositories.
    pub(crate) is_other_user: bool,
    /// The model in force: the session's, or the one that was chosen since. The framework's own where there is none.
    pub(crate) model: Option<&'a str>,
    /// The conversation to take up, where there is one.
    pub(crate) takes_up: Option<TakenUp<'a>>,
    /// What was said and done before, where the conversation goes on: for an agent that cannot take it up.
    pub(crate) retelling: Option<&'a Retelling>,
    /// What the run has consumed before.
    pub(crate) spent: Usage,
    /// How the agent is confined, and with it what the runner starts for it; known to translators.
    pub(crate) confinement: Option<&'a Confinement>,
}

/// A conversation that another process has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenUp<'a> {
    /// What the framework calls it.
    pub(crate) name: &'a str,
    /// Whether its last turn was cut off: that is run again, and nothing new is said.
    pub(crate) cut_off: bool,
}

impl TurnContext<'_> {
    /// What is asked.
    pub(crate) fn prompt(&self) -> String {
        let asked = self.input.asked().unwrap_or_else(|| self.session.prompt.clone());
        let startup = || self.workflow().map(|workflow| workflow.description.startup_prompt.clone());
        if asked.trim().is_empty() { startup().unwrap_or_default() } else { asked }
    }

    /// What is asked of an agent that knows nothing of what was said before.
    pub(crate) fn prompt_anew(&self) -> String {
        let prompt = self.prompt();
        self.retelling.map_or_else(|| prompt.clone(), |retelling| retelling.before(&prompt))
    }

    /// What is asked of an agent by what it remembers.
    pub(crate) fn prompt_by_memory(&self) -> String {
        if self.takes_up.is_some() { self.prompt() } else { self.prompt_anew() }
    }

    /// The active workflow.
    pub(crate) fn workflow(&self) -> Option<&WorkflowCheckout> {
        self.record.workflow.as_ref()
    }

    /// What the agent is told before all else: the workflow's system prompt, where its files are, and which histories
    /// end early.
    pub(crate) fn system_prompt(&self) -> Option<String> {
        let own = self.workflow().map(|workflow| workflow.description.system_prompt.trim().to_owned());
        let files = self.workflow().map(|workflow| {
            format!("The files of the workflow are in {}.", workflow.folder(self.workspace).display())
        });
        let parts = own.filter(|own| !own.is_empty()).into_iter().chain(files).chain(self.short_histories());
        Some(parts.collect::<Vec<_>>().join("\n\n")).filter(|text| !text.is_empty())
    }

    /// Else an agent would take the oldest commit that is there for the first.
    fn short_histories(&self) -> Option<String> {
        let names: Vec<_> = self.record.with_short_history().collect();
        let names = Some(names.join(", ")).filter(|names| !names.is_empty())?;
        Some(format!(
            "Only the latest commits are checked out of: {names}. git log and git blame end there; \
             git fetch --unshallow brings the rest, if the remote can be reached."
        ))
    }

    /// What is said to agents, the weaker first: by the repository that the agent starts in, by the workflow.
    pub(crate) fn guidance(&self) -> impl Iterator<Item = &Guidance> {
        let repository = self.record.repositories.first().map(|checkout| &checkout.guidance);
        repository.into_iter().chain(self.workflow().map(|workflow| &workflow.guidance))
    }

    /// Whether there may be somebody to ask.
    pub(crate) fn asks_people(&self) -> bool {
        self.session.interactive || self.session.approval.mode == ApprovalMode::Ask
    }

    /// The agent's program and arguments where they may be this executable's own: it stands in the registry by its name.
    pub(crate) fn own_program(&self) -> (PathBuf, Vec<OsString>) {
        let mut words = self.session.agent.command.iter();
        let program = words.next().map(String::as_str).unwrap_or_default();
        let program = if program == OWN_PROGRAM { self.executable.to_owned() } else { program.into() };
        (program, words.map(Into::into).collect())
    }

    /// Where the agent works: the first repository, or the workspace where there is none.
    pub(crate) fn directory(&self) -> PathBuf {
        self.repositories().next().unwrap_or_else(|| self.workspace.to_owned())
    }

    /// The folders of all repositories, in order.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = PathBuf> {
        self.session.repositories.iter().map(|repository| self.workspace.join(&repository.name))
    }

    /// The environment every agent gets; the session's variables win over what is inherited.
    pub(crate) fn base_environment(&self) -> BTreeMap<String, OsString> {
        let mut environment = self.environment.clone();
        let given = self.session.environment.iter();
        environment.extend(given.map(|(name, value)| (name.clone(), value.into())));
        let home = self.home.as_os_str().to_owned();
        let agent = [
            ("HOME", home),
            ("GIT_AUTHOR_NAME", AGENT_NAME.into()),
            ("GIT_AUTHOR_EMAIL", AGENT_EMAIL.into()),
            ("GIT_COMMITTER_NAME", AGENT_NAME.into()),
            ("GIT_COMMITTER_EMAIL", AGENT_EMAIL.into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
        ];
        environment.extend(agent.map(|(name, value)| (name.to_owned(), value)));
        if self.is_other_user {
            environment.extend(self.trust());
        }
        environment
    }

    /// Git refuses to work in another user's repository unless it is told so from outside it (git-config(1),
    /// `safe.directory`). What it is told already stays.
    fn trust(&self) -> impl Iterator<Item = (String, OsString)> {
        const COUNT: &str = "GIT_CONFIG_COUNT";
        let told = self.environment.get(COUNT).and_then(|count| count.to_str()?.parse().ok()).unwrap_or(0);
        let count = (told + self.session.repositories.len()).to_string();
        let each = (told..).zip(self.repositories()).flat_map(|(index, folder)| {
            [
                (format!("GIT_CONFIG_KEY_{index}"), "safe.directory".into()),
                (format!("GIT_CONFIG_VALUE_{index}"), folder.into_os_string()),
            ]
        });
        std::iter::once((COUNT.to_owned(), count.into())).chain(each)
    }
}

/// Program name in the registry that stands for this executable.
const OWN_PROGRAM: &str = "ambient";
/// Who commits in the workspace.
pub(crate) const AGENT_NAME: &str = "Ambient agent";
/// An address that cannot exist (RFC 2606).
pub(crate) const AGENT_EMAIL: &str = "agent@ambient.invalid";
