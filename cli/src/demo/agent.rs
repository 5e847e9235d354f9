//! The agent that works in the demo: which it is, where its model answers, and with which key.

use std::collections::BTreeMap;

use ambient_protocol::broker::{ModelService, service_of};
use ambient_protocol::registry::{DEFAULT_RUNNER_TYPE, GEMINI_CLI, LANGGRAPH, REPLAY};

use crate::arguments::{DemoAgent, DemoArguments};

/// A key that the scripted model server does not check; a service is asked with one.
const SCRIPTED_KEY: &str = "scripted-model-no-key-needed";

/// The key for the agent's model, as it is put in the Secret that the broker reads.
pub(super) struct Key {
    service: &'static ModelService,
    value: String,
}

impl Key {
    /// The entries of the Secret; with `address` the model answers there.
    pub(super) fn entries(&self, address: Option<&str>) -> BTreeMap<&'static str, String> {
        let key = [(self.service.key, self.value.clone())];
        // Some services have their version in the address.
        let version = if self.service.address.ends_with("/v1") { "/v1" } else { "" };
        let address = address.map(|address| (self.service.address_entry, format!("{address}{version}")));
        key.into_iter().chain(address).collect()
    }
}

/// The runner type.
pub(super) fn runner_type(agent: DemoAgent) -> &'static str {
    match agent {
        DemoAgent::Replay => REPLAY,
        DemoAgent::Claude => DEFAULT_RUNNER_TYPE,
        DemoAgent::Gemini => GEMINI_CLI,
        DemoAgent::Langgraph => LANGGRAPH,
    }
}

/// The program's name, and its model's service.
fn service(agent: DemoAgent) -> Option<(&'static str, &'static ModelService)> {
    let (program, key) = match agent {
        DemoAgent::Replay => return None,
        DemoAgent::Claude => ("Claude Code", "ANTHROPIC_API_KEY"),
        DemoAgent::Gemini => ("Gemini CLI", "GEMINI_API_KEY"),
        DemoAgent::Langgraph => ("the demo's graph", "OPENAI_API_KEY"),
    };
    Some((program, service_of(key)?))
}

/// The key, if the agent needs one.
pub(super) fn key(arguments: &DemoArguments) -> anyhow::Result<Option<Key>> {
    let Some((program, service)) = service(arguments.agent) else {
        anyhow::ensure!(
            !arguments.scripted_model,
            "--scripted-model goes with --agent claude, gemini or langgraph"
        );
        return Ok(None);
    };
    if arguments.scripted_model {
        return Ok(Some(Key { service, value: SCRIPTED_KEY.to_owned() }));
    }
    let given = match arguments.agent {
        DemoAgent::Replay => &None,
        DemoAgent::Claude => &arguments.anthropic_api_key,
        DemoAgent::Gemini => &arguments.gemini_api_key,
        DemoAgent::Langgraph => &arguments.openai_api_key,
    };
    let Some(value) = given.clone() else {
        let key = service.key;
        anyhow::bail!("{program} needs a model: set {key} to use the real service, or give --scripted-model");
    };
    Ok(Some(Key { service, value }))
}
