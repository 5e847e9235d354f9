//! What runs have used, as the broker has counted it (ADR 0018): it counts what it has lent, whatever the agent says.

use ambient_protocol::broker::{MicroDollars, RunUsage, keys_not_lent, services};
use ambient_protocol::client::ClientError;
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::environment::{LANGGRAPH_API_KEY, LANGGRAPH_URL};
use ambient_protocol::outcome::{ExitReason, Outcome};
use ambient_protocol::usage::Usage;

use crate::context::Context;

/// Whether all that a session's agent uses of models is counted: it asks the broker for each of them, and no server elsewhere
/// asks in its place.
#[must_use]
pub(super) fn is_counted(session: &EffectiveSession) -> bool {
    services(session).next().is_some()
        && keys_not_lent(session).all(|key| key == LANGGRAPH_API_KEY)
        && !session.environment.contains_key(LANGGRAPH_URL)
}

/// What a run has used: what the broker has counted, or, where nothing is counted, what its agent says.
///
/// # Errors
/// Fails where the broker does not answer: the count is not lost, and worth waiting for.
pub(super) async fn used(
    context: &Context,
    session: &EffectiveSession,
    told: Usage,
) -> Result<Usage, ClientError> {
    let counted = counted(context, session).await?;
    Ok(counted.map_or(told, |counted| counted.in_place_of(told)))
}

/// An outcome with what the broker has counted. An agent that failed because its budget was used up says so in words of
/// its own.
///
/// # Errors
/// As for [`used`].
pub(super) async fn settled(
    context: &Context,
    session: &EffectiveSession,
    outcome: &Outcome,
) -> Result<Outcome, ClientError> {
    let Some(counted) = counted(context, session).await? else { return Ok(outcome.clone()) };
    let mut settled = Outcome { usage: counted.in_place_of(outcome.usage), ..outcome.clone() };
    let failed = matches!(outcome.exit, ExitReason::AgentFailed | ExitReason::AgentCrashed);
    if let Some(reached) = reached(&counted).filter(|_| failed) {
        settled.exit = ExitReason::BudgetExceeded;
        settled.message = format!("{reached}; the agent: {}", outcome.message);
    }
    Ok(settled)
}

async fn counted(context: &Context, session: &EffectiveSession) -> Result<Option<RunUsage>, ClientError> {
    match &context.broker {
        Some(broker) => broker.usage(session).await,
        None => Ok(None),
    }
}

/// The bound that has stopped a run.
fn reached(counted: &RunUsage) -> Option<String> {
    let total = counted.total();
    let tokens = total.input_tokens.saturating_add(total.output_tokens);
    let cost = counted.models.iter().filter_map(|model| model.cost).reduce(MicroDollars::plus);
    if let Some(limit) = counted.budget.max_cost
        && (counted.refused > 0 && counted.budget.max_tokens.is_none() || cost >= Some(limit))
    {
        return Some(format!("the budget of ${limit} is used up: ${} were spent", cost.unwrap_or_default()));
    }
    let limit = counted.budget.max_tokens.filter(|limit| counted.refused > 0 || tokens >= *limit)?;
    Some(format!("the budget of {limit} tokens is used up: {tokens} were used"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::effective::tests::merged;
    use super::*;

    #[test]
    fn what_is_asked_past_the_broker_is_not_counted() {
        let elsewhere = json!({"LANGGRAPH_URL": "http://graphs:8123"});
        for (spec, counted) in [
            (json!({}), true),
            (json!({"runnerType": "gemini-cli"}), true),
            (json!({"runnerType": "langgraph"}), true),
            (json!({"runnerType": "langgraph", "environmentVariables": elsewhere}), false),
            (json!({"runnerType": "replay"}), false),
        ] {
            let mut session = merged(&spec, &json!({}), &json!({})).unwrap();
            assert_eq!(is_counted(&session), counted, "{spec}");
            session.agent.key_names.push("MISTRAL_API_KEY".to_owned());
            assert!(!is_counted(&session), "{spec}");
        }
    }

    #[test]
    fn a_budget_that_stopped_a_run_is_named() {
        let usage = |budget, refused, cost: &str, input: u64| {
            serde_json::from_value(json!({
                "run": {"project": "demo", "session": "a", "run": 1}, "budget": budget, "refused": refused,
                "models": [{"upstream": "u", "model": "m", "requests": 1, "tokens": {"input": input}, "cost": cost}],
            }))
            .unwrap()
        };
        for (usage, expected) in [
            (usage(json!({}), 0, "9.00", 9), None),
            (usage(json!({"maxCost": "1.00"}), 0, "0.50", 9), None),
            (
                usage(json!({"maxCost": "1.00"}), 1, "0.99", 9),
                Some("the budget of $1.00 is used up: $0.99 were spent"),
            ),
            (
                usage(json!({"maxTokens": 9}), 0, "0.99", 9),
                Some("the budget of 9 tokens is used up: 9 were used"),
            ),
            (
                usage(json!({"maxCost": "1.00", "maxTokens": 9}), 1, "1.10", 5),
                Some("the budget of $1.00 is used up: $1.10 were spent"),
            ),
        ] {
            assert_eq!(reached(&usage).as_deref(), expected);
        }
    }
}
