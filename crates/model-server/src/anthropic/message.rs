//! An answer as a message of the API.

use serde_json::{Map, Value, json};

use crate::script::{Answer, Usage};

/// A message of the model.
pub(super) struct Message<'answer> {
    id: String,
    model: &'answer str,
    pub(super) blocks: Vec<Block<'answer>>,
    usage: Usage,
}

/// A part of a message.
pub(super) enum Block<'answer> {
    Text(&'answer str),
    ToolUse { id: String, name: &'answer str, input: &'answer Map<String, Value> },
}

impl<'answer> Message<'answer> {
    /// Builds the message. Ids hold the number of the answer and the turn: agents merge messages of one id, and a
    /// conversation may go on with another server, whose numbers begin again.
    pub(super) fn new(model: &'answer str, answer: &Answer<'answer>, number: u64, turn: usize) -> Self {
        let mut blocks = Vec::new();
        if !answer.text.is_empty() || answer.tools.is_empty() {
            blocks.push(Block::Text(answer.text));
        }
        blocks.extend(answer.tools.iter().enumerate().map(|(index, tool)| Block::ToolUse {
            id: format!("toolu_{number}_{turn}_{index}"),
            name: &tool.name,
            input: &tool.input,
        }));
        Self { id: format!("msg_{number}_{turn}"), model, blocks, usage: answer.usage }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The message in one piece.
    pub(super) fn whole(&self) -> Value {
        let content: Vec<Value> = self.blocks.iter().map(Block::whole).collect();
        self.envelope(&content, Some(self.stop_reason()), self.usage.output)
    }

    /// The message as a stream begins: nothing said yet.
    pub(super) fn begun(&self) -> Value {
        self.envelope(&[], None, 1)
    }

    /// Why the model stopped.
    pub(super) fn stop_reason(&self) -> &'static str {
        let uses_tools = self.blocks.iter().any(|block| matches!(block, Block::ToolUse { .. }));
        if uses_tools { "tool_use" } else { "end_turn" }
    }

    /// The tokens written, as the end of a stream reports them.
    pub(super) fn output_tokens(&self) -> u64 {
        self.usage.output
    }

    fn envelope(&self, content: &[Value], stop_reason: Option<&str>, output_tokens: u64) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "usage": self.usage(output_tokens),
        })
    }

    fn usage(&self, output: u64) -> Value {
        json!({
            "input_tokens": self.usage.input,
            "cache_creation_input_tokens": self.usage.cache_write,
            "cache_read_input_tokens": self.usage.cache_read,
            "output_tokens": output,
        })
    }
}

impl Block<'_> {
    /// The part in one piece.
    fn whole(&self) -> Value {
        match self {
            Self::Text(text) => json!({"type": "text", "text": text}),
            Self::ToolUse { id, name, input } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
        }
    }

    /// The part as a stream begins it.
    pub(super) fn begun(&self) -> Value {
        match self {
            Self::Text(_) => json!({"type": "text", "text": ""}),
            Self::ToolUse { id, name, .. } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": {}})
            }
        }
    }
}
