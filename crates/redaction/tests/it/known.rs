//! Known values, in every encoding and beside each other.

use ambient_redaction::{Kind, Redactor, Secret};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const VALUE: &str = "p@ss/w0rd?\"quoted\"~é";

fn redactor(values: &[&str]) -> Redactor {
    Redactor::new(values.iter().map(|value| Secret::new(*value)))
}

#[test]
fn plain_and_encoded_values_disappear() {
    let redactor = redactor(&[VALUE]);
    let escaped = serde_json::to_string(VALUE).unwrap();
    for text in [
        format!("token={VALUE};"),
        format!("token={};", STANDARD.encode(VALUE)),
        format!("token={};", STANDARD.encode(format!("user:{VALUE}"))),
        format!("token={};", URL_SAFE_NO_PAD.encode(format!("me:{VALUE}\n"))),
        "token=p%40ss%2Fw0rd%3F%22quoted%22~%C3%A9;".to_owned(),
        format!("token={};", &escaped[1..escaped.len() - 1]),
    ] {
        let redacted = redactor.redact(&text);
        assert!(redacted.text.contains("[redacted]"), "{text} -> {}", redacted.text);
        assert_eq!(redacted.counts.of(Kind::Known), 1, "{text}");
        // Base64 keeps the characters that mix in the neighbours: less than one byte of the value at each end.
        assert!(redacted.text.len() <= "token=[redacted]abcdefgh;==".len() + 8, "{}", redacted.text);
    }
}

#[test]
fn overlapping_values_leave_nothing_behind() {
    let redactor = redactor(&["abcdefgh", "efghijkl", "abcdefghi", "zzzzzzzz"]);
    for (text, expected, count) in [
        ("<abcdefghijkl>", "<[redacted]>", 1),
        ("<abcdefghi>", "<[redacted]>", 1),
        ("<abcdefgh>", "<[redacted]>", 1),
        ("<abcdefgh efghijkl>", "<[redacted] [redacted]>", 2),
        ("zzzzzzzzz", "[redacted]", 1),
        ("abcdefg", "abcdefg", 0),
    ] {
        let redacted = redactor.redact(text);
        assert_eq!((&*redacted.text, redacted.counts.total()), (expected, count), "{text}");
    }
}

#[test]
fn short_values_are_left_and_counted() {
    let redactor = redactor(&["a", "", "12345678"]);
    assert_eq!(redactor.too_short(), 2);
    assert_eq!(redactor.redact("a banana 12345678").text, "a banana [redacted]");
}

#[test]
fn a_long_value_disappears_whole_and_line_by_line() {
    let lines: Vec<String> = (0..60).map(|line| format!("{line:02}{}", "kEy+/".repeat(12))).collect();
    let value = lines.join("\n");
    let redactor = redactor(&[&value]);
    assert_eq!(redactor.redact(&format!("<{value}>")).text, "<[redacted]>");
    let escaped = serde_json::to_string(&value).unwrap();
    assert_eq!(redactor.redact(&escaped).text, "\"[redacted]\"");
    let numbered = format!("  7\u{2192}{}\n  8\u{2192}{}\n", lines[7], lines[8]);
    assert_eq!(redactor.redact(&numbered).text, "  7\u{2192}[redacted]\n  8\u{2192}[redacted]\n");
    let encoded = redactor.redact(&STANDARD.encode(&value)).text.into_owned();
    assert!(encoded.len() < 16, "{encoded}");
}

#[test]
fn bytes_that_are_no_text_pass() {
    let redactor = redactor(&["hunter2hunter2"]);
    let (bytes, counts) = redactor.redact_bytes(b"\xff\xfehunter2hunter2\x80");
    assert_eq!(&*bytes, b"\xff\xfe[redacted]\x80");
    assert_eq!(counts.total(), 1);
}

#[test]
fn text_without_secrets_is_borrowed_and_debug_is_silent() {
    let redactor = redactor(&["hunter2hunter2"]);
    assert!(matches!(redactor.redact("see https://example.com/a:b@c").text, std::borrow::Cow::Borrowed(_)));
    assert_eq!(format!("{redactor:?}"), "Redactor(***)");
    let mut stream = redactor.byte_stream();
    stream.push(b"hunter2");
    assert_eq!(format!("{stream:?}"), "ByteStream { held: 7, .. }");
}

#[test]
fn base64_broken_over_lines_disappears() {
    let value: String = (0..100_u8).map(|number| char::from(b'!' + number.wrapping_mul(7) % 90)).collect();
    let redactor = redactor(&[&value]);
    for before in ["", "user:", "a longer text that stands before it in a file, of which it is a part: "] {
        let encoded = STANDARD.encode(format!("{before}{value}\n"));
        for columns in [20, 64, 76] {
            for line_break in ["\n", "\r\n", "\\n", "\\r\\n"] {
                let lines = encoded.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).unwrap());
                let text = lines.collect::<Vec<_>>().join(line_break);
                let redacted = redactor.redact(&text);
                assert_eq!(redacted.counts.of(Kind::Known), 1, "{text} -> {}", redacted.text);
                let whole = redactor.redact(&encoded).text.len();
                let breaks = text.len() - encoded.len();
                assert!(redacted.text.len() <= whole + breaks, "{text} -> {}", redacted.text);
                for cut in (0..text.len()).step_by(7) {
                    let mut stream = redactor.stream();
                    let shown = stream.push(&text[..cut]) + &stream.push(&text[cut..]) + &stream.finish().0;
                    assert_eq!(shown, redacted.text, "cut at {cut}");
                }
            }
        }
    }
}
