//! What the program's `result` lines amount to. They alone give usage and cost: figures elsewhere are not final.

use ambient_protocol::events::TokenUsage;
use ambient_protocol::outcome::ExitReason;
use serde_json::Value;

use super::text;
use crate::bridge::{Failure, Report};
use crate::carrier::AgentExit;

/// The results so far. Subagents in the background give a second one; money and model usage in it include the first's.
#[derive(Debug, Default)]
pub(super) struct Conclusion {
    model: Option<String>,
    last: Option<Value>,
    turns: u64,
}

impl Conclusion {
    /// Notes the model that the program said it uses.
    pub(super) fn set_model(&mut self, model: Option<String>) {
        self.model = model.or(self.model.take());
    }

    /// Takes a `result` line.
    pub(super) fn take(&mut self, frame: &Value) {
        self.turns += frame["num_turns"].as_u64().unwrap_or_default();
        self.last = Some(frame.clone());
    }

    /// Judges by the result; an exit code of 0 without one is a failure.
    pub(super) fn report(&mut self, exit: AgentExit) -> Report {
        let Some(result) = self.last.take() else {
            return Report {
                failure: Some(Failure::no_result(exit)),
                model: self.model.take(),
                ..Report::default()
            };
        };
        let failure = failure(&result);
        let said = text(&result, "result").unwrap_or_default();
        Report {
            summary: if failure.is_none() { said } else { String::new() },
            failure,
            model: self.model.take(),
            usage: usage(&result),
            cost_usd: result["total_cost_usd"].as_f64(),
            turns: u32::try_from(self.turns).unwrap_or(u32::MAX),
        }
    }
}

/// `subtype: success` with `is_error: true` is how a refusal of the service is told.
fn failure(result: &Value) -> Option<Failure> {
    let subtype = text(result, "subtype").unwrap_or_default();
    let is_error = result["is_error"].as_bool().unwrap_or_default();
    if subtype == "success" && !is_error {
        return None;
    }
    let said = text(result, "result");
    let (reason, message) = match subtype.as_str() {
        "error_max_turns" => (ExitReason::BudgetExceeded, "the limit of model turns was reached".to_owned()),
        "error_max_budget_usd" => (ExitReason::BudgetExceeded, "the limit of money was reached".to_owned()),
        _ => (ExitReason::AgentFailed, said.unwrap_or_else(|| errors(result, &subtype))),
    };
    Some(Failure { reason, message })
}

fn errors(result: &Value, subtype: &str) -> String {
    let errors = result["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<_> = errors.iter().filter_map(Value::as_str).collect();
    let reason = text(result, "terminal_reason").unwrap_or_else(|| subtype.to_owned());
    if texts.is_empty() { format!("the agent gave up: {reason}") } else { texts.join("; ") }
}

/// Tokens by model. AG-UI counts cache reads and writes as input.
fn usage(result: &Value) -> Vec<TokenUsage> {
    if let Some(models) = result["modelUsage"].as_object().filter(|models| !models.is_empty()) {
        let names = ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"];
        return models.iter().map(|(model, usage)| tokens(Some(model.clone()), usage, names)).collect();
    }
    let names = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    vec![tokens(None, &result["usage"], names)]
}

fn tokens(model: Option<String>, usage: &Value, names: [&str; 4]) -> TokenUsage {
    let [input, output, read, written] = names.map(|name| usage[name].as_u64().unwrap_or_default());
    TokenUsage {
        provider: Some("anthropic".to_owned()),
        model,
        input_tokens: Some(input + read + written),
        output_tokens: Some(output),
        cached_input_tokens: Some(read),
        cache_write_input_tokens: Some(written),
        ..TokenUsage::default()
    }
}
