//! The output does not depend on how the text is cut.

use ambient_redaction::{Redactor, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const KNOWN: [&str; 5] =
    ["hunter2hunter2", "abcabcabcabd", "ghp_known", "p\u{e9}\u{1f600}ss/word", "aaaaaaaaaa"];

fn redactor() -> Redactor {
    Redactor::new(KNOWN.map(Secret::new))
}

/// Pieces of texts that begin, end, nest and nearly are secrets.
fn fragments() -> Vec<String> {
    let body = "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zC";
    let mut fragments: Vec<String> = [
        "hunter2",
        "hunter2hunter2",
        "abcabc",
        "abcabcabcabd",
        "abd",
        "ghp_",
        "ghp_known",
        "github_pat_",
        "sk-",
        "sk-ant-",
        "AIza",
        "AKIA",
        "ABCD2345",
        "xoxb-",
        "eyJ",
        ".",
        "://",
        "user:pass@",
        ":",
        "@",
        "Bearer ",
        "bear",
        "\\n",
        "\n",
        " ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----",
        "END",
        ";",
        "p\u{e9}\u{1f600}ss/word",
        "p\u{e9}",
        "\u{1f600}",
        "\u{2192}",
        "aaaaaaaaaa",
        "aaa",
        "Authorization: Basic ",
        "x",
        "1",
    ]
    .map(str::to_owned)
    .to_vec();
    fragments.push(body.to_owned());
    fragments.push(body[..10].to_owned());
    fragments.extend(KNOWN.map(|value| STANDARD.encode(value)));
    for line_break in ["\r\n", "\\n", "\\\\r\\\\n", "\n\n\n\n"] {
        fragments.push(line_break.to_owned());
        fragments.extend(KNOWN.map(|value| broken(&STANDARD.encode(value), 5, line_break)));
    }
    fragments
}

fn broken(text: &str, columns: usize, line_break: &str) -> String {
    let lines = text.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).expect("base64"));
    lines.collect::<Vec<_>>().join(line_break)
}

/// A small generator of numbers (xorshift): the same in every run, so that a failure repeats.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit).expect("limits are small");
        usize::try_from(self.0 % limit).expect("below a usize")
    }
}

fn text(numbers: &mut Numbers, fragments: &[String]) -> String {
    let count = 1 + numbers.below(12);
    (0..count).map(|_| fragments[numbers.below(fragments.len())].as_str()).collect()
}

fn check(redactor: &Redactor, text: &[u8], cuts: &[usize]) {
    let (whole, counts) = redactor.redact_bytes(text);
    let mut stream = redactor.byte_stream();
    let mut output = Vec::new();
    let mut start = 0;
    for cut in cuts.iter().copied().chain([text.len()]) {
        output.extend(stream.push(&text[start..cut]));
        assert!(stream.held() <= redactor.longest_hold());
        assert!(whole.starts_with(&output), "a stream never takes back what it has shown");
        start = cut;
    }
    let (rest, streamed) = stream.finish();
    output.extend(rest);
    let shown = String::from_utf8_lossy(text);
    assert_eq!(
        String::from_utf8_lossy(&output),
        String::from_utf8_lossy(&whole),
        "{shown:?} cut at {cuts:?}"
    );
    assert_eq!(streamed, counts, "{shown:?} cut at {cuts:?}");
}

#[test]
fn any_cuts_give_the_same_output() {
    let (redactor, fragments, mut numbers) = (redactor(), fragments(), Numbers(0x9e37_79b9_7f4a_7c15));
    for _ in 0..1_500 {
        let text = text(&mut numbers, &fragments);
        let bytes = text.as_bytes();
        check(&redactor, bytes, &(1..bytes.len()).collect::<Vec<_>>());
        for _ in 0..4 {
            let mut cuts: Vec<usize> =
                (0..numbers.below(6)).map(|_| numbers.below(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            check(&redactor, bytes, &cuts);
        }
    }
}

#[test]
fn every_single_cut_gives_the_same_output() {
    let (redactor, fragments, mut numbers) = (redactor(), fragments(), Numbers(42));
    for _ in 0..150 {
        let text = text(&mut numbers, &fragments);
        for cut in 0..=text.len() {
            check(&redactor, text.as_bytes(), &[cut]);
        }
    }
}

#[test]
fn redacted_text_stays_text_and_holds_no_known_value() {
    let (redactor, fragments, mut numbers) = (redactor(), fragments(), Numbers(7));
    for _ in 0..3_000 {
        let text = text(&mut numbers, &fragments);
        let (bytes, _) = redactor.redact_bytes(text.as_bytes());
        let redacted = std::str::from_utf8(&bytes).expect("no character is cut");
        let mut stream = redactor.stream();
        let streamed: String =
            text.chars().map(|character| stream.push(character.encode_utf8(&mut [0; 4]))).collect();
        assert_eq!(streamed + &stream.finish().0, redacted);
        for value in KNOWN {
            assert!(!redacted.contains(value), "{text} -> {redacted}");
        }
    }
}

#[test]
fn harmless_text_is_shown_at_once() {
    let mut stream = Redactor::default().stream();
    for (chunk, shown) in
        [("Hello, ", "Hello, "), ("world", "world"), (" at gh", " at "), ("ost", "ghost"), ("!", "!")]
    {
        assert_eq!(stream.push(chunk), shown);
    }
    assert_eq!(stream.finish().0, "");
}

#[test]
fn a_token_without_end_is_not_kept_back() {
    let redactor = Redactor::default();
    let mut stream = redactor.byte_stream();
    assert_eq!(stream.push(format!("ghp_{}", "Z9".repeat(20)).as_bytes()), b"[redacted:github-token]");
    for _ in 0..1_000 {
        assert_eq!(stream.push(&[b'Z'; 1_000]), b"");
        assert_eq!(stream.held(), 0);
    }
    assert_eq!(stream.push(b" end"), b" end");
}

#[test]
fn what_is_kept_back_is_bounded() {
    let redactor = redactor();
    for endless in [
        "eyJ",
        "://",
        "://a:",
        "-----BEGIN ",
        "Bearer ",
        "sk-",
        "aaa",
        "abc",
        "Authorization: Basic ",
        "Authorization: Basic abcdefgh",
        "Bearer Bearer aB3dE6gH9jK2mN5pQ8rS1tU4vW7x",
    ] {
        let mut stream = redactor.byte_stream();
        for _ in 0..3_000 {
            stream.push(endless.as_bytes());
            assert!(stream.held() <= redactor.longest_hold(), "{endless}: {}", stream.held());
        }
    }
}
