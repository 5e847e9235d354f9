//! The MCP servers of a session, in the forms that agents want.
//!
//! Manifests have the form of Claude Code's and Gemini CLI's files: a program by `command`, `args` and `env`, or an address
//! by `url` (or `httpUrl`) and `headers`, with `type` where it is none of HTTP's streams.

use ambient_protocol::{EffectiveSession, Event};
use serde_json::{Map, Value, json};

/// One server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct McpServer {
    /// Its name; tools are named after it.
    pub(crate) name: String,
    /// `stdio`, `http`, `sse`, or what the session says.
    pub(crate) transport: String,
    given: Value,
}

impl McpServer {
    /// Those of a session, by name.
    pub(crate) fn all(session: &EffectiveSession) -> Vec<Self> {
        session.mcp_servers.iter().map(|(name, server)| Self::new(name, server)).collect()
    }

    /// Those of a table, by name.
    #[cfg(test)]
    pub(crate) fn of(table: &Value) -> Vec<Self> {
        table.as_object().unwrap().iter().map(|(name, server)| Self::new(name, server)).collect()
    }

    fn new(name: &str, given: &Value) -> Self {
        let by_form = if given["command"].is_string() { "stdio" } else { "http" };
        let transport = given["type"].as_str().unwrap_or(by_form).to_owned();
        Self { name: name.to_owned(), transport, given: given.clone() }
    }

    fn is_program(&self) -> bool {
        self.transport == "stdio"
    }

    fn url(&self) -> &Value {
        self.given.get("url").or_else(|| self.given.get("httpUrl")).unwrap_or(&Value::Null)
    }

    /// As the Agent Client Protocol has it.
    pub(crate) fn for_acp(&self) -> Value {
        if self.is_program() {
            let arguments = self.given["args"].as_array().cloned().unwrap_or_default();
            let command = &self.given["command"];
            return json!({"name": self.name, "command": command, "args": arguments, "env": pairs(&self.given["env"])});
        }
        let headers = pairs(&self.given["headers"]);
        json!({"type": self.transport, "name": self.name, "url": self.url(), "headers": headers})
    }

    /// As Claude Code's file has it.
    pub(crate) fn for_claude(&self) -> Value {
        let mut server = self.given.clone();
        server["type"] = json!(self.transport);
        if !self.is_program() {
            server["url"] = self.url().clone();
        }
        server
    }

    /// As Gemini CLI's settings have it, which tell a transport by the name of the address. A trusted one's tools are used
    /// without asking.
    pub(crate) fn for_gemini(&self, trusted: bool) -> Value {
        let mut server = self.given.clone();
        if let Some(fields) = server.as_object_mut() {
            fields.retain(|name, _| !["type", "url", "httpUrl"].contains(&name.as_str()));
            let address = if self.transport == "sse" { "url" } else { "httpUrl" };
            if !self.is_program() {
                fields.insert(address.to_owned(), self.url().clone());
            }
            fields.insert("trust".to_owned(), trusted.into());
        }
        server
    }
}

/// What Gemini CLI 0.61 writes on standard error, and nowhere else, where it cannot use a server.
const ISSUES: &str = "MCP issues detected";

/// What an agent tells of its servers on standard error only. Told once.
#[derive(Debug, Default)]
pub(crate) struct Issues {
    are_told: bool,
}

impl Issues {
    pub(crate) fn told(&mut self, complaints: &str) -> Option<Event> {
        let are_news = complaints.contains(ISSUES) && !std::mem::replace(&mut self.are_told, true);
        are_news.then(|| {
            let why = "the agent cannot use it, and does not tell which: a program does not start, or an address does not answer";
            Event::ignored("an MCP server of the session", why)
        })
    }
}

fn pairs(map: &Value) -> Vec<Value> {
    let entries = map.as_object().into_iter().flat_map(Map::iter);
    entries.map(|(name, value)| json!({"name": name, "value": value})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_are_told_once() {
        let mut issues = Issues::default();
        assert!(issues.told("Falling back to GrepTool.").is_none());
        assert!(issues.told("MCP issues detected. Run /mcp list for status.").is_some());
        assert!(issues.told("MCP issues detected. Run /mcp list for status.").is_none());
    }

    #[test]
    fn each_agent_gets_its_own_form() {
        let url = "https://a";
        // Given; for the protocol, for Claude Code, for Gemini CLI.
        let cases = [
            (
                json!({"command": "x", "args": ["-y"], "env": {"A": "b"}}),
                json!({"name": "s", "command": "x", "args": ["-y"], "env": [{"name": "A", "value": "b"}]}),
                json!({"type": "stdio", "command": "x", "args": ["-y"], "env": {"A": "b"}}),
                json!({"command": "x", "args": ["-y"], "env": {"A": "b"}, "trust": true}),
            ),
            (
                json!({"url": url, "headers": {"A": "b"}}),
                json!({"type": "http", "name": "s", "url": url, "headers": [{"name": "A", "value": "b"}]}),
                json!({"type": "http", "url": url, "headers": {"A": "b"}}),
                json!({"httpUrl": url, "headers": {"A": "b"}, "trust": true}),
            ),
            (
                json!({"type": "sse", "url": url}),
                json!({"type": "sse", "name": "s", "url": url, "headers": []}),
                json!({"type": "sse", "url": url}),
                json!({"url": url, "trust": true}),
            ),
            (
                json!({"httpUrl": url}),
                json!({"type": "http", "name": "s", "url": url, "headers": []}),
                json!({"type": "http", "url": url, "httpUrl": url}),
                json!({"httpUrl": url, "trust": true}),
            ),
        ];
        for (given, acp, claude, gemini) in cases {
            let server = McpServer::new("s", &given);
            assert_eq!((server.for_acp(), server.for_claude()), (acp, claude), "{given}");
            assert_eq!(server.for_gemini(true), gemini, "{given}");
        }
    }
}
