//! A message as server-sent events (<https://docs.anthropic.com/en/api/messages-streaming>).

use serde_json::{Value, json};

use super::message::{Block, Message};

/// Characters of one delta: small, so that clients see text grow as with a real model.
const DELTA: usize = 16;

/// One event of the stream.
pub(super) struct NamedEvent {
    pub(super) name: &'static str,
    pub(super) data: Value,
}

/// Returns the events of a message, in order.
pub(super) fn of(message: &Message<'_>) -> Vec<NamedEvent> {
    let mut events = vec![event("message_start", json!({"message": message.begun()}))];
    for (index, block) in message.blocks.iter().enumerate() {
        events.push(event("content_block_start", json!({"index": index, "content_block": block.begun()})));
        let deltas = deltas(block).into_iter();
        events.extend(
            deltas.map(|delta| event("content_block_delta", json!({"index": index, "delta": delta}))),
        );
        events.push(event("content_block_stop", json!({"index": index})));
    }
    let delta = json!({"stop_reason": message.stop_reason(), "stop_sequence": null});
    events.push(event(
        "message_delta",
        json!({"delta": delta, "usage": {"output_tokens": message.output_tokens()}}),
    ));
    events.push(event("message_stop", json!({})));
    events
}

/// Every event repeats its name as `type`.
fn event(name: &'static str, mut data: Value) -> NamedEvent {
    data["type"] = Value::from(name);
    NamedEvent { name, data }
}

fn deltas(block: &Block<'_>) -> Vec<Value> {
    match block {
        Block::Text(text) => pieces(text).map(|piece| json!({"type": "text_delta", "text": piece})).collect(),
        Block::ToolUse { input, .. } => {
            let input = Value::from((*input).clone()).to_string();
            pieces(&input).map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).collect()
        }
    }
}

fn pieces(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = characters.chunks(DELTA).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter()
}
