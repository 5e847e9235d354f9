//! The environment variables by which a pod tells its runner where things are.
//!
//! The runner hard-codes no absolute path: the same program runs in a container, where volumes are mounts, and on the
//! embedded cluster's node, where they are folders and these values are rewritten to them.

/// The agent framework to drive: a key of the agent registry.
pub const RUNNER_TYPE: &str = "RUNNER_TYPE";
/// The port of the AG-UI server; 8001 by convention, 0 lets the system choose.
pub const AGUI_PORT: &str = "AGUI_PORT";
/// The address to listen on.
pub const POD_IP: &str = "POD_IP";
/// The file with the effective session, in JSON.
pub const SESSION_FILE: &str = "AMBIENT_SESSION_FILE";
/// The number of this attempt, from 1.
pub const ATTEMPT: &str = "AMBIENT_ATTEMPT";
/// The folder that holds the checked-out repositories; the agent works here.
pub const WORKSPACE: &str = "AMBIENT_WORKSPACE";
/// The folder of the event log, start marker and outcome; on the same volume as the workspace, never the agent's.
pub const STATE: &str = "AMBIENT_STATE";
/// The file with the public keys of operator and backend, one PASERK `k4.public` text a line.
pub const PUBLIC_KEYS_FILE: &str = "AMBIENT_PUBLIC_KEYS_FILE";
/// A folder of files, each holding one value that must never leave the runner.
pub const REDACTION_DIRECTORY: &str = "AMBIENT_REDACTION_DIRECTORY";
/// `true` where repositories may be paths of this machine (local mode).
pub const ALLOW_LOCAL_REPOSITORIES: &str = "AMBIENT_ALLOW_LOCAL_REPOSITORIES";
/// The fixture that the replay agent plays: a path, relative to the workspace or absolute.
pub const REPLAY_FIXTURE: &str = "AMBIENT_REPLAY_FIXTURE";
/// The command line of a session's own agent of the Agent Client Protocol: words, or a list in JSON. A session sets it.
pub const ACP_COMMAND: &str = "ACP_COMMAND";
/// The way in which such an agent is to authenticate, where it wants to. A session sets it.
pub const ACP_AUTH_METHOD: &str = "ACP_AUTH_METHOD";
/// The address of a LangGraph server; without it the one of the graph in the first repository is started. A session
/// sets it.
pub const LANGGRAPH_URL: &str = "LANGGRAPH_URL";
/// The key of that server. It opens no model.
pub const LANGGRAPH_API_KEY: &str = "LANGGRAPH_API_KEY";
/// The graph that is run there, by name or id of an assistant; `agent` where it is not set. A session sets it.
pub const LANGGRAPH_ASSISTANT: &str = "LANGGRAPH_ASSISTANT";
/// How many generations of commits of each repository are checked out, 0 for all, as on other platforms. Without it all
/// of a history that is not large. A session sets it.
pub const GIT_DEPTH: &str = "GIT_DEPTH";
/// The socket between runner and agent's container: where it is set, the runner starts the agent there, and the shim
/// listens there. In a folder that both have, and short: a socket's path has at most 107 bytes (unix(7)).
pub const AGENT_SOCKET: &str = "AMBIENT_AGENT_SOCKET";
/// The agent's home folder, where it is in a container of its own.
pub const AGENT_HOME: &str = "AMBIENT_AGENT_HOME";
/// This program within the agent's container.
pub const AGENT_EXECUTABLE: &str = "AMBIENT_AGENT_EXECUTABLE";
/// Whether the agent is confined where it is the runner's child: `off` (without it), `auto`, `on`.
pub const SANDBOX: &str = "AMBIENT_SANDBOX";
/// Set by the runner for the agent and all its processes: `<session UID>/<attempt>`, by which they are found again.
pub const RUN_MARK: &str = "AMBIENT_RUN";
/// The broker's address, `http://host:port`. Without it nothing is lent to the run.
pub const BROKER_URL: &str = "AMBIENT_BROKER_URL";
/// The file with the token by which the run's requests are known there; the agent does not see it.
pub const BROKER_TOKEN_FILE: &str = "AMBIENT_BROKER_TOKEN_FILE";
