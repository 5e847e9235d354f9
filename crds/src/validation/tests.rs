use super::*;
use crate::manifest::{Limits, read};

const CASES: &str = include_str!("tests/cases.yaml");

/// One case: a manifest, where it stands, and `line:col code` of each finding.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    /// `root`, or the project of a tenant's source; `!` at the end allows its settings.
    source: String,
    manifest: String,
    findings: Vec<String>,
}

fn scope(source: &str) -> Scope {
    match (source, source.strip_suffix('!')) {
        ("root", _) => Scope::Root,
        (_, Some(project)) => Scope::Tenant { project: project.to_owned(), allow_settings: true },
        (project, None) => Scope::Tenant { project: project.to_owned(), allow_settings: false },
    }
}

#[test]
fn documents_are_judged_as_the_table_says() {
    let cases: Vec<Case> = serde_saphyr::from_str(CASES).unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let reading = read("a.yaml", case.manifest.as_bytes(), &Limits::default());
        assert!(reading.findings.is_empty(), "{}: {:?}", case.name, reading.findings);
        let verdicts: Vec<Verdict> =
            reading.documents.iter().map(|document| check(document, &scope(&case.source))).collect();
        let mut findings: Vec<Finding> =
            verdicts.iter().flat_map(|verdict| verdict.findings.clone()).collect();
        let objects: Vec<CheckedObject> = verdicts.into_iter().filter_map(|verdict| verdict.object).collect();
        findings.extend(across(&objects));
        let found: Vec<String> = findings.iter().map(short).collect();
        if found != case.findings {
            let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "{}\n  expected {:?}\n  found    {found:?}\n  {}",
                case.name,
                case.findings,
                texts.join("\n  ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn short(finding: &Finding) -> String {
    format!("{}:{} {}", finding.place.line, finding.place.column, finding.code)
}

#[test]
fn every_code_of_this_step_has_a_case() {
    let provoked_elsewhere = |code: &crate::codes::Code| {
        let number: u32 = code.as_str()[3..].parse().unwrap();
        // Reading, bounds and ceilings have tests of their own; ownership and the API server's refusals are the sync's.
        number < 1100 || [1304, 1308, 1405, 1406, 1407].contains(&number)
    };
    for code in crate::codes::Code::ALL.iter().filter(|code| !provoked_elsewhere(code)) {
        assert!(CASES.contains(code.as_str()), "no case provokes {code}");
    }
}

#[test]
fn the_namespace_of_a_tenant_is_filled_in() {
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: text}\n";
    let reading = read("a.yaml", manifest.as_bytes(), &Limits::default());
    let verdict = check(&reading.documents[0], &scope("demo"));
    let object = verdict.object.unwrap();
    assert_eq!(object.value["metadata"]["namespace"], "demo");
    assert_eq!(object.identity.to_string(), "ConfigMap demo/a");
    assert_eq!(object.digest, reading.documents[0].digest);
}

#[test]
fn a_refused_document_still_says_what_it_describes() {
    let manifest = "apiVersion: vteam.ambient-code/v1alpha1\nkind: AgenticSession\nmetadata: {name: a}\nspec: {runs: 2}\n";
    let reading = read("a.yaml", manifest.as_bytes(), &Limits::default());
    let verdict = check(&reading.documents[0], &scope("demo"));
    assert!(verdict.object.is_none());
    assert_eq!(verdict.identity.unwrap().to_string(), "AgenticSession.vteam.ambient-code demo/a");
    assert!(verdict.findings[0].message.ends_with("did you mean run?"), "{}", verdict.findings[0]);
}

#[test]
fn configurations_of_mcp_servers_are_bounded() {
    let session = |length: usize| {
        let value = serde_json::json!({"mcpServers": {"custom": {"a": {"x": "y".repeat(length)}}}});
        serde_json::from_value::<crate::AgenticSessionSpec>(value).unwrap()
    };
    assert!(session_problems(&session(16_000)).is_empty());
    let problems = session_problems(&session(16_384));
    assert_eq!(problems[0].code, crate::codes::Code::McpServerSize);
    assert_eq!(problems[0].path, "spec.mcpServers.custom[a]");
}
