//! Messages as the server streams and keeps them (LangChain's form).

use serde::Deserialize;
use serde_json::Value;

/// A message, or a piece of one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: Option<String>,
    pub(super) content: Value,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    pub(super) tool_call_chunks: Option<Vec<ToolCallChunk>>,
    pub(super) usage_metadata: Option<UsageMetadata>,
    pub(super) response_metadata: ResponseMetadata,
    /// `last` where no piece follows.
    pub(super) chunk_position: Option<String>,
    /// Of a tool's message: the call it answers.
    pub(super) tool_call_id: Option<String>,
    /// Of a tool's message: `success` or `error`.
    pub(super) status: Option<String>,
}

/// A whole call of a tool.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ToolCall {
    pub(super) name: String,
    #[serde(default)]
    pub(super) args: Value,
    pub(super) id: Option<String>,
}

/// A piece of a call. The first has name and id, all have the call's place in the message.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ToolCallChunk {
    pub(super) name: Option<String>,
    pub(super) args: Option<String>,
    pub(super) id: Option<String>,
    pub(super) index: Option<Value>,
}

/// Tokens. Those of a cache are counted as input too.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct UsageMetadata {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) input_token_details: Option<InputDetails>,
    pub(super) output_token_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct InputDetails {
    pub(super) cache_read: Option<u64>,
    pub(super) cache_creation: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct OutputDetails {
    pub(super) reasoning: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponseMetadata {
    pub(super) model_name: Option<String>,
    pub(super) model_provider: Option<String>,
}

/// A piece of what a model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// For the user.
    Text(String),
    /// For itself.
    Reasoning(String),
}

impl Message {
    /// Whether it is a piece of a message that is streamed.
    pub(super) fn is_chunk(&self) -> bool {
        self.kind.ends_with("Chunk")
    }

    /// What it says: content is a text, or blocks. Blocks of calls are told again by the fields for calls.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        match &self.content {
            Value::String(text) => vec![Piece::Text(text.clone())],
            Value::Array(blocks) => blocks.iter().filter_map(piece).collect(),
            _ => Vec::new(),
        }
        .into_iter()
        .filter(|(Piece::Text(text) | Piece::Reasoning(text))| !text.is_empty())
        .collect()
    }
}

fn piece(block: &Value) -> Option<Piece> {
    if let Value::String(text) = block {
        return Some(Piece::Text(text.clone()));
    }
    let text = |name: &str| block[name].as_str().map(str::to_owned);
    match block["type"].as_str()? {
        "text" => text("text").map(Piece::Text),
        "thinking" => text("thinking").map(Piece::Reasoning),
        "reasoning" => text("reasoning").or_else(|| summary(block)).map(Piece::Reasoning),
        _ => None,
    }
}

/// OpenAI's form of reasoning.
fn summary(block: &Value) -> Option<String> {
    let parts = block["summary"].as_array()?;
    Some(parts.iter().filter_map(|part| part["text"].as_str()).collect())
}
