use serde_json::{Value, json};

use super::*;

/// What comes of a spec, which gets a prompt if it has none.
pub(crate) fn merged(
    spec: &Value,
    settings: &Value,
    ceilings: &Value,
) -> Result<EffectiveSession, EffectiveError> {
    let mut with_prompt = json!({"initialPrompt": "do it"});
    with_prompt.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let session: AgenticSession = serde_json::from_value(json!({
        "apiVersion": "vteam.ambient-code/v1alpha1", "kind": "AgenticSession",
        "metadata": {"name": "first", "namespace": "demo", "uid": "u"}, "spec": with_prompt,
    }))
    .unwrap();
    let settings: ProjectSettingsSpec = serde_json::from_value(settings.clone()).unwrap();
    let ceilings: Ceilings = serde_json::from_value(ceilings.clone()).unwrap();
    let results = ResultsTarget {
        url: "/r".to_owned(),
        branch: "b".to_owned(),
        mode: Default::default(),
        secret: None,
    };
    merge(EffectiveInputs {
        key: &RunKey::new("demo", "first", 2).unwrap(),
        session: &session,
        ceilings: Some(&ceilings),
        settings: Some(&settings),
        registry: &AgentRegistry::built_in(),
        results: &results,
        source: None,
        context: Vec::new(),
        now: "2026-11-30T23:59:59Z".parse().unwrap(),
    })
}

#[test]
fn defaults_come_from_session_then_settings_then_ceiling_then_platform() {
    let timeout = |spec: Value, settings: Value, ceilings: Value| {
        merged(&spec, &settings, &ceilings).map(|session| session.limits.timeout_seconds)
    };
    let settings = || json!({"defaults": {"timeout": 100}});
    assert_eq!(timeout(json!({}), json!({}), json!({})), Ok(14_400));
    assert_eq!(timeout(json!({}), settings(), json!({})), Ok(100));
    assert_eq!(timeout(json!({"timeout": 50}), settings(), json!({})), Ok(50));
    assert_eq!(timeout(json!({}), settings(), json!({"timeout": 60})), Ok(60));
    assert_eq!(timeout(json!({"timeout": 200}), settings(), json!({})), Ok(200), "a default is no bound");
}

#[test]
fn more_than_a_ceiling_is_refused_with_the_way_out() {
    let ceilings = json!({"timeout": 60, "models": ["m1"], "runnerTypes": ["replay"], "maxCostUsd": 1.0, "maxTokens": 10});
    let allowed = json!({"runnerType": "replay", "llmSettings": {"model": "m1"}});
    assert!(merged(&allowed, &json!({}), &ceilings).is_ok());
    for (spec, field) in [
        (json!({"runnerType": "replay", "timeout": 61}), "spec.timeout"),
        (json!({"runnerType": "claude-agent-sdk"}), "spec.runnerType"),
        (json!({"runnerType": "replay", "llmSettings": {"model": "m2"}}), "spec.llmSettings.model"),
        (json!({"runnerType": "replay", "budget": {"maxCostUsd": 2.0}}), "spec.budget.maxCostUsd"),
        (json!({"runnerType": "replay", "budget": {"maxTokens": 11}}), "spec.budget.maxTokens"),
    ] {
        let error = merged(&spec, &json!({}), &ceilings).unwrap_err();
        assert_eq!(error.reason(), "CeilingExceeded");
        assert!(error.to_string().starts_with(field) && error.to_string().contains("lower it"), "{error}");
    }
}

#[test]
fn an_unknown_runner_type_names_those_there_are() {
    let error = merged(&json!({"runnerType": "nope"}), &json!({}), &json!({})).unwrap_err().to_string();
    assert!(error.contains("nope") && error.contains("replay"), "{error}");
}

#[test]
fn repositories_get_folders_and_output_branches() {
    let session = merged(
        &json!({"repos": [{"url": "https://h/a/one.git"}, {"url": "git@h:b/two", "output": {"branch": "x"}}]}),
        &json!({}),
        &json!({}),
    )
    .unwrap();
    let seen: Vec<_> =
        session.repositories.iter().map(|one| (one.name.as_str(), one.output_branch.as_str())).collect();
    assert_eq!(seen, [("one", "ambient/demo/first-r2"), ("two", "x")]);
    let twice = json!({"repos": [{"url": "https://h/a/one.git"}, {"url": "https://h/b/one"}]});
    assert!(matches!(merged(&twice, &json!({}), &json!({})), Err(EffectiveError::Invalid(_))));
    let kept = merged(&json!({"repos": [{"url": "/r", "autoPush": false}]}), &json!({}), &json!({})).unwrap();
    assert!(!kept.repositories[0].push);
}

#[test]
fn what_cannot_run_is_refused_whoever_made_it() {
    for (spec, words) in [
        (json!({"initialPrompt": " "}), "spec.initialPrompt"),
        (json!({"repos": [{"url": "https://user:pass@h/a"}]}), "AMB1306"),
        (json!({"environmentVariables": {"POD_IP": "1"}}), "AMB1303"),
    ] {
        let error = merged(&spec, &json!({}), &json!({})).unwrap_err();
        assert_eq!(error.reason(), "Invalid");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn servers_of_the_session_are_laid_over_the_projects() {
    let servers = merged(
        &json!({"mcpServers": {"custom": {"b": {"command": "two"}}, "disabled": ["c"]}}),
        &json!({"mcpServers": {"custom": {"a": {"command": "x"}, "b": {"command": "one"}, "c": {"command": "y"}}}}),
        &json!({}),
    )
    .unwrap()
    .mcp_servers;
    assert_eq!(servers.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(servers["b"], json!({"command": "two"}));
}

#[test]
fn servers_of_the_agent_lie_under_all_others() {
    let table = |json: Value| serde_json::from_value::<McpServers>(json).unwrap();
    let agent = [("a", "baked"), ("b", "baked"), ("c", "baked")];
    let agent = agent.map(|(name, command)| (name.to_owned(), json!({ "command": command }))).into();
    let project = table(json!({"custom": {"b": {"command": "project"}}, "disabled": ["c"]}));
    let servers = mcp_servers(&agent, Some(&project), None);
    let commands: Vec<_> = servers.iter().map(|(name, server)| (name.as_str(), &server["command"])).collect();
    assert_eq!(commands, [("a", &json!("baked")), ("b", &json!("project"))]);
}

#[test]
fn the_month_is_that_of_the_pin() {
    let session = merged(&json!({}), &json!({}), &json!({})).unwrap();
    assert_eq!(session.result_path(), "results/demo/2026-11/first-r2");
}

#[test]
fn a_ceiling_allows_a_model_by_all_its_names() {
    let model = |wanted: &str, allowed: &str, runner_type: &str| {
        let spec = json!({"runnerType": runner_type, "llmSettings": {"model": wanted}});
        let merged = merged(&spec, &json!({}), &json!({"models": [allowed]}));
        merged.map(|session| session.model.name.unwrap()).map_err(|error| error.to_string())
    };
    let claude = "claude-agent-sdk";
    for (wanted, allowed, runner_type, expected) in [
        ("sonnet", "claude-sonnet-5-5", claude, Some("claude-sonnet-5-5")),
        ("sonnet", "claude-*", "acp", Some("sonnet")),
        ("claude-opus-4-5-20251101", "claude-opus-4-5", claude, Some("claude-opus-4-5-20251101")),
        ("claude-opus-4-5@20251101", "claude-opus-4-5", claude, Some("claude-opus-4-5@20251101")),
        ("models/gemini-2.5-flash", "gemini-2.5-flash", "gemini-cli", Some("models/gemini-2.5-flash")),
        ("opus", "claude-sonnet-5-5", claude, None),
        ("opusplan", "claude-opus-5-5", claude, None),
    ] {
        let found = model(wanted, allowed, runner_type);
        assert_eq!(found.as_deref().ok(), expected, "{wanted}: {found:?}");
        let told = found.err().unwrap_or_default();
        assert!(expected.is_some() || told.contains(wanted) && told.contains(allowed), "{told}");
    }
}

#[test]
fn a_projects_place_at_vertex_is_pinned() {
    let vertex = |settings: Value| merged(&json!({}), &settings, &json!({})).unwrap().vertex;
    assert_eq!(vertex(json!({})), None);
    let all = vertex(json!({"vertex": {"project": "p"}})).unwrap();
    assert_eq!((all.region.as_str(), all.publishers.len()), ("global", 2));
    let one = vertex(json!({"vertex": {"project": "p", "region": "us-east5", "publishers": ["google"]}}));
    let one = one.unwrap();
    assert_eq!((one.region.as_str(), one.publishers), ("us-east5", vec!["google".to_owned()]));
}
