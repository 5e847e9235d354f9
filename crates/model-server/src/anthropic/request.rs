//! What matters of a Messages request: the rest is taken and not looked at.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::script::Request;

/// A request to `/v1/messages` or its token count.
#[derive(Debug, Deserialize)]
pub(super) struct MessagesRequest {
    pub(super) model: String,
    messages: Vec<Spoken>,
    #[serde(default)]
    tools: Vec<Tool>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(skip)]
    size: usize,
}

/// One message of the conversation; who spoke is all that counts.
#[derive(Debug, Deserialize)]
struct Spoken {
    role: String,
    #[serde(rename = "content")]
    _content: IgnoredAny,
}

#[derive(Debug, Deserialize)]
struct Tool {
    name: String,
}

impl MessagesRequest {
    pub(super) fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let request: Self = serde_json::from_slice(body)?;
        Ok(Self { size: body.len(), ..request })
    }

    /// Returns the request as scripts see it. Messages of the assistant in a row are one turn.
    pub(super) fn asked(&self) -> Request {
        let spoke = |message: &Spoken| message.role == "assistant";
        let turns = self.messages.chunk_by(|one, next| spoke(one) == spoke(next));
        Request {
            turn: turns.filter(|turn| turn.first().is_some_and(spoke)).count(),
            offered: self.tools.iter().map(|tool| tool.name.clone()).collect(),
            size: self.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted_and_unknown_fields_ignored() {
        for (roles, turn) in [
            ("user", 0),
            ("user,system", 0),
            ("user,assistant,user", 1),
            ("user,assistant,assistant,user", 1),
            ("user,assistant,user,system,assistant,user", 2),
        ] {
            let messages: Vec<_> =
                roles.split(',').map(|role| serde_json::json!({"role": role, "content": ["?"]})).collect();
            let body = serde_json::json!({"model": "m", "messages": messages, "tools": [{"name": "Bash", "x": 1}], "y": {}});
            let request = MessagesRequest::parse(body.to_string().as_bytes()).unwrap().asked();
            assert_eq!((request.turn, request.offered.len()), (turn, 1), "{roles}");
        }
    }
}
