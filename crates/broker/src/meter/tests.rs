use std::time::Duration;

use ambient_protocol::broker::TokenCounts;

use super::*;

const ESTIMATE: Estimate = Estimate { input: 99, most_output: 1000, searches: 0 };
/// Tokens of an answer of which nothing is told, within its first second.
const UNSEEN: u64 = 200;

const ANTHROPIC: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":30,\"cache_creation_input_tokens\":40,\"cache_creation\":{\"ephemeral_1h_input_tokens\":15},\"output_tokens\":1}}}\n\n\
    data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"server_tool_use\",\"name\":\"web_search\",\"input\":{}}}\n\n\
    data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"12345678\"}}\n\n\
    data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":20,\"server_tool_use\":{\"web_search_requests\":2}}}\n\n";
const GEMINI: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"12345678\"}]}}],\"usageMetadata\":{\"promptTokenCount\":50,\"cachedContentTokenCount\":20}}\r\n\r\n\
    data: {\"candidates\":[{\"finishReason\":\"STOP\",\"groundingMetadata\":{\"webSearchQueries\":[\"a\",\"b\"]}}],\"usageMetadata\":{\"promptTokenCount\":50,\"cachedContentTokenCount\":20,\"candidatesTokenCount\":7,\"thoughtsTokenCount\":3}}\r\n\r\n";
const RESPONSES: &str = "data: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n\
    data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"web_search_call\"}}\n\n\
    data: {\"type\":\"response.output_text.delta\",\"delta\":\"12345678\"}\n\n\
    data: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"type\":\"web_search_call\"},{\"type\":\"message\"}],\"usage\":{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":60},\"output_tokens\":40}}}\n\n";
const CHAT: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"12345678\"},\"finish_reason\":null}],\"usage\":null}\n\n\
    data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":60000}}\n\ndata: [DONE]\n\n";

fn measure(dialect: Dialect, is_stream: bool, text: &str, size: usize) -> (TokenCounts, bool) {
    let mut meter = Meter::new(dialect, is_stream, ESTIMATE);
    for chunk in text.as_bytes().chunks(size) {
        meter.push(chunk);
    }
    meter.finish(Duration::ZERO)
}

#[test]
fn streams_are_counted_in_any_chunking() {
    let none = TokenCounts::default();
    let anthropic = TokenCounts {
        input: 10,
        cached_input: 30,
        cache_write: 25,
        cache_write_long: 15,
        output: 20,
        web_searches: 2,
    };
    let responses = TokenCounts { input: 40, cached_input: 60, output: 40, web_searches: 1, ..none };
    for (dialect, text, expected) in [
        (Dialect::Anthropic, ANTHROPIC, anthropic),
        (
            Dialect::Gemini,
            GEMINI,
            TokenCounts { input: 30, cached_input: 20, output: 10, web_searches: 2, ..none },
        ),
        (Dialect::OpenAi, RESPONSES, responses),
        (Dialect::OpenAi, CHAT, TokenCounts { input: 9, output: 60000, ..none }),
    ] {
        for size in [1, 2, 3, 7, 64, text.len()] {
            assert_eq!(measure(dialect, true, text, size), (expected, false), "{dialect:?} {size}");
        }
    }
}

/// Each stream, cut off behind each of its lines: what is not told is counted by what was sent, never as nothing.
#[test]
fn a_stream_that_is_cut_off_counts_at_least_what_was_seen() {
    for (dialect, text, input) in [
        (Dialect::Anthropic, ANTHROPIC, 80),
        (Dialect::Gemini, GEMINI, 50),
        (Dialect::OpenAi, RESPONSES, 99),
        (Dialect::OpenAi, CHAT, 99),
    ] {
        let (told, _) = measure(dialect, true, text, text.len());
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        for cut in std::iter::once(0).chain(ends) {
            let (tokens, is_estimate) = measure(dialect, true, &text[..cut], 5);
            if !is_estimate {
                assert_eq!(tokens, told, "{dialect:?} {cut}");
                continue;
            }
            let input = if text[..cut].contains("okenCount\"") || text[..cut].contains("input_tokens\"") {
                input
            } else {
                99
            };
            assert_eq!((tokens.all_input(), tokens.output), (input, UNSEEN), "{dialect:?} {cut}");
        }
        assert!(measure(dialect, true, &text[..text.rfind("data: {").unwrap()], 5).1, "{dialect:?}");
    }
}

#[test]
fn what_thinks_unseen_is_counted_by_its_time() {
    let cut = &CHAT[..CHAT.find('\n').unwrap()];
    let mut meter = Meter::new(Dialect::OpenAi, true, ESTIMATE);
    meter.push(cut.as_bytes());
    let (tokens, is_estimate) = meter.finish(Duration::from_secs(3));
    assert_eq!((tokens.output, is_estimate), (4 * UNSEEN, true));
}

#[test]
fn whole_answers_are_counted() {
    let anthropic = r#"{"type": "message", "content": [{"text": "hello"}], "usage": {"input_tokens": 3, "output_tokens": 4}}"#;
    let compacted = r#"{"type": "message", "usage": {"input_tokens": 3, "output_tokens": 4, "iterations": [{"type": "compaction", "input_tokens": 1000, "output_tokens": 50}, {"input_tokens": 3, "output_tokens": 4}]}}"#;
    let chat = r#"{"choices": [], "usage": {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens": 2}}"#;
    let unthought =
        r#"{"choices": [{}], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 500}}"#;
    let array = r#"[{"usageMetadata": {"promptTokenCount": 5}}, {"candidates": [{"finishReason": 1}], "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6}}]"#;
    let total = r#"{"candidates": [{"finishReason": "MAX_TOKENS"}], "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 25}}"#;
    let blocked = r#"{"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": {"promptTokenCount": 5}}"#;
    for (dialect, text, expected) in [
        (Dialect::Anthropic, anthropic, (3, 4)),
        (Dialect::Anthropic, compacted, (1003, 54)),
        (Dialect::OpenAi, chat, (9, 2)),
        (Dialect::OpenAi, unthought, (9, 491)),
        (Dialect::Gemini, array, (5, 6)),
        (Dialect::Gemini, total, (5, 20)),
        (Dialect::Gemini, blocked, (5, 0)),
    ] {
        let (tokens, is_estimate) = measure(dialect, false, text, 3);
        assert_eq!(
            (tokens.all_input(), tokens.output, is_estimate),
            (expected.0, expected.1, false),
            "{text}"
        );
    }
}

/// Answers that ended well, and say nothing, or not all.
#[test]
fn what_is_not_told_is_counted_by_what_was_sent_and_never_as_nothing() {
    use Dialect::{Anthropic, Gemini, OpenAi};
    let long = "x".repeat(1000);
    let said = |text: &str| text.replace("LONG", &long);
    let no_usage =
        CHAT.replace(r#""usage":{"prompt_tokens":9,"completion_tokens":60000}"#, r#""usage":null"#);
    let forged = CHAT.replace("60000", "0");
    let each = r#"data: {"choices":[{"delta":{"content":"LONG"}}],"usage":{"prompt_tokens":9,"completion_tokens":7}}"#;
    for (dialect, is_stream, text, input, output) in [
        (OpenAi, true, no_usage, 99, UNSEEN),
        (OpenAi, true, forged, 9, UNSEEN),
        (OpenAi, true, said(each), 9, 500),
        (OpenAi, true, said(r#"data: {"choices":[{"delta":{"content":"LONG"}}]}"#), 99, 500),
        (OpenAi, true, said(r#"data: {"delta":"LONG"}"#), 99, 500),
        (OpenAi, true, said(r#"{"choices":[{"message":{"content":"LONG"}}]}"#), 99, 500),
        (OpenAi, false, said(r#"{"choices":[{"message":{"content":"LONG"}}]}"#), 99, 500),
        (OpenAi, false, said(r#"{"output":[{"content":[{"text":"LONG"}]}]}"#), 99, 500),
        (OpenAi, false, said(r#"{"output":[{"content":[{"text":"LONG"}]}],"usage":{}}"#), 99, 500),
        (OpenAi, false, "{}".to_owned(), 99, UNSEEN),
        (Gemini, false, said(r#"{"candidates":[{"content":{"parts":[{"text":"LONG"}]}}]}"#), 99, 500),
        (Gemini, false, said(r#"[{"candidates":[{"content":{"parts":[{"text":"LONG"#), 99, 523),
        (Gemini, true, said("\u{8}\u{1}LONG"), 99, 501),
        (Anthropic, false, said(r#"{"type":"message","content":[{"text":"LONG"}]}"#), 99, 500),
        (Anthropic, true, said(r#"data: {"delta":{"text":"LONG"}}"#), 99, 500),
        (Anthropic, true, said("data: LONG\r\rdata: more"), 99, 506),
        (Anthropic, false, String::new(), 99, UNSEEN),
        (Anthropic, true, String::new(), 99, UNSEEN),
        (Anthropic, true, ": only a comment\nevent: ping\nid: 7\n\n".to_owned(), 99, UNSEEN),
    ] {
        let (tokens, is_estimate) = measure(dialect, is_stream, &text, 64);
        assert_eq!(
            (tokens.all_input(), tokens.output, is_estimate),
            (input, output, true),
            "{dialect:?} {text}"
        );
    }
}

#[test]
fn what_is_too_long_to_be_read_is_counted_by_its_length() {
    for is_stream in [true, false] {
        let mut meter = Meter::new(Dialect::OpenAi, is_stream, ESTIMATE);
        meter.push(b"data: ");
        let mebibyte = vec![b'x'; 1024 * 1024];
        for _ in 0..33 {
            meter.push(&mebibyte);
        }
        let (tokens, is_estimate) = meter.finish(Duration::ZERO);
        assert!(is_estimate && tokens.output >= 33 * 512 * 1024, "{tokens:?}");
    }
}
