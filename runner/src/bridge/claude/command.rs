//! The program's flags and environment.

use std::ffi::OsString;

use ambient_protocol::effective::ApprovalMode;

use serde_json::{Map, json};

use super::{TurnContext, guidance};
use crate::bridge::mcp::McpServer;
use crate::carrier::{AgentCommand, AgentFile};

/// Tools that work in the workspace. What is not listed needs a permission that nobody can give here, and is refused.
const TOOLS: [&str; 10] =
    ["Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Task", "TodoWrite", "WebFetch", "Write"];

/// Builds the command. The prompt goes through standard input: an argument would show in every list of processes, and
/// one that begins with `-` would be taken for a flag.
pub(super) fn build(context: &TurnContext<'_>) -> AgentCommand {
    let mut words = context.session.agent.command.iter();
    let program = words.next().map(String::as_str).unwrap_or_default();
    let mut arguments: Vec<OsString> = words.map(Into::into).collect();
    arguments.extend(flags(context).into_iter().map(OsString::from));
    for folder in context.repositories().skip(1) {
        arguments.extend(["--add-dir".into(), folder.into_os_string()]);
    }
    if let Some(workflow) = context.workflow() {
        arguments.extend(["--add-dir".into(), workflow.folder(context.workspace).into_os_string()]);
    }
    let (mut files, flags) = guidance::prepare(context);
    arguments.extend(flags.into_iter().map(OsString::from));
    let servers = servers_file(context);
    arguments.extend(servers.iter().flat_map(|file| ["--mcp-config".into(), file.path.clone().into()]));
    files.extend(servers);
    AgentCommand {
        program: program.into(),
        arguments,
        environment: environment(context),
        directory: context.directory(),
        input: context.prompt().into_bytes(),
        files,
    }
}

fn flags(context: &TurnContext<'_>) -> Vec<String> {
    let fixed = [
        "-p",
        "--input-format",
        "text",
        "--output-format",
        "stream-json",
        "--verbose",
        "--include-partial-messages",
        "--strict-mcp-config",
        // Without `project` and `local`: a repository's own settings could run hooks on this machine.
        "--setting-sources",
        "user",
    ];
    let mut flags: Vec<String> = fixed.map(str::to_owned).into();
    flags.extend(permissions(context));
    let (limits, spent) = (&context.session.limits, context.spent);
    // The program counts from its start.
    let turns = limits.max_turns.map(|most| most.saturating_sub(spent.turns).max(1));
    let cost = limits.max_cost_usd.map(|most| (most - spent.cost_usd.unwrap_or_default()).max(0.0));
    let optional = [
        ("--model", context.session.model.name.clone()),
        ("--max-turns", turns.map(|turns| turns.to_string())),
        ("--max-budget-usd", cost.map(|cost| cost.to_string())),
    ];
    for (flag, value) in optional {
        flags.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
    }
    flags
}

/// Nobody can be asked in a one-shot run: a tool that wants consent stays forbidden, all others are allowed.
fn permissions(context: &TurnContext<'_>) -> Vec<String> {
    let approval = &context.session.approval;
    let asks = approval.mode == ApprovalMode::Ask;
    // Of a server one tool suffices: those of the same server would be allowed with it.
    let is_named = |tool: &str| approval.tools.iter().any(|other| is_of(other, tool));
    let wants_consent = |tool: &str| asks && (approval.tools.is_empty() || is_named(tool));
    // All of a server's tools by its name alone.
    let servers = context.session.mcp_servers.keys().map(|name| format!("mcp__{name}"));
    let tools = TOOLS.into_iter().map(str::to_owned).chain(servers);
    let allowed: Vec<_> = tools.filter(|tool| !wants_consent(tool)).collect();
    let mode = if asks { "default" } else { "acceptEdits" };
    let mut flags = vec!["--permission-mode".to_owned(), mode.to_owned()];
    if !allowed.is_empty() {
        flags.extend(["--allowedTools".to_owned(), allowed.join(",")]);
    }
    flags
}

/// Whether a tool is that one, or one of that server.
fn is_of(tool: &str, named: &str) -> bool {
    tool == named || (named.starts_with("mcp__") && tool.starts_with(&format!("{named}__")))
}

/// In a file: what a server is told may be a secret, and arguments show in every list of processes.
fn servers_file(context: &TurnContext<'_>) -> Option<AgentFile> {
    let servers = McpServer::all(context.session);
    let table: Map<_, _> = servers.iter().map(|server| (server.name.clone(), server.for_claude())).collect();
    (!table.is_empty()).then(|| AgentFile {
        path: context.home.join(".claude/ambient-mcp-servers.json"),
        content: json!({ "mcpServers": table }).to_string(),
    })
}

fn environment(context: &TurnContext<'_>) -> std::collections::BTreeMap<String, OsString> {
    let mut environment = context.base_environment();
    let own: [(&str, OsString); 4] = [
        ("CLAUDE_CONFIG_DIR", context.home.join(".claude").into()),
        // Without this it calls home besides the model's address.
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".into()),
        ("DISABLE_AUTOUPDATER", "1".into()),
        ("CLAUDE_CODE_ENTRYPOINT", "ambient-runner".into()),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if let Some(tokens) = context.session.model.max_tokens {
        environment.insert("CLAUDE_CODE_MAX_OUTPUT_TOKENS".to_owned(), tokens.to_string().into());
    }
    environment
}
