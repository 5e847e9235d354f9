//! How a turn ended, by its stop reason, and what it used.

use ambient_protocol::events::TokenUsage;
use ambient_protocol::outcome::ExitReason;
use serde_json::Value;

use super::rpc::RpcError;
use super::updates::Cost;
use crate::bridge::{Failure, Report};

/// What is known of the turn's end so far.
#[derive(Debug, Default)]
pub(super) struct Conclusion {
    /// The model that the agent said it uses.
    pub(super) model: Option<String>,
    /// Of the session, so far and when the last turn ended.
    cost_usd: Option<f64>,
    told_usd: f64,
    /// Whether a call was denied in the turn: some agents give it up then.
    pub(super) was_denied: bool,
    result: Option<Result<Value, RpcError>>,
}

impl Conclusion {
    /// Notes what the session has cost so far; money of another kind is not ours to convert.
    pub(super) fn take_cost(&mut self, cost: &Cost) {
        if cost.currency == "USD" {
            self.cost_usd = Some(cost.amount);
        }
    }

    /// The session goes on that another process had. What agents tell of its cost (claude-agent-acp 0.100) is all of it,
    /// and so is what it tells while it is loaded.
    pub(super) fn take_up(&mut self, spent_usd: f64) {
        if self.told_usd == 0.0 {
            self.told_usd = spent_usd;
        }
    }

    /// Notes what the session had cost before.
    pub(super) fn take_earlier_cost(&mut self, cost: &Cost) {
        if cost.currency == "USD" {
            self.told_usd = cost.amount;
        }
    }

    /// Takes the answer to the prompt.
    pub(super) fn take(&mut self, result: Result<Value, RpcError>) {
        self.result = Some(result);
    }

    /// What the turn amounts to; none where the agent has not answered.
    pub(super) fn report(&mut self) -> Option<Report> {
        let result = self.result.take()?;
        let was_denied = std::mem::take(&mut self.was_denied);
        let usage = result.as_ref().map(|result| usage(result, self.model.as_ref())).unwrap_or_default();
        let failure = match &result {
            Ok(result) if result["stopReason"] == "cancelled" && was_denied => {
                Some(failed(ExitReason::AgentFailed, "the agent gave its turn up because a call was denied"))
            }
            Ok(result) => failure(result["stopReason"].as_str().unwrap_or_default()),
            Err(error) => Some(failed(ExitReason::AgentFailed, format!("the agent's turn failed: {error}"))),
        };
        let named = usage.iter().find_map(|usage| usage.model.clone());
        let model = self.model.clone().or(named);
        let cost_usd = self.cost_usd.take().map(|total| {
            let before = if total < self.told_usd { 0.0 } else { self.told_usd };
            self.told_usd = total;
            ((total - before) * 1e9).round() / 1e9
        });
        Some(Report { failure, model, usage, cost_usd, ..Report::default() })
    }
}

fn failed(reason: ExitReason, message: impl Into<String>) -> Failure {
    Failure { reason, message: message.into() }
}

fn failure(stop_reason: &str) -> Option<Failure> {
    let (reason, message) = match stop_reason {
        "end_turn" => return None,
        "max_tokens" => (ExitReason::BudgetExceeded, "the model's limit of tokens was reached"),
        "max_turn_requests" => (ExitReason::BudgetExceeded, "the agent's limit of model turns was reached"),
        "refusal" => (ExitReason::AgentFailed, "the agent refused to go on"),
        "cancelled" => (ExitReason::AgentFailed, "the agent cancelled its turn"),
        other => {
            let message = format!("the agent ended its turn for a reason that is not known: \"{other}\"");
            return Some(failed(ExitReason::AgentFailed, message));
        }
    };
    Some(failed(reason, message))
}

/// Tokens, as the protocol has them since 1.15 of its schema, or as Gemini CLI tells them by model.
fn usage(result: &Value, model: Option<&String>) -> Vec<TokenUsage> {
    let usage = &result["usage"];
    if usage.is_object() {
        return vec![whole_usage(usage, model.cloned())];
    }
    let models = result["_meta"]["quota"]["model_usage"].as_array().map(Vec::as_slice).unwrap_or_default();
    let by_model = models.iter().map(|entry| TokenUsage {
        model: entry["model"].as_str().map(str::to_owned),
        input_tokens: entry["token_count"]["input_tokens"].as_u64(),
        output_tokens: entry["token_count"]["output_tokens"].as_u64(),
        ..TokenUsage::default()
    });
    by_model.collect()
}

/// The protocol counts cache reads and writes beside the input, AG-UI within it.
fn whole_usage(usage: &Value, model: Option<String>) -> TokenUsage {
    let number = |name: &str| usage[name].as_u64();
    let cached = [number("cachedReadTokens"), number("cachedWriteTokens")];
    let beside: u64 = cached.iter().flatten().sum();
    TokenUsage {
        model,
        input_tokens: number("inputTokens").map(|input| input + beside),
        output_tokens: number("outputTokens"),
        total_tokens: number("totalTokens"),
        reasoning_tokens: number("thoughtTokens"),
        cached_input_tokens: cached[0],
        cache_write_input_tokens: cached[1],
        ..TokenUsage::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stop_reasons_tell_how_it_went() {
        let cases = [
            (json!({"stopReason": "end_turn"}), None),
            (json!({"stopReason": "max_tokens"}), Some(ExitReason::BudgetExceeded)),
            (json!({"stopReason": "max_turn_requests"}), Some(ExitReason::BudgetExceeded)),
            (json!({"stopReason": "refusal"}), Some(ExitReason::AgentFailed)),
            (json!({"stopReason": "cancelled"}), Some(ExitReason::AgentFailed)),
            (json!({"stopReason": "moonrise"}), Some(ExitReason::AgentFailed)),
            (json!({}), Some(ExitReason::AgentFailed)),
        ];
        for (result, expected) in cases {
            let mut conclusion = Conclusion::default();
            conclusion.take(Ok(result.clone()));
            let failure = conclusion.report().unwrap().failure;
            assert_eq!(failure.map(|failure| failure.reason), expected, "{result}");
        }
        assert_eq!(Conclusion::default().report(), None);
    }

    #[test]
    fn a_turn_is_told_what_it_cost_itself() {
        let usd = |amount| Cost { amount, currency: "USD".into() };
        // What was spent before, what the session tells of that when it is taken up, then after each turn; each turn's own.
        let cases = [
            (None, None, [0.5, 0.75], [0.5, 0.25]),
            (Some(0.5), None, [0.75, 1.0], [0.25, 0.25]),
            (Some(0.5), Some(0.625), [0.75, 1.0], [0.125, 0.25]),
            (Some(0.5), None, [0.25, 0.5], [0.25, 0.25]),
        ];
        for (spent, loaded, told, expected) in cases {
            let mut conclusion = Conclusion::default();
            loaded.iter().for_each(|amount| conclusion.take_earlier_cost(&usd(*amount)));
            spent.iter().for_each(|amount| conclusion.take_up(*amount));
            let turns = told.map(|amount| {
                conclusion.take_cost(&usd(amount));
                conclusion.take(Ok(json!({"stopReason": "end_turn"})));
                conclusion.report().unwrap().cost_usd.unwrap()
            });
            assert_eq!(turns, expected, "{spent:?} {loaded:?}");
        }
    }

    #[test]
    fn usage_is_read_in_both_forms() {
        let ours = json!({"stopReason": "end_turn", "usage": {"inputTokens": 10, "outputTokens": 4,
            "cachedReadTokens": 5, "cachedWriteTokens": 1, "totalTokens": 20}});
        let gemini = json!({"stopReason": "end_turn", "_meta": {"quota": {"model_usage": [
            {"model": "m", "token_count": {"input_tokens": 7, "output_tokens": 2}}]}}});
        let report = |result: Value| {
            let mut conclusion = Conclusion::default();
            conclusion.take_cost(&Cost { amount: 0.5, currency: "USD".into() });
            conclusion.take_cost(&Cost { amount: 9.0, currency: "EUR".into() });
            conclusion.take(Ok(result));
            conclusion.report().unwrap()
        };
        let (ours, gemini) = (report(ours), report(gemini));
        assert_eq!((ours.usage[0].input_tokens, ours.usage[0].output_tokens), (Some(16), Some(4)));
        assert_eq!(ours.cost_usd, Some(0.5));
        assert_eq!((gemini.model.as_deref(), gemini.usage[0].input_tokens), (Some("m"), Some(7)));
    }
}
