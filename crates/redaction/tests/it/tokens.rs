//! Tokens recognised by their shape. The samples are put together here, so that scanners of this repository stay calm.

use ambient_redaction::{Kind, Redactor};

fn body(length: usize) -> String {
    "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zC".chars().cycle().take(length).collect()
}

fn check(text: &str, expected: &str) {
    let redactor = Redactor::default();
    let once = redactor.redact(text);
    assert_eq!(once.text, expected, "{text}");
    let twice = redactor.redact(&once.text);
    assert_eq!((&*twice.text, twice.counts.total()), (expected, 0), "redacting twice changes nothing");
}

#[test]
fn tokens_of_each_family() {
    let body = body(40);
    for (prefix, marker) in [
        ("ghp_", "github-token"),
        ("gho_", "github-token"),
        ("ghs_", "github-token"),
        ("github_pat_", "github-token"),
        ("glpat-", "gitlab-token"),
        ("sk-ant-api03-", "anthropic-key"),
        ("sk-proj-", "api-key"),
        ("AIza", "google-key"),
        ("ya29.", "google-token"),
        ("xoxb-", "slack-token"),
    ] {
        check(&format!("key {prefix}{body}, end"), &format!("key [redacted:{marker}], end"));
        check(&format!("{prefix}{body}"), &format!("[redacted:{marker}]"));
        check(
            &format!("{{\"k\":\"a\\n{prefix}{body}\"}}"),
            &format!("{{\"k\":\"a\\n[redacted:{marker}]\"}}"),
        );
        check(&format!("{prefix}short"), &format!("{prefix}short"));
    }
    check(&format!("id AKIA{}!", "ABCD2345".repeat(2)), "id [redacted:aws-key]!");
}

#[test]
fn words_that_look_like_tokens_stay() {
    for text in [
        "task-list-of-things-that-must-be-done-today",
        "risk-assessment-for-the-whole-organisation",
        "the bearer of good news",
        "Bearer authentication is used",
        "https://example.com:8080/path?mail=a@b.example",
        "git clone https://git@example.com/repo.git",
        "see http://example.com: it says me@example.com",
        "eyJhbGciOiJIUzI1NiJ9 is a header",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
        "AKIAlowercase and AIza alone",
    ] {
        check(text, text);
    }
}

#[test]
fn context_of_headers_and_urls_stays_readable() {
    let body = body(30);
    check(&format!("Authorization: Bearer {body}\r\n"), "Authorization: Bearer [redacted:bearer-token]\r\n");
    check("Authorization: Basic dXNlcjpwYXNz\r\n", "Authorization: Basic [redacted:basic-auth]\r\n");
    check("https://user:pass@example.com/x", "https://[redacted:basic-auth]@example.com/x");
    check("redis://:pa@ss@cache:6379", "redis://[redacted:basic-auth]@cache:6379");
    let token = format!("ghp_{body}");
    check(&format!("https://x:{token}@github.com"), "https://[redacted:basic-auth]@github.com");
    check(&format!("https://{token}@github.com"), "https://[redacted:github-token]@github.com");
    check(&format!("Bearer {token}"), "Bearer [redacted:github-token]");
}

#[test]
fn json_web_tokens() {
    let token = format!("eyJ{}.eyJ{}.{}", body(20), body(60), body(43));
    check(&format!("token: {token}\""), "token: [redacted:json-web-token]\"");
    check(&format!("Bearer {token}"), "Bearer [redacted:json-web-token]");
}

#[test]
fn private_keys_in_text_json_source_and_listings() {
    let begin = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
    let end = ["-----END RSA ", "PRIVATE KEY-----"].concat();
    let lines = [body(64), body(64), body(30)];
    let marker = "[redacted:private-key]";
    for newline in ["\n", "\\n", "\r\n", "\n    ", "\n+", "\\n\" +\n  \"", "\n  12\u{2192}"] {
        let armored = [begin.as_str(), &lines[0], &lines[1], &lines[2], &end].join(newline);
        check(&format!("key:\n{armored}\nafter: it"), &format!("key:\n{marker}\nafter: it"));
    }
    let encrypted =
        format!("{begin}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n{}\n{end}.", lines[0]);
    check(&encrypted, &format!("{marker}."));
    check(&format!("{begin}\n{}; cut", lines[0]), &format!("{marker}; cut"));
    check(&format!("if text == \"{begin}\" {{"), &format!("if text == \"{begin}\" {{"));
}

#[test]
fn counts_are_by_kind() {
    let text = format!("ghp_{0} ghp_{0} Bearer {0}", body(36));
    let counts = Redactor::default().redact(&text).counts;
    assert_eq!(counts.iter().collect::<Vec<_>>(), [(Kind::GithubToken, 2), (Kind::BearerToken, 1)]);
    assert_eq!(counts.total(), 3);
}
