//! `AgenticSession`: one agent task and its numbered runs.

mod deprecated;
mod spec;
mod status;
mod task;
mod workspace;

pub use deprecated::{BotAccount, ResourceOverrides};
pub use spec::{AgenticSession, AgenticSessionSpec, DesiredPhase, SessionDeletionPolicy};
pub use status::{
    AgentCapabilities, AgenticSessionStatus, SessionOutput, SessionResult, SessionSource, SessionUsage,
    StoppedReason, WaitKind, WaitingFor,
};
pub use task::{
    ActiveWorkflow, Dependency, LlmSettings, PullRequestSpec, RepositoryOutput, ResourceAmounts, Resources,
    Retry, SessionRepository, StopLatch, UserContext, WakeLatch,
};
pub use workspace::{ReconciledRepository, ReconciledWorkflow, RepositoryState, WorkflowState};

pub(crate) use spec::RULES;
