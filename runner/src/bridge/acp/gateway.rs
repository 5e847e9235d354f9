//! Where an agent's model is, told by the protocol: agents that know the way `gateway` to authenticate take an address and
//! headers by it. It is an extension (`_meta.gateway`), which the adapters for Codex and Claude Code have; measured with
//! codex-acp 2.6.0.

use std::collections::BTreeMap;
use std::ffi::OsString;

use ambient_protocol::broker::{MODEL_SERVICES, ModelService};
use serde_json::{Map, Value, json};

/// What the client says that it can tell.
pub(super) fn capability() -> Value {
    json!({"_meta": {"gateway": true}})
}

/// A service as the agent's environment has it: its own, or what it is lent.
#[derive(Debug)]
pub(in crate::bridge) struct Gateway {
    protocol: &'static str,
    address: String,
    headers: Map<String, Value>,
}

impl Gateway {
    /// All those that there is a key for.
    pub(in crate::bridge) fn all(environment: &BTreeMap<String, OsString>) -> Vec<Self> {
        MODEL_SERVICES.iter().filter_map(|service| Self::of(service, environment)).collect()
    }

    fn of(service: &ModelService, environment: &BTreeMap<String, OsString>) -> Option<Self> {
        let variable = |name| environment.get(name)?.to_str().filter(|value: &&str| !value.is_empty());
        let key = variable(service.key)?;
        let (header, value) = match service.name {
            "anthropic" => ("x-api-key", key.to_owned()),
            "openai" => ("Authorization", format!("Bearer {key}")),
            // No agent is known that takes another.
            _ => return None,
        };
        Some(Self {
            protocol: service.name,
            address: variable(service.address_entry).unwrap_or(service.address).to_owned(),
            headers: Map::from_iter([(header.to_owned(), value.into())]),
        })
    }

    /// What is told to an agent that declares a way to authenticate like this, if it is such a way.
    pub(super) fn told(declared: &Value, gateways: &[Self]) -> Option<Value> {
        let protocol = declared["_meta"]["gateway"]["protocol"].as_str()?;
        let gateway = gateways.iter().find(|gateway| gateway.protocol == protocol)?;
        Some(json!({"gateway": {"baseUrl": gateway.address, "headers": gateway.headers}}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_told_the_service_that_they_speak_to() {
        let declared = |protocol: &str| json!({"id": "g", "_meta": {"gateway": {"protocol": protocol}}});
        let lent = [("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://127.0.0.1:1/openai")];
        let openai = |address: &str| json!({"gateway": {"baseUrl": address, "headers": {"Authorization": "Bearer k"}}});
        let anthropic =
            json!({"gateway": {"baseUrl": "https://api.anthropic.com", "headers": {"x-api-key": "a"}}});
        let cases = [
            (&lent[..], declared("openai"), Some(openai("http://127.0.0.1:1/openai"))),
            (&lent[..1], declared("openai"), Some(openai("https://api.openai.com/v1"))),
            (&[("ANTHROPIC_API_KEY", "a")], declared("anthropic"), Some(anthropic)),
            (&lent[..], declared("anthropic"), None),
            (&lent[..], json!({"id": "api-key"}), None),
            (&[("OPENAI_API_KEY", "")], declared("openai"), None),
        ];
        for (environment, declared, expected) in cases {
            let environment =
                environment.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
            assert_eq!(Gateway::told(&declared, &Gateway::all(&environment)), expected, "{declared}");
        }
    }
}
