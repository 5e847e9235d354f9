//! What a session asks for beyond what is done with it: fields of the origin without effect, and what comes later.

use ambient_crds::conditions::{ConditionType, Reason};
use ambient_crds::session::AgenticSession;
use ambient_crds::validation::deprecated_fields_in_use;
use ambient_kit::conditions::Statement;
use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::effective::{ApprovalMode, EffectiveSession, ResultsMode};
use ambient_protocol::registry::{ACP, GEMINI_CLI};

use super::observed::Observed;
use crate::unsupported::{self, Unsupported, unsupported};

/// Conditions `DeprecatedFields` and `NotSupported`.
#[must_use]
pub(super) fn shortfalls(observed: &Observed<'_>) -> Vec<Statement> {
    let candidate = observed.candidate.as_ref().ok().and_then(Option::as_ref);
    let mut stated = vec![deprecated(observed.session)];
    stated.extend(
        observed
            .pinned
            .as_ref()
            .or(candidate)
            .map(|effective| unsupported::statement(&without_effect(effective))),
    );
    stated
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

/// What a runner type does not do with limits and settings: its bridge has no way to tell the agent.
struct Gaps {
    turns: bool,
    cost: bool,
    temperature: bool,
    answer_tokens: bool,
}

fn gaps(runner_type: &str) -> Gaps {
    match runner_type {
        ACP => Gaps { turns: true, cost: true, temperature: true, answer_tokens: true },
        GEMINI_CLI => Gaps { turns: false, cost: true, temperature: false, answer_tokens: false },
        _ => Gaps { turns: false, cost: false, temperature: true, answer_tokens: false },
    }
}

fn without_effect(effective: &EffectiveSession) -> [Unsupported; 10] {
    let gaps = gaps(&effective.runner_type);
    let asks_for_request = effective.repositories.iter().any(|repository| repository.pull_request);
    [
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
            effective.approval.mode == ApprovalMode::Ask && !can(effective, AgentFeature::HumanInTheLoop),
            "spec.approval.mode Ask",
            "this agent can ask nobody: the agent may not use the tools it would have to ask for",
        ),
        unsupported(
            effective.limits.max_tokens.is_some(),
            "spec.budget.maxTokens",
            "tokens are counted and shown; time is bounded, and turns and cost where the agent has such limits",
        ),
        unsupported(
            effective.limits.max_cost_usd.is_some() && gaps.cost,
            "spec.budget.maxCostUsd",
            "this agent tells no cost and keeps to no limit of it",
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
            asks_for_request,
            "spec.repos[].output.pullRequest",
            "the branch is pushed, no pull request is opened",
        ),
        unsupported(
            effective.results.mode == ResultsMode::PullRequest,
            "results.mode PullRequest",
            "results are committed to the results branch",
        ),
    ]
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
        let cases: [(Value, Value, &[&str]); 10] = [
            (limited("claude-agent-sdk"), json!({}), &["spec.llmSettings.temperature"]),
            (limited("gemini-cli"), json!({}), &["spec.budget.maxCostUsd"]),
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
            (json!({"interactive": true}), json!({}), &["spec.interactive"]),
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
            (json!({}), json!({"defaults": {"approval": {"mode": "Ask"}}}), &["spec.approval.mode Ask"]),
            (json!({"budget": {"maxTokens": 9}}), json!({}), &["spec.budget.maxTokens"]),
            (json!({"repos": repository}), json!({}), &["spec.repos[].output.pullRequest"]),
        ];
        for (spec, settings, expected) in cases {
            let effective = merged(&spec, &settings, &json!({})).unwrap();
            let found = without_effect(&effective);
            let found: Vec<_> = found.iter().filter(|one| one.asked).map(|one| one.field).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn deprecated_fields_are_named_with_what_to_use() {
        let spec = json!({"project": "p", "autoPushOnComplete": false});
        let said = deprecated(&AgenticSession::new("s", serde_json::from_value(spec).unwrap()));
        assert!(said.message.contains("spec.project") && said.message.contains("spec.autoPushOnComplete"));
        assert_eq!(deprecated(&AgenticSession::new("s", Default::default())).holds, Some(false));
    }
}
