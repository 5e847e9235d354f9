//! What the program finds in its home: settings, whom it trusts, and which tools it may not use. Nothing of it is in the
//! workspace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use ambient_protocol::effective::ApprovalMode;
use serde_json::{Map, Value, json};

use super::TurnContext;
use crate::bridge::acp::{Earlier, Setup};
use crate::bridge::mcp::McpServer;
use crate::carrier::AgentFile;

/// The files, by what the session asks for and the agent's environment tells.
pub(super) fn files(context: &TurnContext<'_>, environment: &BTreeMap<String, OsString>) -> Vec<AgentFile> {
    let folder = context.home.join(".gemini");
    let file = |name: &str, content: String| AgentFile { path: folder.join(name), content };
    let mut files = vec![
        file("settings.json", settings(context, environment).to_string()),
        file("trustedFolders.json", distrust(context.workspace).to_string()),
    ];
    files.push(file("GEMINI.md", memory(context)));
    for guidance in context.guidance() {
        let commands = guidance.under(".gemini/commands");
        files.extend(
            commands
                .map(|(path, text)| AgentFile { path: context.home.join(path), content: text.to_owned() }),
        );
    }
    let approval = &context.session.approval;
    if approval.mode == ApprovalMode::Ask {
        files.push(file("policies/ambient.toml", ask_for(&approval.tools)));
    }
    files
}

/// What it is told before all else, and what repository and workflow have it remember.
fn memory(context: &TurnContext<'_>) -> String {
    let prompt = context.system_prompt();
    let remembered = context.guidance().filter_map(|one| one.file("GEMINI.md")).map(str::to_owned);
    prompt.into_iter().chain(remembered).collect::<Vec<_>>().join("\n\n")
}

fn settings(context: &TurnContext<'_>, environment: &BTreeMap<String, OsString>) -> Value {
    // It does not infer the kind of the key where the service's address is another one.
    let key = key_type(environment);
    let turns = context.session.limits.max_turns.map_or(-1, i64::from);
    let mut settings = json!({
        "security": {"auth": {"selectedType": key}, "folderTrust": {"enabled": true}},
        "hooksConfig": {"enabled": false},
        // Else it calls home besides the model's address.
        "privacy": {"usageStatisticsEnabled": false},
        "general": {"enableAutoUpdate": false},
        "model": {"maxSessionTurns": turns},
    });
    let trusted = context.session.approval.mode == ApprovalMode::Auto;
    let servers = McpServer::all(context.session);
    let servers: Map<_, _> =
        servers.iter().map(|server| (server.name.clone(), server.for_gemini(trusted))).collect();
    if !servers.is_empty() {
        settings["mcpServers"] = servers.into();
    }
    if let Some(generation) = generation(context) {
        settings["modelConfigs"] = generation;
    }
    settings
}

/// Parameters of the model's answers, for whatever model answers.
fn generation(context: &TurnContext<'_>) -> Option<Value> {
    let model = &context.session.model;
    let parameters: Map<String, Value> = [
        ("temperature", model.temperature.map(Value::from)),
        ("maxOutputTokens", model.max_tokens.map(Value::from)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect();
    let matched = context.model.map_or_else(|| json!({}), |name| json!({ "model": name }));
    let overridden = json!({"match": matched, "modelConfig": {"generateContentConfig": parameters}});
    (!parameters.is_empty()).then(|| json!({ "customOverrides": [overridden] }))
}

/// An earlier attempt's agent may have put trust here.
fn distrust(workspace: &Path) -> Value {
    json!({ workspace.to_string_lossy(): "DO_NOT_TRUST" })
}

/// A rule above all others of users, for these tools or for all. (JSON's strings and lists are TOML's.)
fn ask_for(tools: &[String]) -> String {
    let named = if tools.is_empty() { json!("*") } else { json!(tools) };
    format!("[[rule]]\ntoolName = {named}\ndecision = \"ask_user\"\npriority = 999\n")
}

/// How it is opened as an agent of the Agent Client Protocol: all else is in its home.
pub(super) fn setup(context: &TurnContext<'_>) -> Setup {
    Setup {
        directory: context.directory(),
        prompt: context.prompt_anew(),
        takes_up: Earlier::of(context),
        model: context.model.map(str::to_owned),
        auth_method: Some(key_type(&context.base_environment()).to_owned()),
        gateways: Vec::new(),
        servers: Vec::new(),
    }
}

fn key_type(environment: &BTreeMap<String, OsString>) -> &'static str {
    let is_vertex = environment.get("GOOGLE_GENAI_USE_VERTEXAI").is_some_and(|value| value == "true");
    if is_vertex { "vertex-ai" } else { "gemini-api-key" }
}
