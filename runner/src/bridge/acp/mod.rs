//! Any agent that speaks the Agent Client Protocol, version 1, over its standard streams.
//!
//! A process is asked who it is, for a session (one that another process has had, where there is one), then given the
//! prompt; what it tells becomes events, and what it asks for is answered. Facts about agents are measured ones, with Gemini CLI 0.61.

mod conclusion;
mod files;
mod gateway;
mod messages;
mod opening;
mod permission;
mod requests;
mod rpc;
mod setup;
mod stage;
mod terminals;
mod tools;
mod turn;
mod updates;

use std::ffi::OsString;

use ambient_protocol::FrameworkCapabilities;
use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::effective::ApprovalMode;
use ambient_protocol::environment::{ACP_AUTH_METHOD, ACP_COMMAND};
use ambient_protocol::registry::ACP;

use self::files::Files;
use self::gateway::Gateway;
use self::requests::Services;
use self::setup::Offers;
pub(super) use self::setup::{Earlier, Setup};
use self::terminals::Terminals;
use self::turn::AcpTranslator;
use super::mcp::McpServer;
use super::{Bridge, Translator, TurnContext};
use crate::carrier::AgentCommand;

/// Drives agents of this protocol.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acp;

impl Bridge for Acp {
    fn capabilities(&self) -> FrameworkCapabilities {
        FrameworkCapabilities {
            framework: ACP.to_owned(),
            agent_features: vec![
                AgentFeature::AgenticChat,
                AgentFeature::HumanInTheLoop,
                AgentFeature::Thinking,
                AgentFeature::ToolRendering,
            ],
            file_system: true,
            mcp: true,
            tracing: false,
            session_persistence: true,
        }
    }

    fn changes_model(&self) -> bool {
        true
    }

    fn command(&self, context: &TurnContext<'_>) -> AgentCommand {
        let mut words = command_line(context).into_iter();
        AgentCommand {
            program: words.next().unwrap_or_default().into(),
            arguments: words.map(OsString::from).collect(),
            environment: context.base_environment(),
            directory: context.directory(),
            files: Vec::new(),
            input: introduction(context),
        }
    }

    fn translator(&self, context: &TurnContext<'_>) -> Box<dyn Translator> {
        let session = context.session;
        let setup = Setup {
            directory: context.directory(),
            prompt: prompt(context),
            takes_up: Earlier::of(context),
            model: context.model.map(str::to_owned),
            auth_method: session.environment.get(ACP_AUTH_METHOD).cloned(),
            gateways: Gateway::all(&context.base_environment()),
            servers: McpServer::all(session),
        };
        translator(context, setup)
    }
}

/// What an agent of this protocol is told first.
pub(super) fn introduction(context: &TurnContext<'_>) -> Vec<u8> {
    format!("{}\n", setup::initialize(offers(context))).into_bytes()
}

/// A translator for an agent of this protocol.
pub(super) fn translator(context: &TurnContext<'_>, setup: Setup) -> Box<dyn Translator> {
    let approval = context.session.approval.clone();
    Box::new(AcpTranslator::new(setup, approval, services(context), &context.input.run_id))
}

/// The protocol has no place for what comes before all else, so it comes first.
fn prompt(context: &TurnContext<'_>) -> String {
    let parts = context.system_prompt().into_iter().chain([context.prompt_anew()]);
    parts.collect::<Vec<_>>().join("\n\n")
}

/// The session's own command line, else the registry's: a list in JSON, or words.
fn command_line(context: &TurnContext<'_>) -> Vec<String> {
    let Some(line) = context.session.environment.get(ACP_COMMAND) else {
        return context.session.agent.command.clone();
    };
    let list = serde_json::from_str(line).ok();
    list.unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect())
}

fn offers(context: &TurnContext<'_>) -> Offers {
    let confines_paths = Files::open(context.workspace).is_ok();
    Offers::new(confines_paths && !asks_for_calls(context), context.is_other_user)
}

/// What the runner did for an agent would be a call that nobody was asked for. An agent with hands of its own asks first.
fn asks_for_calls(context: &TurnContext<'_>) -> bool {
    context.session.approval.mode == ApprovalMode::Ask
}

fn services(context: &TurnContext<'_>) -> Services {
    if asks_for_calls(context) {
        return Services::new(None, None);
    }
    let files = Files::open(context.workspace).inspect_err(|error| {
        tracing::warn!(%error, "the agent's requests for files cannot be confined, and are refused");
    });
    let Ok(files) = files else { return Services::new(None, None) };
    let terminals = offers(context).terminals.then(|| Terminals::new(files.clone(), context));
    Services::new(Some(files), terminals)
}

#[cfg(test)]
mod tests;
