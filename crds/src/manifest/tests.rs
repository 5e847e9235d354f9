use serde_json::json;

use super::*;

fn read_all(text: &str) -> Reading {
    read("a.yaml", text.as_bytes(), &Limits::default())
}

/// `line:col code` of each finding.
fn findings(reading: &Reading) -> Vec<String> {
    let short =
        |finding: &Finding| format!("{}:{} {}", finding.place.line, finding.place.column, finding.code);
    reading.findings.iter().map(short).collect()
}

#[test]
fn documents_are_read_with_the_values_kubectl_would_send() {
    let cases = [
        ("a: yes\n", json!({"a": true})),
        ("a: 'yes'\n", json!({"a": "yes"})),
        ("a: 0644\n", json!({"a": 420})),
        ("a: 1.5\nb: [x, 2]\n", json!({"a": 1.5, "b": ["x", 2]})),
        ("a:\n", json!({"a": null})),
        ("base: &b {x: 1}\na:\n  <<: *b\n  y: 2\n", json!({"base": {"x": 1}, "a": {"x": 1, "y": 2}})),
        ("a: |\n  one\n  two\n", json!({"a": "one\ntwo\n"})),
        ("{\"a\": 1}", json!({"a": 1})),
        ("1: a\n", json!({"1": "a"})),
    ];
    for (text, value) in cases {
        let reading = read_all(text);
        assert_eq!(findings(&reading), Vec::<String>::new(), "{text}");
        assert_eq!(reading.documents[0].value, value, "{text}");
    }
}

#[test]
fn documents_without_content_are_skipped() {
    for text in ["", "\n", "# only a comment\n", "---\n", "---\n# x\n---\nnull\n---\n~\n", "...\n"] {
        let reading = read_all(text);
        assert!(reading.documents.is_empty() && reading.findings.is_empty(), "{text:?} {reading:?}");
    }
}

#[test]
fn a_bad_document_stops_itself_only() {
    let text = "# first\na: 1\n---\nb: [1\n---\nc: 1\nd: {x: 1, x: 2}\n---\n- list\n---\ne: 1\n";
    let reading = read_all(text);
    let values: Vec<&serde_json::Value> = reading.documents.iter().map(|document| &document.value).collect();
    assert_eq!(values, [&json!({"a": 1}), &json!({"e": 1})]);
    assert_eq!(findings(&reading), ["4:4 AMB1002", "7:11 AMB1003", "9:1 AMB1005"]);
    assert!(reading.findings[1].to_string().starts_with("a.yaml:7:11 AMB1003 the key x stands twice"));
}

#[test]
fn fields_are_found_where_they_stand() {
    let text = "# c\n---\nkind: X\nmetadata:\n  labels:\n    example.com/team: a\n    example: b\nspec:\n  repos:\n    - url: u\n      autoPush: true\n    - {url: v}\n";
    let reading = read_all(&format!("a: 1\n---\n{text}"));
    let document = &reading.documents[1];
    for (path, expected) in [
        ("", (5, 1)),
        ("kind", (5, 1)),
        ("metadata.labels.example.com/team", (8, 5)),
        ("metadata.labels[example.com/team]", (8, 5)),
        ("metadata.labels.example", (9, 5)),
        ("spec.repos", (11, 3)),
        ("spec.repos[0]", (12, 7)),
        ("spec.repos[0].autoPush", (13, 7)),
        ("spec.repos[1].url", (14, 8)),
        ("spec.repos[1].branch", (14, 7)),
        ("spec.repos[7].url", (11, 3)),
        ("spec.nothing.at.all", (10, 1)),
        ("status", (5, 1)),
    ] {
        let place = document.place_of(path);
        assert_eq!((place.line, place.column), expected, "{path}");
    }
}

#[test]
fn the_digest_is_of_the_meaning() {
    let digest = |text: &str| read_all(text).documents[0].digest.clone();
    let one = digest("a: 1\nb: {c: x, d: [1, 2]}\n");
    assert_eq!(one, digest("# other\nb:\n  d:\n    - 1\n    - 2\n  c: \"x\"\na: 1\n"));
    assert!(one.starts_with("sha256:") && one.len() == 71);
    for other in ["a: 1\nb: {c: x, d: [2, 1]}\n", "a: '1'\nb: {c: x, d: [1, 2]}\n", "a: 1\nb: {c: x}\n"] {
        assert_ne!(one, digest(other), "{other}");
    }
}

#[test]
fn limits_hold() {
    let limits = Limits { file_bytes: 200, documents: 2, document_bytes: 100, nodes: 30, depth: 8 };
    let cases = [
        ("x".repeat(201), "1:1 AMB1004"),
        (format!("a: 1\n---\nb: {}\n", "y".repeat(120)), "2:1 AMB1004"),
        ("a: 1\n---\nb: 1\n---\nc: 1\n".into(), "4:1 AMB1004"),
        (format!("a: {}1{}\n", "[".repeat(9), "]".repeat(9)), "1:11 AMB1004"),
        ("a: [1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3]".into(), "1:59 AMB1004"),
        ("a: &a [1,1,1,1,1]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n".into(), "3:5 AMB1004"),
    ];
    for (text, expected) in cases {
        let reading = read("a.yaml", text.as_bytes(), &limits);
        assert_eq!(findings(&reading), [expected], "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_are_told_where() {
    let reading = read("a.yaml", b"a: 1\nb: \xff\n", &Limits::default());
    assert_eq!(findings(&reading), ["2:4 AMB1001"]);
    let marked = read("a.yaml", b"\xef\xbb\xbfa: 1\n", &Limits::default());
    assert_eq!(marked.documents[0].value, json!({"a": 1}));
}

#[test]
fn what_is_written_is_read_back_by_any_reader() {
    let value = json!({"a": "yes", "b": "0755", "c": "null", "d": "1e3", "e": "multi\nline\n", "f": true, "g": "# x"});
    let yaml = to_yaml(&value).unwrap();
    assert!(yaml.contains("\"yes\""), "{yaml}");
    assert_eq!(read_all(&yaml).documents[0].value, value);
}

#[test]
fn manifests_are_told_by_their_names() {
    for (name, expected) in [
        ("a.yaml", true),
        ("a.yml", true),
        ("a.json", true),
        (".hidden.yaml", false),
        (".yaml", false),
        ("README.md", false),
        ("yaml", false),
    ] {
        assert_eq!(is_manifest_name(name), expected, "{name}");
    }
}

#[test]
fn json_of_other_programs_is_no_manifest_and_yaml_always_is() {
    for (text, is_foreign, documents, problems) in [
        (r#"{"graphs": {"agent": "./agent.py:graph"}}"#, true, 0, 0),
        ("// tsconfig\n{\"compilerOptions\": {}, }", true, 0, 0),
        ("[1, 2]", true, 0, 0),
        (r#"{"definitions": {"kind": {"type": "string"}}}"#, true, 0, 0),
        (r#"{"kind": "Project"}"#, false, 1, 0),
        (r#"{"apiVersion": "v1"}"#, false, 1, 0),
        (r#"{"kind": "Project", "#, false, 0, 1),
    ] {
        let reading = read("a.json", text.as_bytes(), &Limits::default());
        assert_eq!((reading.is_foreign, reading.documents.len()), (is_foreign, documents), "{text}");
        assert_eq!(findings(&reading).len(), problems, "{text}");
        let yaml = read("a.yaml", text.as_bytes(), &Limits::default());
        assert!(!yaml.is_foreign && yaml.documents.len() + yaml.findings.len() == 1, "{text}");
    }
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(2 << 20));
    assert!(read("package-lock.json", large.as_bytes(), &Limits::default()).is_foreign);
}

#[test]
fn messages_are_one_line_and_name_no_second_place() {
    for text in ["a: [1\n", "a: b: c\n", "a: *x\n", "a: .nan\n", "? [a]\n: b\n"] {
        let message = read_all(text).findings.remove(0).message;
        assert!(message.starts_with("this is not YAML: "), "{message}");
        assert!(!message.contains(" at line ") && !message.contains('\n'), "{message}");
    }
}
