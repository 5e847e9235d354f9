//! Usage that an agent has not asked for. A stream of chat completions tells it only where the request has
//! `stream_options.include_usage`: the broker adds that, and takes the event that it brings out of the answer again, as
//! not every client bears one without choices.
//! <https://developers.openai.com/api/reference/resources/chat>

use ambient_protocol::broker::UpstreamKind;
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

use crate::asked::Asked;

/// Longer than any event that has usage alone.
const LONGEST: usize = 16 * 1024;
const WISH: &[u8] = br#""stream_options":{"include_usage":true},"#;

/// The body with the wish to be told, if the agent has left that out where it is needed.
pub(crate) fn wishing(kind: UpstreamKind, path: &str, asked: &Asked, body: &Bytes) -> Option<Bytes> {
    if kind != UpstreamKind::OpenAi || !path.ends_with("/chat/completions") || !asked.is_stream() {
        return None;
    }
    let options = match &asked.stream_options {
        None => return Some(inserted(body)),
        Some(Value::Object(options)) => options.clone(),
        Some(_) => Map::new(),
    };
    if options.get("include_usage") == Some(&Value::Bool(true)) {
        return None;
    }
    replaced(options, body)
}

/// The wish in front of all other fields, which stay as they are, to the byte.
fn inserted(body: &Bytes) -> Bytes {
    let first = body.iter().position(|byte| *byte == b'{').map_or(0, |brace| brace + 1);
    let mut wishing = BytesMut::with_capacity(body.len() + WISH.len());
    wishing.extend_from_slice(&body[..first]);
    wishing.extend_from_slice(WISH);
    wishing.extend_from_slice(&body[first..]);
    wishing.freeze()
}

fn replaced(mut options: Map<String, Value>, body: &Bytes) -> Option<Bytes> {
    options.insert("include_usage".to_owned(), Value::Bool(true));
    let mut whole: Map<String, Value> = serde_json::from_slice(body).ok()?;
    whole.insert("stream_options".to_owned(), Value::Object(options));
    serde_json::to_vec(&whole).ok().map(Bytes::from)
}

/// Takes the event with usage alone out of a stream. Whole lines go on at once.
#[derive(Debug, Default)]
pub(crate) struct WithoutUsage {
    line: BytesMut,
    /// The line is too long to be looked for, and goes on in pieces.
    is_passing: bool,
    /// The event was taken out; so is the empty line that ends it.
    is_ending: bool,
}

impl WithoutUsage {
    /// Takes a chunk, and gives what goes on.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Bytes {
        let mut on = BytesMut::with_capacity(self.line.len() + chunk.len());
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            let is_whole = piece.ends_with(b"\n");
            if is_whole || self.is_passing || self.line.len() > LONGEST {
                self.pass(&mut on);
                self.is_passing = !is_whole;
            }
        }
        on.freeze()
    }

    /// Ends the stream, and gives what was still held.
    pub(crate) fn finish(&mut self) -> Bytes {
        let mut on = BytesMut::new();
        self.pass(&mut on);
        on.freeze()
    }

    fn pass(&mut self, on: &mut BytesMut) {
        let line = self.line.split();
        let ends = std::mem::take(&mut self.is_ending) && line.trim_ascii().is_empty();
        self.is_ending = !self.is_passing && is_usage_alone(&line);
        if !ends && !self.is_ending {
            on.extend_from_slice(&line);
        }
    }
}

fn is_usage_alone(line: &[u8]) -> bool {
    let data = line.strip_prefix(b"data:").filter(|data| data.len() <= LONGEST);
    let event = data.and_then(|data| serde_json::from_slice::<Value>(data.trim_ascii()).ok());
    event.is_some_and(|event| {
        event["usage"].is_object() && event["choices"].as_array().is_some_and(Vec::is_empty)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(path: &str, body: &str) -> Option<String> {
        let body = Bytes::from(body.to_owned());
        let asked = Asked::parse(&body).unwrap();
        let wishing = wishing(UpstreamKind::OpenAi, path, &asked, &body)?;
        Asked::parse(&wishing).expect("it can still be read");
        Some(String::from_utf8(wishing.to_vec()).unwrap())
    }

    #[test]
    fn streams_of_chat_completions_are_asked_for_their_usage() {
        let chat = "/v1/chat/completions";
        for (path, body, expected) in [
            (
                chat,
                r#" { "stream": true, "seed": 1.50}"#,
                Some(r#" {"stream_options":{"include_usage":true}, "stream": true, "seed": 1.50}"#),
            ),
            (
                chat,
                r#"{"stream":true,"stream_options":null}"#,
                Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
            ),
            (
                chat,
                r#"{"stream":true,"stream_options":{"a":1,"include_usage":false}}"#,
                Some(r#"{"stream":true,"stream_options":{"a":1,"include_usage":true}}"#),
            ),
            (
                "/chat/completions",
                r#"{"str\u0065am":true}"#,
                Some(r#"{"stream_options":{"include_usage":true},"str\u0065am":true}"#),
            ),
            (chat, r#"{"stream":true,"stream_options":{"include_usage":true}}"#, None),
            (chat, r#"{"stream":false}"#, None),
            (chat, "{}", None),
            ("/v1/responses", r#"{"stream":true}"#, None),
        ] {
            assert_eq!(wish(path, body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn the_event_with_usage_alone_is_taken_out_in_any_chunking() {
        let text = r#"data: {"choices":[{"delta":{"content":"a"}}],"usage":null}"#;
        let both = r#"data: {"choices":[{"finish_reason":"stop"}],"usage":{"total_tokens":3}}"#;
        let filter = r#"data: {"choices":[],"prompt_filter_results":[]}"#;
        let usage = r#"data: {"choices":[],"usage":{"total_tokens":3}}"#;
        let long = format!("data: {}", "x".repeat(2 * LONGEST));
        for end in ["\n", "\r\n"] {
            let event =
                |lines: &[&str]| lines.iter().map(|line| format!("{line}{end}{end}")).collect::<String>();
            let sent = event(&[filter, text, &long, both, usage, "data: [DONE]"]) + "rest";
            let expected = event(&[filter, text, &long, both, "data: [DONE]"]) + "rest";
            for size in [1, 7, 100, sent.len()] {
                let mut filter = WithoutUsage::default();
                let mut on = Vec::new();
                sent.as_bytes().chunks(size).for_each(|chunk| on.extend_from_slice(&filter.push(chunk)));
                on.extend_from_slice(&filter.finish());
                assert_eq!(String::from_utf8(on).unwrap(), expected, "{size}");
            }
        }
    }

    #[test]
    fn whole_lines_are_not_kept_back() {
        let mut filter = WithoutUsage::default();
        assert_eq!(filter.push(b"data: {}\n\ndata: {\"a"), "data: {}\n\n");
        assert_eq!(filter.push(b"\":1}\n"), "data: {\"a\":1}\n");
    }
}
