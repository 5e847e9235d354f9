//! What a service says in an answer of the tokens that it used, each in its own words.

use ambient_protocol::broker::TokenCounts;
use serde_json::Value;

use crate::dialect::{Dialect, text_bytes};

/// What an answer has said so far.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Said {
    /// The tokens.
    pub(crate) tokens: TokenCounts,
    /// Bytes of text that the model wrote.
    pub(crate) written: u64,
    /// Searches that were seen to be made.
    searches: u64,
    /// Whether the service gave its last word on the output.
    is_final: bool,
}

impl Said {
    /// Looks at one event of a stream, or at a whole answer.
    pub(crate) fn look(&mut self, dialect: Dialect, value: &Value, is_stream: bool) {
        if let Value::Array(values) = value {
            values.iter().for_each(|value| self.look(dialect, value, is_stream));
            return;
        }
        match dialect {
            Dialect::Anthropic => self.anthropic(value),
            Dialect::Gemini => self.gemini(value),
            Dialect::OpenAi => self.openai(value, is_stream),
            Dialect::Plain => {}
        }
        self.tokens.web_searches = self.tokens.web_searches.max(self.searches);
    }

    /// Whether all is told. A service that says it wrote nothing, and wrote, has told nothing.
    pub(crate) fn is_told(&self) -> bool {
        self.is_final && self.tokens.all_input() > 0 && (self.tokens.output > 0 || self.written == 0)
    }

    /// <https://docs.anthropic.com/en/api/messages-streaming>: `message_start` has the input, `message_delta` the
    /// output so far; a whole message has both.
    fn anthropic(&mut self, value: &Value) {
        self.written += value.get("delta").or_else(|| value.get("content")).map_or(0, text_bytes);
        let blocks = value.get("content_block").into_iter();
        let blocks = blocks.chain(value.get("content").and_then(Value::as_array).into_iter().flatten());
        self.searches += count(blocks.filter(|block| {
            text(block, "type") == "server_tool_use" && text(block, "name").starts_with("web_search")
        }));
        let usage = value.get("usage").or_else(|| value.get("message")?.get("usage"));
        let Some(usage) = usage.filter(|usage| usage.is_object()) else { return };
        // Where a service went over its prompt several times, the sums are not of all of them.
        // <https://platform.claude.com/docs/en/build-with-claude/compaction>
        let each = usage.get("iterations").and_then(Value::as_array).into_iter().flatten();
        let all = each.map(anthropic_tokens).fold(TokenCounts::default(), TokenCounts::plus);
        self.tokens = self.tokens.greater(anthropic_tokens(usage)).greater(all);
        self.is_final |= matches!(text(value, "type"), "message_delta" | "message");
    }

    /// <https://ai.google.dev/api/generate-content#UsageMetadata>: each chunk has the counts so far. The prompt
    /// includes what came from a cache; thoughts are not among the candidates.
    fn gemini(&mut self, value: &Value) {
        let candidates = value.get("candidates");
        self.written += candidates.map_or(0, text_bytes);
        let candidates = candidates.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let searches = candidates.iter().filter_map(|one| one.get("groundingMetadata")).map(searches_of);
        self.searches = self.searches.max(searches.sum());
        let ended = !candidates.is_empty() && candidates.iter().all(has_ended);
        let Some(usage) = value.get("usageMetadata").filter(|usage| usage.is_object()) else { return };
        let count = |name: &str| number(usage, &[name]);
        let cached = count("cachedContentTokenCount");
        let input = count("promptTokenCount") + count("toolUsePromptTokenCount");
        let output = count("candidatesTokenCount") + count("thoughtsTokenCount");
        self.tokens = self.tokens.greater(TokenCounts {
            input: input.saturating_sub(cached),
            cached_input: cached,
            output: output.max(count("totalTokenCount").saturating_sub(input)),
            ..TokenCounts::default()
        });
        self.is_final |= ended || value.get("promptFeedback").is_some();
    }

    /// <https://platform.openai.com/docs/api-reference/responses-streaming>: the last event has a response with usage.
    /// Chat completions have it in the answer, or in a last chunk where the request asks for it; some services tell it
    /// in each chunk.
    fn openai(&mut self, value: &Value, is_stream: bool) {
        let kind = text(value, "type");
        let response = value.get("response").unwrap_or(value);
        let items = response.get("output").and_then(Value::as_array);
        let written = value.get("delta").or_else(|| value.get("choices")).or_else(|| value.get("output"));
        self.written += written.map_or(0, text_bytes);
        let is_search = |item: &Value| text(item, "type") == "web_search_call";
        if kind == "response.output_item.added" && value.get("item").is_some_and(is_search) {
            self.searches += 1;
        }
        self.searches = self.searches.max(count(items.into_iter().flatten().filter(|item| is_search(item))));
        let Some(usage) = response.get("usage").filter(|usage| usage.is_object()) else { return };
        self.tokens = self.tokens.greater(openai_tokens(usage));
        let choices = value.get("choices").and_then(Value::as_array);
        let closes = |choice: &Value| choice.get("finish_reason").is_some_and(|reason| !reason.is_null());
        let is_last = matches!(kind, "response.completed" | "response.incomplete" | "response.failed")
            || choices.is_some_and(|choices| choices.iter().all(closes));
        self.is_final |= is_last || !is_stream;
    }
}

fn anthropic_tokens(usage: &Value) -> TokenCounts {
    let count = |name: &str| number(usage, &[name]);
    let long = number(usage, &["cache_creation", "ephemeral_1h_input_tokens"]);
    TokenCounts {
        input: count("input_tokens"),
        cached_input: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens").saturating_sub(long),
        cache_write_long: long,
        output: count("output_tokens"),
        web_searches: number(usage, &["server_tool_use", "web_search_requests"]),
    }
}

fn openai_tokens(usage: &Value) -> TokenCounts {
    let first = |names: [&[&str]; 2]| number(usage, names[0]).max(number(usage, names[1]));
    let detail = |name: &str| first([&["input_tokens_details", name], &["prompt_tokens_details", name]]);
    let (cached, cache_write) = (detail("cached_tokens"), detail("cache_write_tokens"));
    let input = first([&["input_tokens"], &["prompt_tokens"]]);
    let output = first([&["output_tokens"], &["completion_tokens"]]);
    TokenCounts {
        input: input.saturating_sub(cached.saturating_add(cache_write)),
        cached_input: cached,
        cache_write,
        // Some services leave what was thought out of the one, and have it in the sum.
        output: output.max(number(usage, &["total_tokens"]).saturating_sub(input)),
        ..TokenCounts::default()
    }
}

/// Whether a candidate's chunk is its last. Enumerations are numbers where a client asks for that.
fn has_ended(candidate: &Value) -> bool {
    candidate.get("finishReason").is_some_and(|reason| reason.is_string() || reason.as_u64() > Some(0))
}

fn searches_of(grounding: &Value) -> u64 {
    grounding.get("webSearchQueries").and_then(Value::as_array).map_or(0, |queries| count(queries.iter()))
}

fn count<T>(all: impl Iterator<Item = T>) -> u64 {
    u64::try_from(all.count()).unwrap_or(u64::MAX)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, path: &[&str]) -> u64 {
    path.iter().try_fold(value, |value, name| value.get(name)).and_then(Value::as_u64).unwrap_or(0)
}
