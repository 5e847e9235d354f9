//! What the body of a request says of itself: the model, how long an answer may get, and what makes it cost more.

use serde::Deserialize;
use serde_json::Value;

use crate::hosted::Tool;

/// What the body of a request says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// The model.
    pub(crate) model: Option<String>,
    max_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    #[serde(rename = "generationConfig", alias = "generation_config")]
    generation: Option<Generation>,
    /// A faster or dearer service than the price table has.
    speed: Option<String>,
    #[serde(alias = "serviceTier")]
    service_tier: Option<String>,
    inference_geo: Option<String>,
    n: Option<u64>,
    background: Option<bool>,
    stream: Option<bool>,
    /// There also where it is `null`.
    #[serde(deserialize_with = "present")]
    pub(crate) stream_options: Option<Value>,
    /// Tools that are offered to the model.
    pub(crate) tools: Option<Vec<Tool>>,
    pub(crate) web_search_options: Option<Value>,
    /// What is kept at the service, and read with the body.
    previous_response_id: Option<Value>,
    conversation: Option<Value>,
    pub(crate) prompt: Option<Value>,
    #[serde(rename = "cachedContent", alias = "cached_content")]
    cached_content: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Generation {
    #[serde(rename = "maxOutputTokens", alias = "max_output_tokens")]
    max_output_tokens: Option<u64>,
    #[serde(rename = "candidateCount", alias = "candidate_count")]
    candidate_count: Option<u64>,
}

/// The longest answer of the models there are; taken where a request names none.
const LONGEST_ANSWER: u64 = 128_000;

impl Asked {
    /// Reads a request. A field that stands there twice is an error: two readers could take different ones.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        if !body.trim_ascii_start().starts_with(b"{") {
            // A list would be read as the fields in their order.
            return Err(serde::de::Error::custom("not a JSON object"));
        }
        serde_json::from_slice(body)
    }

    /// The longest answer that is asked for: the greatest, where it is said in several ways.
    pub(crate) fn most_output(&self) -> u64 {
        let generation = self.generation.as_ref();
        let lengths = [
            self.max_tokens,
            self.max_output_tokens,
            self.max_completion_tokens,
            generation.and_then(|generation| generation.max_output_tokens),
        ];
        let length = lengths.into_iter().flatten().max().unwrap_or(LONGEST_ANSWER);
        let answers = self.n.max(generation.and_then(|generation| generation.candidate_count)).unwrap_or(1);
        length.saturating_mul(answers.max(1))
    }

    /// Whether the answer is to come as a stream, as far as the body says.
    pub(crate) fn is_stream(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether the answer is made after the request has ended, and asked for another time.
    pub(crate) fn is_background(&self) -> bool {
        self.background == Some(true)
    }

    /// Whether the model reads what is kept at the service, beside the body.
    pub(crate) fn recalls(&self) -> bool {
        let kept = [&self.previous_response_id, &self.conversation, &self.prompt, &self.cached_content];
        kept.into_iter().any(Option::is_some)
    }

    /// A way of serving that costs more than the table says.
    pub(crate) fn dearer(&self) -> Option<&str> {
        let beyond = |said: &'static [&'static str]| move |value: &&str| !said.contains(value);
        let speed = self.speed.as_deref().filter(beyond(&["standard"]));
        let tiers = &["auto", "default", "standard", "standard_only", "flex"];
        let tier = self.service_tier.as_deref().filter(beyond(tiers));
        speed.or(tier).or_else(|| self.inference_geo.as_deref().filter(beyond(&["global"])))
    }
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_its_model_and_its_longest_answer() {
        for (body, model, most, dearer) in [
            (r#"{"model": "m", "max_tokens": 5, "messages": [{"model": "x"}]}"#, Some("m"), 5, None),
            (r#"{"model": "m", "max_output_tokens": 7, "service_tier": "auto"}"#, Some("m"), 7, None),
            (r#"{"model": "m", "max_completion_tokens": 7, "n": 3}"#, Some("m"), 21, None),
            (r#"{"max_tokens": 1, "max_completion_tokens": 700, "n": 0}"#, None, 700, None),
            (
                r#"{"contents": [], "generationConfig": {"maxOutputTokens": 9, "candidateCount": 2}}"#,
                None,
                18,
                None,
            ),
            (r#"{"speed": "fast"}"#, None, LONGEST_ANSWER, Some("fast")),
            (r#"{"service_tier": "priority"}"#, None, LONGEST_ANSWER, Some("priority")),
            (r#"{"serviceTier": "priority"}"#, None, LONGEST_ANSWER, Some("priority")),
            (r#"{"inference_geo": "us"}"#, None, LONGEST_ANSWER, Some("us")),
        ] {
            let asked = Asked::parse(body.as_bytes()).unwrap();
            assert_eq!(
                (asked.model.as_deref(), asked.most_output(), asked.dearer()),
                (model, most, dearer),
                "{body}"
            );
        }
        for body in [
            "",
            "[]",
            r#"{"model": "cheap", "model": "dear"}"#,
            r#"{"max_tokens": -1}"#,
            r#"{"stream_options": null, "stream_options": {"include_usage": false}}"#,
        ] {
            assert!(Asked::parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn what_is_kept_at_the_service_is_noticed() {
        for (body, recalls) in [
            (r#"{"input": "go"}"#, false),
            (r#"{"previous_response_id": null}"#, false),
            (r#"{"previous_response_id": "resp_1"}"#, true),
            (r#"{"conversation": {"id": "conv_1"}}"#, true),
            (r#"{"cachedContent": "cachedContents/1"}"#, true),
        ] {
            assert_eq!(Asked::parse(body.as_bytes()).unwrap().recalls(), recalls, "{body}");
        }
    }
}
