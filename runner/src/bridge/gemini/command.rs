//! The program's flags and environment.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::{TurnContext, acp, home};
use crate::carrier::AgentCommand;

/// Variables by which a file `.gemini/.env` of the repository, which is read all the same, could send the key elsewhere.
/// What is set stays as it is, also to nothing.
const NOT_THE_REPOSITORYS: [&str; 3] =
    ["GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "NODE_TLS_REJECT_UNAUTHORIZED"];
/// It would have the program take the repository's settings for its own.
const TRUST: &str = "GEMINI_CLI_TRUST_WORKSPACE";

/// Builds the command. The prompt goes through standard input: an argument would show in every list of processes.
pub(super) fn build(context: &TurnContext<'_>) -> AgentCommand {
    let mut words = context.session.agent.command.iter();
    let program = words.next().map(String::as_str).unwrap_or_default();
    let mut arguments: Vec<OsString> = words.map(Into::into).collect();
    arguments.extend(flags(context).into_iter().map(OsString::from));
    for folder in context.repositories().skip(1) {
        arguments.extend(["--include-directories".into(), folder.into_os_string()]);
    }
    let environment = environment(context);
    AgentCommand {
        program: program.into(),
        arguments,
        files: home::files(context, &environment),
        environment,
        directory: context.directory(),
        input: match context.asks_people() {
            true => acp::introduction(context),
            false => context.prompt_anew().into_bytes(),
        },
    }
}

fn flags(context: &TurnContext<'_>) -> Vec<String> {
    // Tools need trust in the folder. By this flag it comes when the settings have been read, without the repository's
    // own, which could run hooks and MCP servers on this machine.
    let mut flags = vec!["--skip-trust".to_owned()];
    flags.extend(match context.asks_people() {
        true => vec!["--acp".to_owned()],
        false => ["--output-format", "stream-json"].map(str::to_owned).to_vec(),
    });
    // What needs consent a rule says.
    flags.extend(["--approval-mode", "yolo"].map(str::to_owned));
    // Without a model it asks a small one before each answer which to take.
    flags.extend(context.model.iter().flat_map(|model| ["--model".to_owned(), (*model).to_owned()]));
    flags
}

fn environment(context: &TurnContext<'_>) -> BTreeMap<String, OsString> {
    let mut environment = context.base_environment();
    environment.remove(TRUST);
    for name in NOT_THE_REPOSITORYS {
        environment.entry(name.to_owned()).or_default();
    }
    let own: [(&str, OsString); 2] = [
        ("GEMINI_CLI_HOME", context.home.into()),
        // Else a parent process stays between, which takes no signal.
        ("GEMINI_CLI_NO_RELAUNCH", "true".into()),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    environment
}
