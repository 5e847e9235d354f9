//! The program's flags and environment.

use std::ffi::OsString;

use ambient_protocol::effective::ApprovalMode;
use serde_json::{Map, json};

use super::permission::{ASKING_TOOL, other_name};
use super::{TurnContext, control, guidance};
use crate::bridge::mcp::McpServer;
use crate::carrier::{AgentCommand, AgentFile};

/// Tools that work in the workspace. What is not listed needs a permission, for which the program asks the runner.
const TOOLS: [&str; 10] =
    ["Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Task", "TodoWrite", "WebFetch", "Write"];

/// Tools that would have the program speak without being spoken to, or wait for a person who is not asked.
const FORBIDDEN: [&str; 3] = ["CronCreate", "EnterPlanMode", "ScheduleWakeup"];

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
    let first = (!runs_again(context)).then(|| control::user(&context.prompt_by_memory()));
    let lines = [Some(control::initialize()), first];
    AgentCommand {
        program: program.into(),
        arguments,
        environment: environment(context),
        directory: context.directory(),
        input: lines.into_iter().flatten().flat_map(|line| (line + "\n").into_bytes()).collect(),
        files,
    }
}

/// Whether the program runs the conversation's last turn again, by itself.
pub(super) fn runs_again(context: &TurnContext<'_>) -> bool {
    context.takes_up.is_some_and(|taken_up| taken_up.cut_off)
}

fn flags(context: &TurnContext<'_>) -> Vec<String> {
    let fixed = [
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
        "--include-partial-messages",
        // It tells when it works on what was said.
        "--replay-user-messages",
        "--permission-prompt-tool",
        "stdio",
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
    let left = |most: f64| ((most - spent.cost_usd.unwrap_or_default()).max(0.0) * 1e6).round() / 1e6;
    let cost = limits.max_cost_usd.map(left);
    let optional = [
        ("--resume", context.takes_up.map(|taken_up| taken_up.name.to_owned())),
        ("--model", context.model.map(str::to_owned)),
        ("--max-turns", turns.map(|turns| turns.to_string())),
        ("--max-budget-usd", cost.map(|cost| cost.to_string())),
    ];
    for (flag, value) in optional {
        flags.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
    }
    flags
}

/// A call that waits for consent is one that the program asks about, even where it would not by itself: reading a file,
/// a command without effect.
fn permissions(context: &TurnContext<'_>) -> Vec<String> {
    let approval = &context.session.approval;
    let asks = approval.mode == ApprovalMode::Ask;
    // All of a server's tools by its name alone. Of a server one tool suffices to ask for all: the runner then allows
    // those that need no consent.
    let servers = context.session.mcp_servers.keys().map(|name| format!("mcp__{name}"));
    let tools: Vec<_> = TOOLS.into_iter().map(str::to_owned).chain(servers).collect();
    let is_named = |tool: &str| approval.tools.iter().any(|other| is_of(other, tool));
    let held = |tool: &String| asks && (approval.tools.is_empty() || is_named(tool));
    let allowed: Vec<_> = tools.iter().filter(|tool| !held(tool)).cloned().collect();
    let mut forbidden: Vec<_> = FORBIDDEN.map(str::to_owned).into();
    if !context.asks_people() {
        forbidden.push(ASKING_TOOL.to_owned());
    }
    let mode = if asks { "default" } else { "acceptEdits" };
    let mut flags = vec!["--permission-mode".to_owned(), mode.to_owned()];
    flags.extend(["--disallowedTools".to_owned(), forbidden.join(",")]);
    if !allowed.is_empty() {
        flags.extend(["--allowedTools".to_owned(), allowed.join(",")]);
    }
    if asks {
        let settings = json!({"permissions": {"ask": rules(&approval.tools, &tools)}});
        flags.extend(["--settings".to_owned(), settings.to_string()]);
    }
    flags
}

/// The program's rules tell upper from lower case, sessions do not.
fn rules(named: &[String], tools: &[String]) -> Vec<String> {
    if named.is_empty() {
        return vec!["*".to_owned()];
    }
    let known = tools.iter().filter(|tool| named.iter().any(|named| named.eq_ignore_ascii_case(tool)));
    let mut rules: Vec<_> = named.iter().chain(known).cloned().collect();
    rules.extend(named.iter().filter_map(|tool| other_name(tool)).map(str::to_owned));
    rules.sort();
    rules.dedup();
    rules
}

/// Whether a tool is that one, or one of that server.
fn is_of(tool: &str, named: &str) -> bool {
    tool.eq_ignore_ascii_case(named)
        || (named.starts_with("mcp__") && tool.starts_with(&format!("{named}__")))
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
    let own: [(&str, OsString); 6] = [
        ("CLAUDE_CONFIG_DIR", context.home.join(".claude").into()),
        // Without this it calls home besides the model's address.
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".into()),
        ("DISABLE_AUTOUPDATER", "1".into()),
        ("CLAUDE_CODE_ENTRYPOINT", "ambient-runner".into()),
        // Later versions than 2.1.197 ask the model first and look for the session's servers meanwhile, and offer it a search
        // in place of their tools.
        ("MCP_CONNECTION_NONBLOCKING", "0".into()),
        ("ENABLE_TOOL_SEARCH", "false".into()),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if runs_again(context) {
        environment.insert("CLAUDE_CODE_RESUME_INTERRUPTED_TURN".to_owned(), "1".into());
    }
    if let Some(tokens) = context.session.model.max_tokens {
        environment.insert("CLAUDE_CODE_MAX_OUTPUT_TOKENS".to_owned(), tokens.to_string().into());
    }
    environment
}
