//! `models.json`: the models there are, and what they cost.
//!
//! The built-in table gives list prices in US dollars for a million tokens, standard tier, as the vendors' pages had
//! them on the day in `pricesAsOf`; each model names its page. Contracts, regions and tiers differ: another file
//! overrides single models. A price that is not known for sure is left out, and a budget in dollars then refuses the
//! model: better than a wrong sum.

mod name;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use self::name::ModelName;
use crate::broker::{MicroDollars, TokenCounts};

/// The models by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelTable {
    /// Version of the format: 2, as the origin platform's, with prices.
    pub version: u32,
    /// The day on which the prices were looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices_as_of: Option<String>,
    /// The models.
    pub models: Vec<Model>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Its name at its vendor, without date.
    pub id: String,
    /// What people call it in short, as Claude Code has it: `sonnet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Its name on Vertex AI, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertex_id: Option<String>,
    /// Who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where the price was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_source: Option<String>,
    /// What it costs, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// What a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// For a million tokens.
    #[serde(flatten)]
    pub rates: Rates,
    /// For all tokens of a request whose input is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_prompt: Option<LongPrompt>,
    /// For a thousand searches by the service itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_searches: Option<MicroDollars>,
}

/// For a million tokens; input of a kind that is not named costs as much as other input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// Input.
    pub input: MicroDollars,
    /// Input from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<MicroDollars>,
    /// Input into a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<MicroDollars>,
    /// Input into a cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_long: Option<MicroDollars>,
    /// Output.
    pub output: MicroDollars,
}

/// Other rates for long input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LongPrompt {
    /// From more input tokens than this on, those of caches included.
    pub above: u64,
    /// The rates.
    #[serde(flatten)]
    pub rates: Rates,
}

impl ModelTable {
    /// The table that ships with Ambient.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static TABLE: LazyLock<ModelTable> = LazyLock::new(|| {
            ModelTable::parse(include_str!("../models.json")).expect("a test reads this very file")
        });
        &TABLE
    }

    /// Reads a table.
    ///
    /// # Errors
    /// Says where the text is no table.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Models of `other` replace or join those here. One that is replaced keeps its other names, unless `other` has some.
    #[must_use]
    pub fn overridden_by(mut self, mut other: Self) -> Self {
        for better in &mut other.models {
            let Some(at) = self.models.iter().position(|model| model.id == better.id) else { continue };
            let model = self.models.swap_remove(at);
            better.vertex_id = better.vertex_id.take().or(model.vertex_id);
            if better.aliases.is_empty() {
                better.aliases = model.aliases;
            }
        }
        self.models.extend(other.models);
        self
    }

    /// The model of a name as requests, manifests and people have it: in short, with the vendor's folder, a date or
    /// `latest` at its end, or as on Vertex AI.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Model> {
        ModelName::read(name, self).model
    }

    /// The whole name of a model that is named in short; any other as it is.
    #[must_use]
    pub fn in_full(&self, name: &str) -> String {
        let (bare, window) = name::split_window(name);
        match self.models.iter().find(|model| model.aliases.iter().any(|alias| alias == bare)) {
            Some(model) => format!("{}{window}", model.id),
            None => name.to_owned(),
        }
    }

    /// The name by which Vertex AI knows a model; that of a model which is not in the table is left as it is.
    #[must_use]
    pub fn at_vertex(&self, name: &str) -> String {
        let ModelName { base, version, model, .. } = ModelName::read(name, self);
        let Some(model) = model else { return name.to_owned() };
        let known = match (version, &model.vertex_id) {
            (Some(version), Some(_)) => format!("{base}@{version}"),
            (None, Some(vertex_id)) => vertex_id.clone(),
            (_, None) => model.id.clone(),
        };
        format!("{known}{}", name::split_window(name).1)
    }

    /// Whether a model is one of those that are allowed; an empty list allows all. A name without a date allows every date of
    /// the model, one with a date this alone, and a beginning with `*` whatever begins so.
    #[must_use]
    pub fn allows(&self, allowed: &[String], name: &str) -> bool {
        let wanted = ModelName::read(name, self);
        allowed.is_empty() || allowed.iter().any(|allowed| wanted.is_within(allowed, self))
    }

    /// The price of a model, where it is known.
    #[must_use]
    pub fn price(&self, name: &str) -> Option<&Price> {
        self.find(name)?.price.as_ref()
    }
}

impl Price {
    /// What these tokens of one request cost, rounded up to a millionth of a dollar.
    #[must_use]
    pub fn cost(&self, tokens: &TokenCounts) -> MicroDollars {
        let long = self.long_prompt.filter(|long| tokens.all_input() > long.above);
        let rates = long.map_or(self.rates, |long| long.rates);
        let cost = |count: u64, rate: MicroDollars| u128::from(count) * u128::from(rate.millionths());
        let or_input = |rate: Option<MicroDollars>| rate.unwrap_or(rates.input);
        let tokens_cost = cost(tokens.input, rates.input)
            + cost(tokens.cached_input, or_input(rates.cached_input))
            + cost(tokens.cache_write, or_input(rates.cache_write))
            + cost(tokens.cache_write_long, or_input(rates.cache_write_long.or(rates.cache_write)))
            + cost(tokens.output, rates.output);
        let searches = cost(tokens.web_searches, self.web_searches.unwrap_or_default()) * 1_000;
        let millionths = (tokens_cost + searches).div_ceil(1_000_000);
        MicroDollars::new(u64::try_from(millionths).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_one_and_its_prices_have_a_source_and_a_day() {
        let table = ModelTable::built_in();
        assert!(table.prices_as_of.is_some());
        for model in &table.models {
            assert_eq!(table.find(&model.id), Some(model));
            assert!(model.price.is_none() || model.price_source.is_some(), "{}", model.id);
        }
    }

    #[test]
    fn costs_are_exact_and_rounded_up() {
        let price: Price = serde_json::from_value(serde_json::json!({
            "input": "3.00", "cachedInput": "0.30", "cacheWrite": "3.75", "cacheWriteLong": "6.00", "output": "15.00",
            "webSearches": "10.00",
            "longPrompt": {"above": 200_000, "input": "6.00", "output": "22.50"},
        }))
        .unwrap();
        let none = TokenCounts::default();
        for (tokens, millionths) in [
            (none, 0),
            (TokenCounts { input: 1, ..none }, 3),
            (TokenCounts { cached_input: 1, ..none }, 1),
            (
                TokenCounts {
                    input: 100,
                    cached_input: 1000,
                    cache_write: 10,
                    cache_write_long: 10,
                    output: 20,
                    web_searches: 1,
                },
                300 + 300 + 38 + 60 + 300 + 10_000,
            ),
            (TokenCounts { input: 200_001, output: 2, ..none }, 1_200_006 + 45),
            (TokenCounts { output: u64::MAX, ..none }, u64::MAX),
        ] {
            assert_eq!(price.cost(&tokens).millionths(), millionths, "{tokens:?}");
        }
    }

    #[test]
    fn another_table_overrides_single_models() {
        let own = r#"{"version": 2, "models": [{"id": "claude-sonnet-5-5"}, {"id": "gpt-5", "price": {"input": "1.00", "output": "2.00"}}, {"id": "mine"}]}"#;
        let table = ModelTable::built_in().clone().overridden_by(ModelTable::parse(own).unwrap());
        assert_eq!(table.price("gpt-5").map(|price| price.rates.input.to_string()).as_deref(), Some("1.00"));
        assert!(table.find("mine").is_some() && table.price("mine").is_none());
        assert!(table.price("claude-haiku-4-5").is_some());
        assert_eq!(table.in_full("sonnet"), "claude-sonnet-5-5", "it is still called so");
    }
}
