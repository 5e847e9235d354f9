//! MCP servers, as the program tells of them: in what state they are when a turn begins, and, asked for it, why.

use std::collections::{BTreeMap, BTreeSet};

use ambient_protocol::Event;
use serde_json::Value;

use super::{control, text};
use crate::bridge::Word;

/// What the program calls a server that it still tries to reach.
const PENDING: &str = "pending";
/// States that nobody needs to hear of.
const FINE: [&str; 2] = ["connected", "disabled"];

#[derive(Debug, Default)]
pub(super) struct Servers {
    /// States by name, as they were told last.
    states: BTreeMap<String, String>,
    /// Servers that the log has.
    told: BTreeSet<String>,
    /// Whether an answer is to come.
    asked: bool,
}

impl Servers {
    /// Takes the states with which a turn begins, and asks about what is not as it should be.
    pub(super) fn introduced(&mut self, frame: &Value) -> Option<Word> {
        self.take(&frame["mcp_servers"]);
        let is_news = |(name, state): (&String, &String)| !is_fine(state) && !self.told.contains(name);
        let news = self.states.iter().any(is_news);
        self.ask(news)
    }

    /// The program works: servers that it tried to reach may have been given up.
    pub(super) fn at_work(&mut self) -> Option<Word> {
        let is_undecided = self.states.values().any(|state| state == PENDING);
        self.ask(is_undecided)
    }

    /// Takes the answer, and tells of each server that cannot be used, once. A program that does not answer has told the states
    /// all the same.
    pub(super) fn answered(&mut self, servers: &Value) -> Vec<Event> {
        self.asked = false;
        self.take(servers);
        let reasons: BTreeMap<_, _> = entries(servers)
            .filter_map(|server| Some((text(server, "name")?, text(server, "error")?)))
            .collect();
        let unusable = self.states.iter().filter(|(_, state)| !is_fine(state) && *state != PENDING);
        let events = unusable.filter(|(name, _)| self.told.insert((*name).clone())).map(|(name, state)| {
            let reason = reasons.get(name).map(|reason| format!(": {reason}")).unwrap_or_default();
            Event::ignored(&format!("MCP server {name}"), &format!("the agent has it as \"{state}\"{reason}"))
        });
        events.collect()
    }

    fn ask(&mut self, is_needed: bool) -> Option<Word> {
        let asks = is_needed && !self.asked;
        self.asked |= asks;
        asks.then(|| Word::Line(control::ask_for_servers()))
    }

    fn take(&mut self, servers: &Value) {
        let told =
            entries(servers).filter_map(|server| Some((text(server, "name")?, text(server, "status")?)));
        self.states.extend(told);
    }
}

fn is_fine(state: &str) -> bool {
    FINE.contains(&state)
}

fn entries(servers: &Value) -> impl Iterator<Item = &Value> {
    servers.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(events: &[Event]) -> Vec<String> {
        let values = events.iter().map(|event| serde_json::to_value(event).unwrap()["value"].clone());
        values.map(|value| format!("{}: {}", value["what"], value["why"])).collect()
    }

    #[test]
    fn what_is_not_reached_is_asked_about_and_told_once() {
        let mut servers = Servers::default();
        let states = json!({"mcp_servers": [{"name": "a", "status": "connected"}, {"name": "b", "status": "failed"},
                                            {"name": "c", "status": "pending"}]});
        assert!(servers.introduced(&json!({})).is_none());
        assert!(servers.introduced(&states).is_some());
        assert!(servers.introduced(&states).is_none(), "an answer is to come");
        let answer =
            json!([{"name": "b", "status": "failed", "error": "ENOENT"}, {"name": "c", "status": "pending"}]);
        assert_eq!(
            told(&servers.answered(&answer)),
            [r#""MCP server b": "the agent has it as \"failed\": ENOENT""#]
        );
        assert!(servers.at_work().is_some(), "one is still tried");
        assert_eq!(
            told(&servers.answered(&json!([{"name": "c", "status": "needs-auth"}]))),
            [r#""MCP server c": "the agent has it as \"needs-auth\"""#]
        );
        assert!(servers.at_work().is_none() && servers.introduced(&states).is_none(), "all has been told");
        assert!(servers.answered(&Value::Null).is_empty());
    }

    #[test]
    fn a_program_that_does_not_say_why_is_believed() {
        let mut servers = Servers::default();
        assert!(servers.introduced(&json!({"mcp_servers": [{"name": "b", "status": "failed"}]})).is_some());
        assert_eq!(
            told(&servers.answered(&Value::Null)),
            [r#""MCP server b": "the agent has it as \"failed\"""#]
        );
        assert!(servers.at_work().is_none());
    }
}
