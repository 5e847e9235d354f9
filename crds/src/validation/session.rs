//! What no schema can say of a session.

use std::collections::BTreeMap;

use super::git_names::{no_credentials, ref_name};
use super::problem::Problem;
use crate::codes::Code;
use crate::session::{AgenticSessionSpec, SessionRepository};
use crate::shared::McpServers;

/// Most bytes of one MCP server's configuration, as JSON.
const MOST_MCP_SERVER_BYTES: usize = 16 * 1024;
/// Variables by which the platform speaks to runner and agent.
const RESERVED_VARIABLES: &[&str] =
    &["RUNNER_TYPE", "AGUI_PORT", "POD_IP", "HOME", "PATH", "GCONV_PATH", "GLIBC_TUNABLES", "LOCPATH"];
/// All variables that begin so belong to the platform, or to the loaders of programs (ld.so(8), dyld(1)).
const RESERVED_PREFIXES: [&str; 3] = ["AMBIENT_", "LD_", "DYLD_"];

/// The latches of a user's client do not belong into a manifest: each sync would set them again.
pub fn latch_problems(session: &AgenticSessionSpec) -> Vec<Problem> {
    let latch = |name: &str, instead: &str| {
        let message = format!("spec.{name} is set by users' clients only; {instead}");
        Problem::new(format!("spec.{name}"), Code::LatchInManifest, message)
    };
    let stop = session.stop.as_ref().map(|_| latch("stop", "use desiredPhase: Stopped in a manifest"));
    let wake = session.wake.as_ref().map(|_| latch("wake", "remove it"));
    stop.into_iter().chain(wake).collect()
}

/// What is wrong with a session's spec, wherever it came from.
pub fn session_problems(session: &AgenticSessionSpec) -> Vec<Problem> {
    let mut problems = repository_problems(&session.repos);
    problems.extend(environment_problems(&session.environment_variables));
    problems.extend(session.mcp_servers.iter().flat_map(mcp_problems));
    if let Some(workflow) = &session.active_workflow {
        problems.extend(no_credentials("spec.activeWorkflow.gitUrl", &workflow.git_url));
        problems.extend(ref_name("spec.activeWorkflow.branch", workflow.branch.as_ref()));
    }
    problems
}

fn repository_problems(repositories: &[SessionRepository]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, repository) in repositories.iter().enumerate() {
        let path = format!("spec.repos[{index}]");
        problems.extend(no_credentials(format!("{path}.url"), &repository.url));
        problems.extend(ref_name(format!("{path}.branch"), repository.branch.as_ref()));
        if let Some(output) = &repository.output {
            problems.extend(ref_name(format!("{path}.output.branch"), output.branch.as_ref()));
            let target = output.pull_request.as_ref().and_then(|request| request.target_branch.as_ref());
            problems.extend(ref_name(format!("{path}.output.pullRequest.targetBranch"), target));
        }
        if let Some(first) = folders.insert(repository.folder(), index) {
            let folder = repository.folder();
            let message = format!(
                "{path}.url and spec.repos[{first}].url would both be cloned into the folder {folder}"
            );
            problems.push(Problem::new(format!("{path}.url"), Code::SameFolder, message));
        }
    }
    problems
}

fn environment_problems(variables: &BTreeMap<String, String>) -> Vec<Problem> {
    let wrong = |name: &str| {
        if RESERVED_VARIABLES.contains(&name)
            || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        {
            return Some(format!(
                "the environment variable {name} belongs to the platform; choose another name"
            ));
        }
        let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (!first || !rest || name.len() > 256)
            .then(|| format!("\"{name}\" is no name of an environment variable: use letters, digits and '_'"))
    };
    let problem = |name: &String| {
        let message = wrong(name)?;
        Some(Problem::new(format!("spec.environmentVariables[{name}]"), Code::EnvironmentName, message))
    };
    variables.keys().filter_map(problem).collect()
}

pub(super) fn mcp_problems(servers: &McpServers) -> Vec<Problem> {
    let problem = |(name, server): (&String, &serde_json::Value)| {
        let size = server.to_string().len();
        (size > MOST_MCP_SERVER_BYTES).then(|| {
            let message = format!(
                "the MCP server {name} has {size} bytes of configuration, {MOST_MCP_SERVER_BYTES} are allowed"
            );
            Problem::new(format!("spec.mcpServers.custom[{name}]"), Code::McpServerSize, message)
        })
    };
    servers.custom.iter().filter_map(problem).collect()
}
