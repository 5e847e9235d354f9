//! What the program's `result` lines amount to. They alone give usage and cost: figures elsewhere are not final.

use std::collections::BTreeMap;

use ambient_protocol::events::TokenUsage;
use ambient_protocol::outcome::ExitReason;
use serde_json::Value;

use super::text;
use crate::bridge::{Failure, Report};
use crate::carrier::AgentExit;

/// The results so far. Money and model usage in them add up over the turns of a process, and in newer versions over
/// those of the conversation: a turn's own are the differences.
#[derive(Debug, Default)]
pub(super) struct Conclusion {
    model: Option<String>,
    last: Option<Value>,
    turns: u64,
    told: Totals,
    /// Of the turn that goes on.
    usage: BTreeMap<String, Tokens>,
    cost_usd: Option<f64>,
}

/// Input, output, read from a cache, written to one.
type Tokens = [u64; 4];

/// As the last result had it.
#[derive(Debug, Default)]
struct Totals {
    usage: BTreeMap<String, Tokens>,
    cost_usd: f64,
}

impl Conclusion {
    /// Notes the model that the program said it uses.
    pub(super) fn set_model(&mut self, model: Option<String>) {
        self.model = model.or(self.model.take());
    }

    /// Takes a `result` line.
    pub(super) fn take(&mut self, frame: &Value) {
        self.turns += frame["num_turns"].as_u64().unwrap_or_default();
        for (model, tokens) in self.news(frame) {
            let sum = self.usage.entry(model).or_default();
            *sum = std::array::from_fn(|at| sum[at].saturating_add(tokens[at]));
        }
        if let Some(total) = frame["total_cost_usd"].as_f64() {
            let before = if total < self.told.cost_usd { 0.0 } else { self.told.cost_usd };
            self.cost_usd = Some(rounded(self.cost_usd.unwrap_or_default() + total - before));
            self.told.cost_usd = total;
        }
        self.last = Some(frame.clone());
    }

    /// What was used since the last result.
    fn news(&mut self, frame: &Value) -> BTreeMap<String, Tokens> {
        let told = std::mem::replace(&mut self.told.usage, by_model(&frame["modelUsage"]));
        let since = by_model(&frame["model_usage_since_last_result"]);
        if !since.is_empty() {
            return since;
        }
        if self.told.usage.is_empty() {
            return [(String::new(), tokens(&frame["usage"], OF_TURN))].into();
        }
        let difference = |(model, now): (&String, &Tokens)| {
            let before = told.get(model).copied().unwrap_or_default();
            let restarted = before.iter().zip(now).any(|(before, now)| before > now);
            let before = if restarted { Tokens::default() } else { before };
            (model.clone(), std::array::from_fn(|at| now[at] - before[at]))
        };
        self.told.usage.iter().map(difference).collect()
    }

    /// What the turn amounts to, by its results; none without one.
    pub(super) fn report(&mut self) -> Option<Report> {
        let result = self.last.take()?;
        let failure = failure(&result);
        let said = text(&result, "result").unwrap_or_default();
        let usage = std::mem::take(&mut self.usage).into_iter();
        let used = usage.filter(|(_, tokens)| tokens.iter().any(|count| *count > 0));
        Some(Report {
            summary: if failure.is_none() { said } else { String::new() },
            failure,
            model: self.model.clone(),
            usage: used.map(|(model, tokens)| token_usage(model, tokens)).collect(),
            cost_usd: self.cost_usd.take(),
            turns: u32::try_from(std::mem::take(&mut self.turns)).unwrap_or(u32::MAX),
        })
    }

    /// A process that ended without a result has failed, whatever its exit code.
    pub(super) fn without_result(&self, exit: AgentExit) -> Report {
        let failure = Some(Failure::no_result(exit));
        Report { failure, model: self.model.clone(), ..Report::default() }
    }
}

/// Sums of dollars keep their cents: differences of them have noise beyond.
fn rounded(dollars: f64) -> f64 {
    (dollars * 1e9).round() / 1e9
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

const OF_MODEL: [&str; 4] =
    ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"];
const OF_TURN: [&str; 4] =
    ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];

fn by_model(usage: &Value) -> BTreeMap<String, Tokens> {
    let models = usage.as_object().into_iter().flatten();
    models.map(|(model, usage)| (model.clone(), tokens(usage, OF_MODEL))).collect()
}

fn tokens(usage: &Value, names: [&str; 4]) -> Tokens {
    names.map(|name| usage[name].as_u64().unwrap_or_default())
}

/// AG-UI counts cache reads and writes as input.
fn token_usage(model: String, [input, output, read, written]: Tokens) -> TokenUsage {
    TokenUsage {
        provider: Some("anthropic".to_owned()),
        model: Some(model).filter(|model| !model.is_empty()),
        input_tokens: Some(input + read + written),
        output_tokens: Some(output),
        cached_input_tokens: Some(read),
        cache_write_input_tokens: Some(written),
        ..TokenUsage::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(input: u64, cost: f64) -> Value {
        json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 1, "total_cost_usd": cost,
            "modelUsage": {"m": {"inputTokens": input, "outputTokens": 1}}})
    }

    #[test]
    fn a_turn_is_told_what_it_used_itself() {
        // Results of each turn; input tokens and cost of each.
        let with_news =
            json!({"model_usage_since_last_result": {"m": {"inputTokens": 4, "outputTokens": 1}}});
        let mut newer = result(104, 1.5);
        newer.as_object_mut().unwrap().extend(with_news.as_object().unwrap().clone());
        let cases = [
            (vec![vec![result(10, 0.1)], vec![result(30, 0.3)]], vec![(10, 0.1), (20, 0.2)]),
            (vec![vec![result(10, 0.1), result(30, 0.3)]], vec![(30, 0.3)]),
            (vec![vec![result(10, 0.1)], vec![result(4, 0.05)]], vec![(10, 0.1), (4, 0.05)]),
            (vec![vec![newer]], vec![(4, 1.5)]),
        ];
        for (turns, expected) in cases {
            let mut conclusion = Conclusion::default();
            let told = turns.iter().map(|results| {
                results.iter().for_each(|result| conclusion.take(result));
                let report = conclusion.report().unwrap();
                (report.usage[0].input_tokens.unwrap(), report.cost_usd.unwrap())
            });
            assert_eq!(told.collect::<Vec<_>>(), expected, "{turns:?}");
        }
    }
}
