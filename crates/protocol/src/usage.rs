//! What a run consumed.

use serde::{Deserialize, Serialize};

/// Tokens, money and turns of a run, summed over its attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Tokens read by the model, cache reads and writes included (AG-UI 1.0 counts so).
    pub input_tokens: u64,
    /// Tokens written by the model.
    pub output_tokens: u64,
    /// The part of `input_tokens` that came from a cache.
    pub cached_input_tokens: u64,
    /// Cost in US dollars, where the agent or a price table gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// What the agent says itself that it cost, where the broker has counted; nothing is decided by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_cost_usd: Option<f64>,
    /// Model turns taken.
    pub turns: u32,
}

impl Usage {
    /// Adds another consumption; the cost is known as soon as one of both is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |one: Option<f64>, two: Option<f64>| match (one, two) {
            (None, None) => None,
            (one, two) => Some(one.unwrap_or_default() + two.unwrap_or_default()),
        };
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cached_input_tokens: self.cached_input_tokens.saturating_add(other.cached_input_tokens),
            cost_usd: sum(self.cost_usd, other.cost_usd),
            reported_cost_usd: sum(self.reported_cost_usd, other.reported_cost_usd),
            turns: self.turns.saturating_add(other.turns),
        }
    }
}
