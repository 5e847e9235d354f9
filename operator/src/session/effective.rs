//! Session, project, settings and registry, merged into the one thing a run acts on.
//!
//! Settings give defaults, the project's ceilings bound what anybody asked for. What exceeds a ceiling is refused with
//! the way out, not cut in silence: a run that does less than its manifest says would surprise its author.

mod model;

use std::collections::{BTreeMap, BTreeSet};

use ambient_crds::project::Ceilings;
use ambient_crds::project_settings::{
    DEFAULT_INACTIVITY_TIMEOUT_SECONDS, DEFAULT_TIMEOUT_SECONDS, ProjectSettingsSpec, SessionDefaults,
};
use ambient_crds::session::{AgenticSession, AgenticSessionSpec, SessionRepository};
use ambient_crds::shared::{ApprovalMode as WantedApproval, Budget, McpServers};
use ambient_crds::validation::session_problems;
use ambient_protocol::broker::EgressRule;
use ambient_protocol::effective::{
    Allowed, Approval, ApprovalMode, ContextItem, EffectiveRepository, EffectiveSession, Limits,
    ResultsTarget, SourceReference, Workflow,
};
use ambient_protocol::registry::{AgentRegistry, DEFAULT_RUNNER_TYPE};
use ambient_protocol::run::RunKey;
use jiff::Timestamp;
use kube::ResourceExt as _;

/// All that an effective session is made from.
pub(super) struct EffectiveInputs<'a> {
    /// The run.
    pub key: &'a RunKey,
    /// The session object.
    pub session: &'a AgenticSession,
    /// The project's ceilings.
    pub ceilings: Option<&'a Ceilings>,
    /// The project's settings, if it has any.
    pub settings: Option<&'a ProjectSettingsSpec>,
    /// How each runner type is run.
    pub registry: &'a AgentRegistry,
    /// Where results go.
    pub results: &'a ResultsTarget,
    /// The document the session came from.
    pub source: Option<SourceReference>,
    /// What sessions that had to come first have left.
    pub context: Vec<ContextItem>,
    /// The time of the pin.
    pub now: Timestamp,
}

/// Merges the inputs.
///
/// # Errors
/// Names the field that cannot be satisfied, and the way out.
pub(super) fn merge(inputs: EffectiveInputs<'_>) -> Result<EffectiveSession, EffectiveError> {
    let EffectiveInputs { key, session, ceilings, settings, registry, results, source, context, now } =
        inputs;
    let spec = &session.spec;
    if let Some(problem) = session_problems(spec).first() {
        return Err(EffectiveError::Invalid(format!("{} {}", problem.code, problem.message)));
    }
    let defaults = settings.and_then(|settings| settings.defaults.clone()).unwrap_or_default();
    let runner_type = runner_type(spec, &defaults, ceilings)?;
    let agent =
        registry.get(&runner_type).map_err(|error| EffectiveError::RunnerType(error.to_string()))?.clone();
    let model = model::settings(spec, &defaults, &agent, ceilings)?;
    let user = spec.user_context.as_ref();
    let mcp_servers = mcp_servers(
        &agent.mcp_servers,
        settings.and_then(|settings| settings.mcp_servers.as_ref()),
        spec.mcp_servers.as_ref(),
    );
    Ok(EffectiveSession {
        key: key.clone(),
        session_uid: session.uid().unwrap_or_default(),
        generation: session.metadata.generation.unwrap_or_default(),
        pinned_at: now,
        source,
        display_name: spec.display_name.clone(),
        requested_by: user.and_then(|user| user.display_name.clone().or_else(|| user.user_id.clone())),
        runner_type,
        agent,
        prompt: prompt(spec)?,
        context,
        interactive: spec.interactive && spec.stop_on_run_finished != Some(true),
        model,
        limits: limits(spec, &defaults, settings, ceilings)?,
        allowed: allowed(ceilings)?,
        approval: approval(spec, &defaults),
        repositories: spec.repos.iter().map(|one| repository(one, key)).collect(),
        workflow: spec.active_workflow.as_ref().map(|workflow| Workflow {
            url: workflow.git_url.clone(),
            branch: workflow.branch.clone(),
            path: workflow.path.clone(),
        }),
        mcp_servers,
        environment: spec.environment_variables.clone(),
        runner_secret: settings.and_then(|settings| settings.runner_secrets_name.clone()),
        vertex: settings.and_then(|settings| settings.vertex.as_ref()).map(model::at_vertex),
        results: results.clone(),
    })
}

/// Why no effective session can be made: an edit is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EffectiveError {
    /// The spec says what cannot be; sync refuses it too, other clients do not ask.
    #[error("{0}")]
    Invalid(String),
    /// Nothing says what the agent is to do.
    #[error("spec.initialPrompt: nothing says what the agent is to do; set it")]
    NoPrompt,
    /// No such runner type.
    #[error("spec.runnerType: {0}")]
    RunnerType(String),
    /// More is asked for than the project allows.
    #[error(
        "{field}: {wanted} exceeds what the project allows ({allowed}); lower it, or ask an administrator to raise spec.ceilings of the Project"
    )]
    CeilingExceeded {
        /// The field.
        field: &'static str,
        /// What was asked for.
        wanted: String,
        /// What is allowed.
        allowed: String,
    },
}

impl EffectiveError {
    /// The public reason.
    #[must_use]
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::NoPrompt | Self::RunnerType(_) => "Invalid",
            Self::CeilingExceeded { .. } => "CeilingExceeded",
        }
    }
}

fn prompt(spec: &AgenticSessionSpec) -> Result<String, EffectiveError> {
    let prompt = spec.initial_prompt.clone().unwrap_or_default();
    // A workflow may bring what is to be asked; its runner sees.
    let is_told = !prompt.trim().is_empty() || spec.active_workflow.is_some();
    if is_told { Ok(prompt) } else { Err(EffectiveError::NoPrompt) }
}

fn exceeded(field: &'static str, wanted: &dyn ToString, allowed: &dyn ToString) -> EffectiveError {
    let (wanted, allowed) = (wanted.to_string(), allowed.to_string());
    EffectiveError::CeilingExceeded { field, wanted, allowed }
}

fn runner_type(
    spec: &AgenticSessionSpec,
    defaults: &SessionDefaults,
    ceilings: Option<&Ceilings>,
) -> Result<String, EffectiveError> {
    let wanted = spec.runner_type.clone().or_else(|| defaults.runner_type.clone());
    let wanted = wanted.unwrap_or_else(|| DEFAULT_RUNNER_TYPE.to_owned());
    allowed_word("spec.runnerType", &wanted, ceilings.map(|ceilings| ceilings.runner_types.as_slice()))?;
    Ok(wanted)
}

/// An empty list allows everything.
fn allowed_word(field: &'static str, wanted: &str, allowed: Option<&[String]>) -> Result<(), EffectiveError> {
    match allowed {
        Some(allowed) if !allowed.is_empty() && !allowed.iter().any(|word| word == wanted) => {
            Err(exceeded(field, &format!("\"{wanted}\""), &allowed.join(", ")))
        }
        _ => Ok(()),
    }
}

fn limits(
    spec: &AgenticSessionSpec,
    defaults: &SessionDefaults,
    settings: Option<&ProjectSettingsSpec>,
    ceilings: Option<&Ceilings>,
) -> Result<Limits, EffectiveError> {
    let ceiling = ceilings.cloned().unwrap_or_default();
    let budget = spec.budget.clone().unwrap_or_default();
    let default_budget = defaults.budget.clone().unwrap_or_default();
    let timeout = bounded("spec.timeout", spec.timeout, defaults.timeout, ceiling.timeout)?;
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
    let inactivity =
        spec.inactivity_timeout.or_else(|| settings.and_then(ProjectSettingsSpec::inactivity_timeout));
    let Budget { max_cost_usd, max_tokens, max_turns } = budget;
    let tokens = bounded("spec.budget.maxTokens", max_tokens, default_budget.max_tokens, ceiling.max_tokens)?;
    let max_cost_usd =
        bounded("spec.budget.maxCostUsd", max_cost_usd, default_budget.max_cost_usd, ceiling.max_cost_usd)?;
    Ok(Limits {
        timeout_seconds: u64::try_from(timeout).unwrap_or_default(),
        inactivity_timeout_seconds: u64::try_from(inactivity.unwrap_or(DEFAULT_INACTIVITY_TIMEOUT_SECONDS))
            .unwrap_or_default(),
        max_cost_usd,
        max_tokens: tokens.and_then(|tokens| u64::try_from(tokens).ok()),
        max_turns: max_turns.or(default_budget.max_turns).and_then(|turns| u32::try_from(turns).ok()),
    })
}

/// What the session asks for, refused above the ceiling; else the project's default, else the ceiling itself.
fn bounded<T: PartialOrd + Copy + ToString>(
    field: &'static str,
    wanted: Option<T>,
    default: Option<T>,
    ceiling: Option<T>,
) -> Result<Option<T>, EffectiveError> {
    match (wanted, ceiling) {
        (Some(wanted), Some(ceiling)) if wanted > ceiling => Err(exceeded(field, &wanted, &ceiling)),
        (Some(wanted), _) => Ok(Some(wanted)),
        (None, Some(ceiling)) => Ok(Some(default.filter(|default| *default < ceiling).unwrap_or(ceiling))),
        (None, None) => Ok(default),
    }
}

/// What bounds every run of the project. A destination without a port is that of https.
fn allowed(ceilings: Option<&Ceilings>) -> Result<Allowed, EffectiveError> {
    let Some(ceilings) = ceilings else { return Ok(Allowed::default()) };
    let rule = |text: &String| {
        let with_port = if text.contains(':') { text.clone() } else { format!("{text}:443") };
        let read = with_port.parse::<EgressRule>();
        read.map_err(|error| EffectiveError::Invalid(format!("spec.ceilings.egress of the Project: {error}")))
    };
    let egress = ceilings.egress.iter().map(rule).collect::<Result<_, _>>()?;
    Ok(Allowed { models: ceilings.models.clone(), egress })
}

fn approval(spec: &AgenticSessionSpec, defaults: &SessionDefaults) -> Approval {
    let wanted = spec.approval.clone().or_else(|| defaults.approval.clone());
    wanted.map_or_else(Approval::default, |wanted| Approval {
        mode: match wanted.mode {
            WantedApproval::Ask => ApprovalMode::Ask,
            WantedApproval::Auto => ApprovalMode::Auto,
        },
        tools: wanted.tools,
    })
}

fn repository(repository: &SessionRepository, key: &RunKey) -> EffectiveRepository {
    let output = repository.output.clone().unwrap_or_default();
    EffectiveRepository {
        name: repository.folder().to_owned(),
        url: repository.url.clone(),
        branch: repository.branch.clone(),
        output_branch: output.branch.unwrap_or_else(|| key.output_branch()),
        push: repository.auto_push != Some(false),
        pull_request: output.pull_request.is_some(),
    }
}

/// The project's servers are laid over the agent's, the session's over both; either may switch one off.
fn mcp_servers(
    agent: &BTreeMap<String, serde_json::Value>,
    project: Option<&McpServers>,
    session: Option<&McpServers>,
) -> BTreeMap<String, serde_json::Value> {
    let mut servers = agent.clone();
    let mut disabled: BTreeSet<&str> = BTreeSet::new();
    for layer in [project, session].into_iter().flatten() {
        servers.extend(layer.custom.clone());
        disabled.extend(layer.disabled.iter().map(String::as_str));
    }
    servers.retain(|name, _| !disabled.contains(name.as_str()));
    servers
}

#[cfg(test)]
pub(super) mod tests;
