//! Which model a session's agent asks for, and where.

use ambient_crds::project::Ceilings;
use ambient_crds::project_settings::{ModelPublisher, SessionDefaults, Vertex as WantedVertex};
use ambient_crds::session::AgenticSessionSpec;
use ambient_protocol::effective::{ModelSettings, Vertex};
use ambient_protocol::models::ModelTable;
use ambient_protocol::registry::{AgentEntry, DEFAULT_RUNNER_TYPE};

use super::{EffectiveError, exceeded};

/// The region that stands for all.
const GLOBAL: &str = "global";

/// The model and its parameters, within the ceilings.
pub(super) fn settings(
    spec: &AgenticSessionSpec,
    defaults: &SessionDefaults,
    agent: &AgentEntry,
    ceilings: Option<&Ceilings>,
) -> Result<ModelSettings, EffectiveError> {
    let table = ModelTable::built_in();
    let wanted = spec.llm_settings.clone().unwrap_or_default();
    let name = wanted.model.or_else(|| defaults.model.clone()).or_else(|| agent.default_model.clone());
    let allowed = ceilings.map_or(&[][..], |ceilings| &ceilings.models);
    if let Some(name) = name.as_deref().filter(|name| !table.allows(allowed, name)) {
        return Err(exceeded("spec.llmSettings.model", &format!("\"{name}\""), &allowed.join(", ")));
    }
    // Short names are Claude Code's, each version of which means another model by them. Other programs have their own.
    let is_claude_code = agent.capabilities.framework == DEFAULT_RUNNER_TYPE;
    let name = name.map(|name| if is_claude_code { table.in_full(&name) } else { name });
    let max_tokens = wanted.max_tokens.and_then(|tokens| u64::try_from(tokens).ok());
    Ok(ModelSettings { name, temperature: wanted.temperature, max_tokens })
}

/// The place at Vertex AI.
pub(super) fn at_vertex(wanted: &WantedVertex) -> Vertex {
    let all = [ModelPublisher::Anthropic, ModelPublisher::Google];
    let publishers = if wanted.publishers.is_empty() { &all[..] } else { &wanted.publishers };
    Vertex {
        project: wanted.project.clone(),
        region: wanted.region.clone().unwrap_or_else(|| GLOBAL.to_owned()),
        publishers: publishers.iter().map(ToString::to_string).collect(),
    }
}
