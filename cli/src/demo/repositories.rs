//! The demo's two repositories: one for manifests, ledger and results, one for the agent to work on.
//!
//! Both are bare, as on a server, and are made from `examples/`.

use std::path::{Path, PathBuf};

use ambient_crds::session::AgenticSession;
use ambient_git::{CommitBuilder, Mirror, ObjectId, Signature};
use ambient_kit::clock::now;
use ambient_protocol::documents::to_yaml;
use anyhow::Context as _;

use super::PROJECT;
use crate::arguments::DemoAgent;

/// The files of `examples/repository`, but for the session, which is committed by itself.
const PLATFORM_FILES: [(&str, &str); 2] = [
    ("README.md", include_str!("../../../examples/repository/README.md")),
    ("ambient/projects/demo.yaml", include_str!("../../../examples/repository/ambient/projects/demo.yaml")),
];
/// The session's file.
pub(crate) const SESSION_PATH: &str = "ambient/sessions/first-run.yaml";
const SESSION_FILE: &str = include_str!("../../../examples/repository/ambient/sessions/first-run.yaml");
/// The files of `examples/greeter`.
const TARGET_FILES: [(&str, &str); 3] = [
    ("README.md", include_str!("../../../examples/greeter/README.md")),
    ("src/greeting.py", include_str!("../../../examples/greeter/src/greeting.py")),
    ("tests/test_greeting.py", include_str!("../../../examples/greeter/tests/test_greeting.py")),
];
/// The files of `examples/langgraph`: a graph is run from the repository that it works on.
const GRAPH_FILES: [(&str, &str); 2] = [
    ("agent.py", include_str!("../../../examples/langgraph/agent.py")),
    ("langgraph.json", include_str!("../../../examples/langgraph/langgraph.json")),
];
const MAIN: &str = "refs/heads/main";

/// The demo's repositories.
pub(crate) struct DemoRepositories {
    /// Manifests, ledger, results.
    pub(crate) platform: PathBuf,
    /// What the agent works on.
    pub(crate) target: PathBuf,
}

/// What differs from the session in `examples/`.
pub(crate) struct DemoSession {
    pub(crate) runner_type: &'static str,
    pub(crate) target: PathBuf,
}

impl DemoRepositories {
    /// Makes both; those that are there from an earlier demo are used again.
    pub(crate) fn create(folder: &Path, agent: DemoAgent) -> anyhow::Result<Self> {
        let repositories = Self { platform: folder.join("platform.git"), target: folder.join("greeter.git") };
        seed(&repositories.platform, &PLATFORM_FILES, "A project to try Ambient with")?;
        let graph = if agent == DemoAgent::Langgraph { &GRAPH_FILES[..] } else { &[] };
        seed(&repositories.target, &[&TARGET_FILES[..], graph].concat(), "A tiny program")?;
        Ok(repositories)
    }

    /// Commits the session, as any Git client would, and gives the commit and the run it asks for. A session that is
    /// there already runs again.
    pub(crate) fn commit_session(&self, session: &DemoSession) -> anyhow::Result<(String, u32)> {
        let repository = Mirror::open(&self.platform)?;
        let tip = repository.branch("main")?.context("the branch main has gone")?;
        let earlier = repository.file(repository.commit(tip)?.tree, SESSION_PATH, 1 << 20)?;
        let run = match earlier {
            Some(content) => manifest(&String::from_utf8_lossy(&content))?.spec.run.get() + 1,
            None => 1,
        };
        let mut builder = CommitBuilder::on(&repository, tip)?;
        builder.put(SESSION_PATH, session_manifest(session, run)?.into_bytes());
        let commit = builder.write(&repository, &author(), &format!("Ask for run {run} of first-run"))?;
        repository.set_reference(MAIN, commit)?;
        Ok((short(commit), run))
    }
}

fn seed(path: &Path, files: &[(&str, &str)], message: &str) -> anyhow::Result<()> {
    let repository = Mirror::open_or_create(path)?;
    if repository.branch("main")?.is_some() {
        return Ok(());
    }
    let mut builder = CommitBuilder::parentless();
    for (path, content) in files {
        builder.put(path, content.as_bytes().to_vec());
    }
    let commit = builder.write(&repository, &author(), message)?;
    repository.set_reference(MAIN, commit)?;
    repository.set_default_branch("main")?;
    Ok(())
}

/// The session of `examples/`, with the target's address and the agent that was asked for.
fn session_manifest(session: &DemoSession, run: u32) -> anyhow::Result<String> {
    let mut wanted = manifest(SESSION_FILE)?;
    wanted.metadata.namespace = Some(PROJECT.to_owned());
    wanted.spec.runner_type = Some(session.runner_type.to_owned());
    wanted.spec.run = run.try_into()?;
    for repository in &mut wanted.spec.repos {
        repository.url = session.target.display().to_string();
    }
    Ok(to_yaml(&wanted)?)
}

fn manifest(text: &str) -> anyhow::Result<AgenticSession> {
    Ok(serde_yaml::from_str(text)?)
}

fn author() -> Signature {
    let time = now().as_second();
    Signature { name: "Demo user".to_owned(), email: "user@demo.invalid".to_owned(), time }
}

fn short(commit: ObjectId) -> String {
    commit.to_string().chars().take(12).collect()
}
