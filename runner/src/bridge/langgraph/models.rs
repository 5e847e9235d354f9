//! Which models were asked, how often, and what they counted.

use std::collections::BTreeMap;

use ambient_protocol::events::TokenUsage;
use serde_json::Value;

use super::message::{Message, UsageMetadata};

/// The models of a run, by the messages that came of them.
#[derive(Debug, Default)]
pub(super) struct Models {
    answers: BTreeMap<String, Answer>,
    last: Option<String>,
}

#[derive(Debug, Default)]
struct Answer {
    provider: Option<String>,
    model: Option<String>,
    usage: UsageMetadata,
}

impl Models {
    /// Takes what a message or a piece of one tells. Pieces each count a part.
    pub(super) fn count(&mut self, id: &str, message: &Message, making: Option<&Value>) {
        let told = |name: &str| making.and_then(|making| making[name].as_str()).map(str::to_owned);
        let model = message.response_metadata.model_name.clone().or_else(|| told("ls_model_name"));
        let is_models = message.kind.starts_with("AI") || message.kind == "ai";
        if !is_models || (model.is_none() && message.usage_metadata.is_none()) {
            return;
        }
        self.last = model.clone().or(self.last.take());
        let answer = self.answers.entry(id.to_owned()).or_default();
        answer.model = model.or(answer.model.take());
        let provider = message.response_metadata.model_provider.clone().or_else(|| told("ls_provider"));
        answer.provider = provider.or(answer.provider.take());
        if let Some(usage) = &message.usage_metadata {
            answer.usage.add(usage);
        }
    }

    /// The model that answered last.
    pub(super) fn last(&self) -> Option<String> {
        self.last.clone()
    }

    /// How often a model has answered.
    pub(super) fn turns(&self) -> u32 {
        u32::try_from(self.answers.len()).unwrap_or(u32::MAX)
    }

    /// Tokens by model.
    pub(super) fn usage(&self) -> Vec<TokenUsage> {
        let mut sums: BTreeMap<_, UsageMetadata> = BTreeMap::new();
        for Answer { provider, model, usage } in self.answers.values() {
            sums.entry((provider, model)).or_default().add(usage);
        }
        let sums = sums.into_iter();
        sums.map(|((provider, model), usage)| tokens(provider.clone(), model.clone(), &usage)).collect()
    }
}

impl UsageMetadata {
    fn add(&mut self, other: &Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        if let Some(details) = &other.input_token_details {
            let sum = self.input_token_details.get_or_insert_default();
            sum.cache_read = plus(sum.cache_read, details.cache_read);
            sum.cache_creation = plus(sum.cache_creation, details.cache_creation);
        }
        if let Some(details) = &other.output_token_details {
            let sum = self.output_token_details.get_or_insert_default();
            sum.reasoning = plus(sum.reasoning, details.reasoning);
        }
    }
}

fn plus(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    if one.is_none() && other.is_none() {
        return None;
    }
    Some(one.unwrap_or_default().saturating_add(other.unwrap_or_default()))
}

fn tokens(provider: Option<String>, model: Option<String>, usage: &UsageMetadata) -> TokenUsage {
    let input = usage.input_token_details.as_ref();
    TokenUsage {
        provider,
        model,
        input_tokens: Some(usage.input_tokens),
        output_tokens: Some(usage.output_tokens),
        reasoning_tokens: usage.output_token_details.as_ref().and_then(|details| details.reasoning),
        cached_input_tokens: input.and_then(|details| details.cache_read),
        cache_write_input_tokens: input.and_then(|details| details.cache_creation),
        ..TokenUsage::default()
    }
}
