//! What an installation says of its runner types: the entries of ConfigMap `ambient-agents`, each a runner type's name with
//! a text in YAML. What an entry leaves open stays as it ships; what an agent can do is its bridge's to say, not an entry's.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{AgentEntry, AgentRegistry};
use crate::documents::from_yaml;

/// Where the programs of agents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Programs {
    /// In images, which the registry names.
    InImages,
    /// On this machine, which has its own names for those of the runner types that ship: images have no meaning here.
    OnThisMachine,
}

/// An entry as it is written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct EntryOverride {
    /// For a runner type that does not ship: the one whose bridge drives it.
    like: Option<String>,
    display_name: Option<String>,
    image: Option<String>,
    command: Option<Vec<String>>,
    key_names: Option<Vec<String>>,
    default_model: Option<String>,
    mcp_servers: Option<BTreeMap<String, serde_json::Value>>,
}

impl AgentRegistry {
    /// Lays an installation's entries over this registry. One that cannot be used stops its own runner type, no other.
    #[must_use]
    pub fn overridden_by(mut self, entries: &BTreeMap<String, String>, programs: Programs) -> Self {
        let shipped = self.agents.clone();
        for (name, text) in entries {
            match entry(&shipped, name, text, programs) {
                Ok(entry) => {
                    self.agents.insert(name.clone(), entry);
                }
                Err(why) => {
                    self.agents.remove(name);
                    self.refused.insert(name.clone(), why);
                }
            }
        }
        self
    }
}

fn entry(
    shipped: &BTreeMap<String, AgentEntry>,
    name: &str,
    text: &str,
    programs: Programs,
) -> Result<AgentEntry, String> {
    // An empty text is one that leaves all open.
    let text = if text.trim().is_empty() { "{}" } else { text };
    let said: EntryOverride = from_yaml(text).map_err(|error| error.to_string())?;
    said.check()?;
    let ships = shipped.contains_key(name);
    let base = match &said.like {
        Some(like) if ships => {
            return Err(format!(
                "like: {like}: \"{name}\" ships with Ambient and is like no other; leave it out"
            ));
        }
        like => like.as_deref().unwrap_or(name),
    };
    let base = shipped.get(base).cloned().ok_or_else(|| {
        let known = shipped.keys().cloned().collect::<Vec<_>>().join(", ");
        format!("\"{base}\" does not ship with Ambient; say which of these drives it, by like: {known}")
    })?;
    let named_here = programs == Programs::OnThisMachine;
    Ok(AgentEntry {
        display_name: said.display_name.unwrap_or(base.display_name),
        image: said.image.filter(|_| !named_here).unwrap_or(base.image),
        command: said.command.filter(|_| !(named_here && ships)).unwrap_or(base.command),
        key_names: said.key_names.unwrap_or(base.key_names),
        default_model: said.default_model.or(base.default_model),
        mcp_servers: said.mcp_servers.unwrap_or(base.mcp_servers),
        ..base
    })
}

impl EntryOverride {
    fn check(&self) -> Result<(), String> {
        if self.image.as_ref().is_some_and(|image| image.is_empty() || image.contains(char::is_whitespace)) {
            return Err("image: an image's name has no blanks and is not empty".to_owned());
        }
        if self.command.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
            return Err("command: the first word is the agent's program".to_owned());
        }
        match self.key_names.iter().flatten().find(|name| !is_variable(name)) {
            Some(name) => Err(format!("keyNames: \"{name}\" is no environment variable's name")),
            None => Ok(()),
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{ACP, DEFAULT_RUNNER_TYPE};

    fn registry(entries: &[(&str, &str)], programs: Programs) -> AgentRegistry {
        let entries = entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        AgentRegistry::built_in().overridden_by(&entries, programs)
    }

    #[test]
    fn what_an_entry_leaves_open_stays_as_it_ships() {
        let shipped = AgentRegistry::built_in();
        let told = "image: registry.example/claude:1\ndefaultModel: claude-sonnet-4-6\n";
        let registry = registry(&[(DEFAULT_RUNNER_TYPE, told), (ACP, "")], Programs::InImages);
        let expected = AgentEntry {
            image: "registry.example/claude:1".to_owned(),
            default_model: Some("claude-sonnet-4-6".to_owned()),
            ..shipped.get(DEFAULT_RUNNER_TYPE).unwrap().clone()
        };
        assert_eq!(registry.get(DEFAULT_RUNNER_TYPE).unwrap(), &expected);
        assert_eq!(registry.get(ACP).unwrap(), shipped.get(ACP).unwrap());
        assert_eq!(registry.agents.len(), shipped.agents.len());
    }

    #[test]
    fn another_runner_type_is_like_one_that_ships() {
        let told = "like: acp\ndisplayName: Codex\ncommand: [codex-acp]\nimage: codex:1\nkeyNames: [OPENAI_API_KEY]\n";
        let registry = registry(&[("codex", told)], Programs::InImages);
        let codex = registry.get("codex").unwrap();
        assert_eq!(
            (codex.image.as_str(), codex.command.as_slice()),
            ("codex:1", &["codex-acp".to_owned()][..])
        );
        assert_eq!(codex.capabilities, registry.get(ACP).unwrap().capabilities);
        assert_eq!(codex.key_names, ["OPENAI_API_KEY"]);
    }

    #[test]
    fn this_machine_has_its_own_programs_and_no_images() {
        let claude = "image: claude:1\ncommand: [/opt/claude]\ndefaultModel: m\n";
        let codex = "like: acp\nimage: codex:1\ncommand: [codex-acp]\n";
        let registry = registry(&[(DEFAULT_RUNNER_TYPE, claude), ("codex", codex)], Programs::OnThisMachine);
        let found = |name: &str| {
            let entry = registry.get(name).unwrap();
            (entry.image.clone(), entry.command.join(" "), entry.default_model.clone())
        };
        let image = crate::registry::RUNNER_IMAGE.to_owned();
        assert_eq!(found(DEFAULT_RUNNER_TYPE), (image.clone(), "claude".to_owned(), Some("m".to_owned())));
        assert_eq!(found("codex"), (image, "codex-acp".to_owned(), None));
    }

    #[test]
    fn an_entry_that_cannot_be_used_stops_its_own_runner_type() {
        for (name, text, why) in [
            (DEFAULT_RUNNER_TYPE, "imag: x", "imag"),
            (DEFAULT_RUNNER_TYPE, "image: ''", "image:"),
            (DEFAULT_RUNNER_TYPE, "command: []", "command:"),
            (DEFAULT_RUNNER_TYPE, "keyNames: [a b]", "keyNames: \"a b\""),
            (DEFAULT_RUNNER_TYPE, "like: acp", "leave it out"),
            (DEFAULT_RUNNER_TYPE, "- a list", ""),
            ("codex", "command: [codex-acp]", "like: acp, claude-agent-sdk"),
            ("codex", "like: cursor", "\"cursor\" does not ship"),
        ] {
            let registry = registry(&[(name, text), (ACP, "image: a:1")], Programs::InImages);
            let told = registry.get(name).unwrap_err().to_string();
            assert!(told.contains("ConfigMap ambient-agents") && told.contains(why), "{text}: {told}");
            assert_eq!(registry.get(ACP).unwrap().image, "a:1");
        }
        let unknown = registry(&[], Programs::InImages).get("codex").unwrap_err().to_string();
        assert!(unknown.contains("there are: acp, claude-agent-sdk"), "{unknown}");
    }
}
