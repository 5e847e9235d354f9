//! Texts that come in pieces: which events continue one, and which end it.

use ambient_protocol::events::EventBody;

/// What a piece of text belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    kind: Kind,
    id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Text,
    Arguments,
    Reasoning,
}

/// The text that an event continues, and whether it is a chunk.
pub(super) fn continued(body: &EventBody) -> Option<(Piece, bool)> {
    use EventBody as E;
    let piece = |kind, id: &str| Piece { kind, id: id.to_owned() };
    let named = |kind, id: &Option<String>| piece(kind, id.as_deref().unwrap_or_default());
    Some(match body {
        E::TextMessageContent { message_id, .. } => (piece(Kind::Text, message_id), false),
        E::ToolCallArgs { tool_call_id, .. } => (piece(Kind::Arguments, tool_call_id), false),
        E::ReasoningMessageContent { message_id, .. } => (piece(Kind::Reasoning, message_id), false),
        E::TextMessageChunk { message_id, delta: Some(_), .. } => (named(Kind::Text, message_id), true),
        E::ToolCallChunk { tool_call_id, delta: Some(_), .. } => (named(Kind::Arguments, tool_call_id), true),
        E::ReasoningMessageChunk { message_id, delta: Some(_), .. } => {
            (named(Kind::Reasoning, message_id), true)
        }
        _ => return None,
    })
}

/// The text that an event ends.
pub(super) fn ended(body: &EventBody) -> Option<Piece> {
    use EventBody as E;
    let (kind, id) = match body {
        E::TextMessageEnd { message_id, .. } => (Kind::Text, message_id),
        E::ToolCallEnd { tool_call_id, .. } => (Kind::Arguments, tool_call_id),
        E::ReasoningMessageEnd { message_id, .. } => (Kind::Reasoning, message_id),
        _ => return None,
    };
    Some(Piece { kind, id: id.clone() })
}

pub(super) fn delta(body: &mut EventBody) -> Option<&mut String> {
    use EventBody as E;
    match body {
        E::TextMessageContent { delta, .. }
        | E::ToolCallArgs { delta, .. }
        | E::ReasoningMessageContent { delta, .. }
        | E::TextMessageChunk { delta: Some(delta), .. }
        | E::ToolCallChunk { delta: Some(delta), .. }
        | E::ReasoningMessageChunk { delta: Some(delta), .. } => Some(delta),
        _ => None,
    }
}

/// A chunk that names something begins it: it is stored even without text.
pub(super) fn is_first_chunk(body: &EventBody) -> bool {
    use EventBody as E;
    matches!(
        body,
        E::TextMessageChunk { role: Some(_), .. } | E::ToolCallChunk { tool_call_name: Some(_), .. }
    )
}
