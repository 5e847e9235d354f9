//! The encodings in which programs print a value.

use std::collections::BTreeSet;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::secret::MINIMUM_LENGTH;

/// Returns every byte string that stands for the value.
pub(crate) fn forms(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = base64_forms(value);
    for unreserved in [b"-._~".as_slice(), b"-._~!'()*", b"-._*+"] {
        forms.insert(percent_encoded(value, unreserved, true));
        forms.insert(percent_encoded(value, unreserved, false));
    }
    // Bytes that are no text may stand inside a character of other text, which redaction must not cut.
    if let Ok(text) = std::str::from_utf8(value) {
        forms.insert(value.to_vec());
        forms.extend(json_escaped(text));
    }
    forms.retain(|form| form.len() >= MINIMUM_LENGTH);
    forms
}

/// Returns those of them that programs break over lines.
pub(crate) fn base64_forms(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let engines = [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD];
    let shifted = |engine| (0..3).map(move |shift| base64_inside(engine, value, shift));
    engines.into_iter().flat_map(shifted).filter(|form| form.len() >= MINIMUM_LENGTH).collect()
}

/// Encodes the value as it looks inside a longer base64 text in which `shift` bytes (modulo 3) precede it. Characters
/// that mix in bits of the neighbours are left off.
fn base64_inside(engine: &GeneralPurpose, value: &[u8], shift: usize) -> Vec<u8> {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(value);
    let encoded = engine.encode(&padded).into_bytes();
    let mixed_before = [0, 2, 3][shift];
    let mixed_after = usize::from(!padded.len().is_multiple_of(3));
    encoded[mixed_before..encoded.len() - mixed_after].to_vec()
}

/// Percent-encodes all bytes but letters, digits and `unreserved`. A `+` in `unreserved` asks for the form encoding,
/// where it stands for a space.
fn percent_encoded(value: &[u8], unreserved: &[u8], upper_case: bool) -> Vec<u8> {
    let mut encoded = String::with_capacity(value.len() * 3);
    for byte in value {
        let written = match byte {
            b' ' if unreserved.contains(&b'+') => encoded.write_char('+'),
            b'+' => write_escape(&mut encoded, *byte, upper_case),
            _ if byte.is_ascii_alphanumeric() || unreserved.contains(byte) => {
                encoded.write_char(char::from(*byte))
            }
            _ => write_escape(&mut encoded, *byte, upper_case),
        };
        written.expect("writing to a String cannot fail");
    }
    encoded.into_bytes()
}

fn write_escape(encoded: &mut String, byte: u8, upper_case: bool) -> std::fmt::Result {
    if upper_case { write!(encoded, "%{byte:02X}") } else { write!(encoded, "%{byte:02x}") }
}

/// Escapes as JSON writers do: the least, HTML-safe, slashes too, ASCII only; and the first once more, as in a JSON text
/// within a JSON text.
fn json_escaped(text: &str) -> Vec<Vec<u8>> {
    let plain = escape(text);
    let html_safe = plain.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    let slashes = plain.replace('/', "\\/");
    let ascii = escape_non_ascii(&plain);
    let twice = escape(&plain);
    [plain, html_safe, slashes, ascii, twice].into_iter().map(String::into_bytes).collect()
}

fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn escape_non_ascii(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("writing to a String cannot fail");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &str, form: &str) {
        let forms = forms(value.as_bytes());
        assert!(forms.contains(form.as_bytes()), "{value}: no {form}");
    }

    #[test]
    fn escapes() {
        has("pass word/é", "pass%20word%2F%C3%A9");
        has("pass word/é", "pass%20word%2f%c3%a9");
        has("pass word+é", "pass+word%2B%C3%A9");
        has("it's(a)secret!", "it's(a)secret!");
        has("it's(a)secret!", "it%27s%28a%29secret%21");
        has("a\"b\\c\nsecret", r#"a\"b\\c\nsecret"#);
        has("a\"b\\c\nsecret", r#"a\\\"b\\\\c\\nsecret"#);
        has("secret<&>/", r"secret\u003c\u0026\u003e/");
        has("secret<&>/", r"secret<&>\/");
        has("secret😀é", r"secret\ud83d\ude00\u00e9");
    }

    #[test]
    fn base64_at_every_alignment_is_found_within_longer_encodings() {
        for value in ["12345678", "123456789", "1234567890", "??>>??>>~~~"] {
            let forms = forms(value.as_bytes());
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                for before in ["", "a", "bc", "def", "ghij"] {
                    for after in ["", "k", "lm", "nop"] {
                        let encoded = engine.encode(format!("{before}{value}{after}"));
                        let found =
                            forms.iter().any(|form| encoded.contains(&*String::from_utf8_lossy(form)));
                        assert!(found, "{before}{value}{after}");
                    }
                }
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_searched_encoded_only() {
        let forms = forms(&[0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87]);
        assert!(forms.iter().all(|form| form.is_ascii()));
        assert!(!forms.is_empty());
    }
}
