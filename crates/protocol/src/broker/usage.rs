//! What a run has used, as the broker counted it.

use serde::{Deserialize, Serialize};

use super::binding::Budget;
use super::money::MicroDollars;
use crate::run::RunKey;
use crate::usage::Usage;

/// Tokens of one answer, or of many. The kinds of input are apart: each has its price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenCounts {
    /// Read, and neither from a cache nor into one.
    pub input: u64,
    /// Read from a cache.
    pub cached_input: u64,
    /// Read, and put into a cache.
    pub cache_write: u64,
    /// Read, and put into a cache for an hour, which costs more.
    pub cache_write_long: u64,
    /// Written by the model, what it thought included.
    pub output: u64,
    /// Searches that the model's own service made; they are no tokens, but they cost.
    pub web_searches: u64,
}

impl TokenCounts {
    /// All tokens read.
    #[must_use]
    pub const fn all_input(&self) -> u64 {
        self.input
            .saturating_add(self.cached_input)
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_write_long)
    }

    /// All tokens, in and out.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.all_input().saturating_add(self.output)
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.both(other, u64::saturating_add)
    }

    /// The greater of each: services repeat their counts as an answer grows.
    #[must_use]
    pub fn greater(self, other: Self) -> Self {
        self.both(other, u64::max)
    }

    fn both(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: of(self.input, other.input),
            cached_input: of(self.cached_input, other.cached_input),
            cache_write: of(self.cache_write, other.cache_write),
            cache_write_long: of(self.cache_write_long, other.cache_write_long),
            output: of(self.output, other.output),
            web_searches: of(self.web_searches, other.web_searches),
        }
    }
}

/// What a run used of one model at one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelUsage {
    /// The upstream's name in the binding.
    pub upstream: String,
    /// The model that was asked for.
    pub model: String,
    /// Requests that went to the upstream, answered or not.
    pub requests: u64,
    /// Those of them whose tokens are an estimate, because the answer was cut off or said nothing of them.
    #[serde(default)]
    pub estimated: u64,
    /// The tokens.
    pub tokens: TokenCounts,
    /// The money; absent where the model has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<MicroDollars>,
}

impl ModelUsage {
    /// Adds what was used in another request of the same model.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.estimated = self.estimated.saturating_add(other.estimated);
        self.tokens = self.tokens.plus(other.tokens);
        self.cost = match (self.cost, other.cost) {
            (None, None) => None,
            (one, two) => Some(one.unwrap_or_default().plus(two.unwrap_or_default())),
        };
    }
}

/// The answer of `GET /usage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunUsage {
    /// The run.
    pub run: RunKey,
    /// By upstream and model; what is under way is counted as far as it is known.
    pub models: Vec<ModelUsage>,
    /// What it may use.
    #[serde(default)]
    pub budget: Budget,
    /// Requests refused because the budget was used up, since the broker started.
    #[serde(default)]
    pub refused: u64,
}

impl RunUsage {
    /// What is recorded of a run: what was counted here, with turns and cost as the agent told them.
    #[must_use]
    pub fn in_place_of(&self, told: Usage) -> Usage {
        Usage {
            reported_cost_usd: told.reported_cost_usd.or(told.cost_usd),
            turns: told.turns,
            ..self.total()
        }
    }

    /// The sum over all models as results and status have it. Turns are the agent's, and not known here.
    #[must_use]
    pub fn total(&self) -> Usage {
        let tokens = self.models.iter().fold(TokenCounts::default(), |sum, model| sum.plus(model.tokens));
        let costs = self.models.iter().filter_map(|model| model.cost);
        Usage {
            input_tokens: tokens.all_input(),
            output_tokens: tokens.output,
            cached_input_tokens: tokens.cached_input,
            cost_usd: costs.reduce(MicroDollars::plus).map(MicroDollars::dollars),
            reported_cost_usd: None,
            turns: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_by_kind_and_money_is_known_where_one_price_is() {
        let tokens =
            TokenCounts { input: 1, cached_input: 2, cache_write: 3, output: 4, ..TokenCounts::default() };
        let model = |cost| ModelUsage {
            upstream: "anthropic".to_owned(),
            model: "m".to_owned(),
            requests: 1,
            estimated: 0,
            tokens,
            cost,
        };
        let run = RunKey::new("demo", "a", 1).unwrap();
        let models = vec![model(None), model(Some(MicroDollars::new(500_000)))];
        let counted = RunUsage { run, models, budget: Budget::default(), refused: 0 };
        let told = Usage { input_tokens: 1, cost_usd: Some(0.25), turns: 3, ..Usage::default() };
        let total = counted.in_place_of(told);
        assert_eq!((total.reported_cost_usd, total.turns), (Some(0.25), 3));
        assert_eq!((total.input_tokens, total.cached_input_tokens, total.output_tokens), (12, 4, 8));
        assert_eq!(total.cost_usd, Some(0.5));
    }
}
