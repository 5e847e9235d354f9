//! What a session asks for beyond what is done with it: fields of the origin without effect, and what comes later.

use ambient_crds::conditions::{ConditionType, Reason};
use ambient_crds::session::AgenticSession;
use ambient_crds::validation::deprecated_fields_in_use;
use ambient_kit::conditions::Statement;
use ambient_protocol::broker::{can_ask_vertex, keys_not_lent, services};
use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::effective::{ApprovalMode, EffectiveSession, ResultsMode};
use ambient_protocol::registry::{ACP, GEMINI_CLI, LANGGRAPH};

use super::count::is_counted;
use super::observed::Observed;
use crate::unsupported::{self, Unsupported, unsupported};

/// Conditions `DeprecatedFields`, `NotSupported` and `KeysLent`.
#[must_use]
pub(super) fn shortfalls(observed: &Observed<'_>) -> Vec<Statement> {
    let candidate = observed.candidate.as_ref().ok().and_then(Option::as_ref);
    let mut stated = vec![deprecated(observed.session)];
    if let Some(effective) = observed.pinned.as_ref().or(candidate) {
        let lends = observed.has_broker;
        stated.push(unsupported::statement(&without_effect(effective, lends)));
        stated.push(keys_lent(effective, lends));
    }
    stated
}

/// Where the agent's keys are.
fn keys_lent(effective: &EffectiveSession, lends: bool) -> Statement {
    let kind = ConditionType::KeysLent.as_str();
    let keys = &effective.agent.key_names;
    let exposed: Vec<&str> = match lends {
        true => keys_not_lent(effective).collect(),
        false => keys.iter().map(String::as_str).collect(),
    };
    if keys.is_empty() {
        return Statement::absent(kind);
    }
    if exposed.is_empty() {
        return Statement::yes(kind, Reason::Succeeded.as_str(), "the agent has no key; the broker adds it");
    }
    let why = match lends {
        true => "the broker does not know what service they are for",
        false => "this operator has no broker",
    };
    let exposed = exposed.join(", ");
    Statement::no(
        kind,
        Reason::InUse.as_str(),
        format!("in the agent's environment, if the Secret has them: {exposed}; {why}"),
    )
}

fn deprecated(session: &AgenticSession) -> Statement {
    let kind = ConditionType::DeprecatedFields.as_str();
    let spec = serde_json::json!({"spec": session.spec});
    let used: Vec<_> = deprecated_fields_in_use(&spec)
        .into_iter()
        .map(|field| format!("{}: {}", field.path, field.instead))
        .collect();
    if used.is_empty() {
        return Statement::absent(kind);
    }
    Statement::yes(kind, Reason::InUse.as_str(), format!("without effect: {}", used.join("; ")))
}

/// What a framework does not do with limits and settings: its bridge has no way to tell the agent.
struct Gaps {
    turns: bool,
    cost: bool,
    temperature: bool,
    answer_tokens: bool,
}

fn gaps(framework: &str) -> Gaps {
    match framework {
        ACP => Gaps { turns: true, cost: true, temperature: true, answer_tokens: true },
        GEMINI_CLI => Gaps { turns: false, cost: true, temperature: false, answer_tokens: false },
        // The model's settings are handed to the graph.
        LANGGRAPH => Gaps { turns: true, cost: true, temperature: false, answer_tokens: false },
        _ => Gaps { turns: false, cost: false, temperature: true, answer_tokens: false },
    }
}

fn unasked(framework: &str) -> &'static str {
    match framework {
        LANGGRAPH => "a graph decides by itself which tools it uses",
        _ => "this agent can ask nobody: the agent may not use the tools it would have to ask for",
    }
}

fn without_effect(effective: &EffectiveSession, lends: bool) -> Vec<Unsupported> {
    let asks_for_request = effective.repositories.iter().any(|repository| repository.pull_request);
    let of_the_work = [
        unsupported(
            effective.interactive && !can(effective, AgentFeature::AgenticChat),
            "spec.interactive",
            "the run ends with the agent's answer to the prompt",
        ),
        unsupported(
            !effective.mcp_servers.is_empty() && !effective.agent.capabilities.mcp,
            "spec.mcpServers",
            "the agent gets no MCP server",
        ),
        unsupported(
            effective.approval.mode == ApprovalMode::Ask && !holds_calls(effective),
            "spec.approval.mode Ask",
            unasked(effective.framework()),
        ),
        unsupported(
            asks_for_request,
            "spec.repos[].output.pullRequest",
            "the branch is pushed, no pull request is opened",
        ),
        unsupported(
            effective.results.mode == ResultsMode::PullRequest,
            "results.mode PullRequest",
            "results are committed to the results branch",
        ),
    ];
    of_the_work.into_iter().chain(of_the_model(effective, lends)).collect()
}

/// What is not done with limits and settings of the model.
fn of_the_model(effective: &EffectiveSession, lends: bool) -> [Unsupported; 7] {
    let gaps = gaps(effective.framework());
    let is_counted = lends && is_counted(effective);
    [
        unsupported(
            effective.limits.max_tokens.is_some() && !is_counted,
            "spec.budget.maxTokens",
            "the broker does not count what this agent uses; time is bounded, and turns and cost where the agent has such limits",
        ),
        unsupported(
            effective.limits.max_cost_usd.is_some() && gaps.cost && !is_counted,
            "spec.budget.maxCostUsd",
            "this agent keeps to no limit of cost, and the broker does not count what it uses",
        ),
        unsupported(
            effective.limits.max_turns.is_some() && gaps.turns,
            "spec.budget.maxTurns",
            "this agent has no limit of turns; time is bounded",
        ),
        unsupported(
            effective.model.temperature.is_some() && gaps.temperature,
            "spec.llmSettings.temperature",
            "the agent's own",
        ),
        unsupported(
            effective.model.max_tokens.is_some() && gaps.answer_tokens,
            "spec.llmSettings.maxTokens",
            "the agent's own",
        ),
        unsupported(
            lends && asks_elsewhere(effective),
            "spec.environmentVariables with a key or address of the agent's model",
            "the agent asks the broker; the Secret with the key says where that goes, by an entry of the variable's name",
        ),
        unsupported(
            effective.vertex.is_some()
                && !effective.agent.key_names.is_empty()
                && !(lends && can_ask_vertex(effective)),
            "spec.vertex of ProjectSettings",
            without_vertex(lends),
        ),
    ]
}

fn without_vertex(lends: bool) -> &'static str {
    if lends {
        "this agent asks the models' own services: it cannot be told to ask Vertex AI"
    } else {
        "the agent asks the models' own services: this operator has no broker, which would ask Vertex AI for it"
    }
}

/// Whether the session's variables name a key or an address of a service whose keys are lent.
fn asks_elsewhere(effective: &EffectiveSession) -> bool {
    let given = |name: &str| effective.environment.contains_key(name);
    services(effective).any(|service| given(service.key) || given(service.address_entry))
}

/// Whether calls of tools are held until a person allows them. A graph asks what its author has it ask.
fn holds_calls(effective: &EffectiveSession) -> bool {
    can(effective, AgentFeature::HumanInTheLoop) && effective.framework() != LANGGRAPH
}

fn can(effective: &EffectiveSession, feature: AgentFeature) -> bool {
    effective.agent.capabilities.agent_features.contains(&feature)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::effective::tests::merged;
    use super::*;

    #[test]
    fn what_has_no_effect_is_named_wherever_it_was_asked_for() {
        let repository = json!([{"url": "/r", "output": {"pullRequest": {}}}]);
        let limited = |runner_type: &str| {
            json!({"runnerType": runner_type, "budget": {"maxTurns": 3, "maxCostUsd": 2.0},
                "llmSettings": {"temperature": 0.5, "maxTokens": 100}, "mcpServers": {"custom": {"a": {}}}})
        };
        let cases: [(Value, Value, &[&str]); 11] = [
            (limited("claude-agent-sdk"), json!({}), &["spec.llmSettings.temperature"]),
            (limited("gemini-cli"), json!({}), &["spec.budget.maxCostUsd"]),
            (
                limited("langgraph"),
                json!({}),
                &["spec.mcpServers", "spec.budget.maxCostUsd", "spec.budget.maxTurns"],
            ),
            (
                limited("acp"),
                json!({}),
                &[
                    "spec.budget.maxCostUsd",
                    "spec.budget.maxTurns",
                    "spec.llmSettings.temperature",
                    "spec.llmSettings.maxTokens",
                ],
            ),
            (json!({"timeout": 5, "budget": {"maxTurns": 3}}), json!({}), &[]),
            (json!({"interactive": true}), json!({}), &[]),
            (
                json!({"runnerType": "replay", "mcpServers": {"custom": {"a": {}}}}),
                json!({}),
                &["spec.mcpServers"],
            ),
            (
                json!({"runnerType": "replay"}),
                json!({"mcpServers": {"custom": {"a": {}}}}),
                &["spec.mcpServers"],
            ),
            (json!({}), json!({"defaults": {"approval": {"mode": "Ask"}}}), &[]),
            (json!({"budget": {"maxTokens": 9}}), json!({}), &["spec.budget.maxTokens"]),
            (json!({"repos": repository}), json!({}), &["spec.repos[].output.pullRequest"]),
        ];
        for (spec, settings, expected) in cases {
            assert_eq!(asked_in_vain(&spec, &settings, false), expected);
        }
    }

    fn asked_in_vain(spec: &Value, settings: &Value, lends: bool) -> Vec<&'static str> {
        let effective = merged(spec, settings, &json!({})).unwrap();
        let found = without_effect(&effective, lends);
        found.iter().filter(|one| one.asked).map(|one| one.field).collect()
    }

    #[test]
    fn the_broker_keeps_budgets_that_agents_do_not() {
        let budget = |runner_type: &str| json!({"runnerType": runner_type, "budget": {"maxTokens": 9, "maxCostUsd": 2.0}});
        for (runner_type, expected) in [
            ("gemini-cli", &[][..]),
            ("claude-agent-sdk", &[]),
            ("langgraph", &[]),
            ("acp", &[]),
            ("replay", &["spec.budget.maxTokens"]),
        ] {
            assert_eq!(asked_in_vain(&budget(runner_type), &json!({}), true), expected, "{runner_type}");
        }
        let vertex = json!({"vertex": {"project": "p"}});
        for (runner_type, lends, told) in [
            ("claude-agent-sdk", true, 0),
            ("gemini-cli", true, 0),
            ("replay", false, 0),
            ("langgraph", true, 1),
            ("claude-agent-sdk", false, 1),
        ] {
            let found = asked_in_vain(&json!({"runnerType": runner_type}), &vertex, lends);
            assert_eq!(found.len(), told, "{runner_type}");
        }
        let elsewhere = json!({"environmentVariables": {"ANTHROPIC_BASE_URL": "https://models.example"}});
        assert_eq!(asked_in_vain(&elsewhere, &json!({}), true).len(), 1);
        assert_eq!(asked_in_vain(&elsewhere, &json!({}), false).len(), 0);
    }

    #[test]
    fn keys_that_reach_the_agent_are_named() {
        let mut effective = merged(&json!({}), &json!({}), &json!({})).unwrap();
        assert_eq!(keys_lent(&effective, true).holds, Some(true));
        assert!(keys_lent(&effective, false).message.contains(": ANTHROPIC_API_KEY;"));
        effective.agent.key_names.push("MISTRAL_API_KEY".to_owned());
        let said = keys_lent(&effective, true);
        assert!(said.holds == Some(false) && said.message.contains(": MISTRAL_API_KEY;"), "{}", said.message);
        effective.agent.key_names.clear();
        assert_ne!(keys_lent(&effective, true).holds, Some(true));
    }

    #[test]
    fn deprecated_fields_are_named_with_what_to_use() {
        let spec = json!({"project": "p", "autoPushOnComplete": false});
        let said = deprecated(&AgenticSession::new("s", serde_json::from_value(spec).unwrap()));
        assert!(said.message.contains("spec.project") && said.message.contains("spec.autoPushOnComplete"));
        assert_eq!(deprecated(&AgenticSession::new("s", Default::default())).holds, Some(false));
    }
}
