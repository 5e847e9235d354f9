//! Tools that a model's service runs itself. They cost something beside the tokens: searches are counted where they have
//! a price, and of the others only those are let through under a budget in dollars that are known to cost nothing.

use std::fmt;

use ambient_protocol::models::Price;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::asked::Asked;
use crate::dialect::Dialect;

/// One entry of a request's `tools`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tool {
    /// Its `type`.
    kind: Option<String>,
    /// The names of its other fields: Gemini's tools are told by them.
    fields: Vec<String>,
}

/// What a tool costs beside the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fee {
    Nothing,
    Searches,
    Unknown,
}

/// Anthropic's: run by the client, or free. <https://platform.claude.com/docs/en/about-claude/pricing>
const ANTHROPIC: [&str; 7] =
    ["bash_", "computer_", "mcp_toolset", "memory_", "text_editor_", "tool_search_tool_", "web_fetch_"];
/// OpenAI's: run by the client, or free. <https://developers.openai.com/api/docs/pricing>
const OPENAI: [&str; 9] = [
    "apply_patch",
    "computer",
    "computer_use_preview",
    "custom",
    "function",
    "local_shell",
    "mcp",
    "namespace",
    "tool_search",
];
/// Gemini's: run by the client, or paid in tokens alone. <https://ai.google.dev/gemini-api/docs/pricing>
const GEMINI: [&str; 8] = [
    "functionDeclarations",
    "function_declarations",
    "urlContext",
    "url_context",
    "codeExecution",
    "code_execution",
    "computerUse",
    "computer_use",
];
const GEMINI_SEARCHES: [&str; 4] =
    ["googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval"];

/// The first thing in a request whose price is not known, by its name.
pub(crate) fn unpriced(asked: &Asked, dialect: Dialect, price: &Price) -> Option<String> {
    let has_no_price = |fee: Fee| match fee {
        Fee::Nothing => false,
        Fee::Searches => price.web_searches.is_none(),
        Fee::Unknown => true,
    };
    let mut fees = tools(asked).flat_map(|tool| tool.fees(dialect));
    let named = fees.find_map(|(name, fee)| has_no_price(fee).then(|| name.to_owned()));
    // Neither says in its answer what it did: a search without being asked for, and whatever a stored prompt has.
    let options = [("web_search_options", &asked.web_search_options), ("prompt", &asked.prompt)];
    let option = options.into_iter().find(|(_, value)| dialect == Dialect::OpenAi && value.is_some());
    named.or_else(|| option.map(|(name, _)| name.to_owned()))
}

/// Whether the service may search.
pub(crate) fn may_search(asked: &Asked, dialect: Dialect) -> bool {
    tools(asked).any(|tool| tool.fees(dialect).iter().any(|(_, fee)| *fee == Fee::Searches))
}

fn tools(asked: &Asked) -> impl Iterator<Item = &Tool> {
    asked.tools.iter().flatten()
}

impl Tool {
    fn fees(&self, dialect: Dialect) -> Vec<(&str, Fee)> {
        match dialect {
            Dialect::Gemini => self.fields.iter().map(|field| (field.as_str(), gemini(field))).collect(),
            Dialect::Anthropic => self.kind.iter().map(|kind| (kind.as_str(), anthropic(kind))).collect(),
            Dialect::OpenAi => self.kind.iter().map(|kind| (kind.as_str(), openai(kind))).collect(),
            Dialect::Plain => Vec::new(),
        }
    }
}

fn anthropic(kind: &str) -> Fee {
    match kind {
        "custom" => Fee::Nothing,
        _ if kind.starts_with("web_search_") => Fee::Searches,
        _ if ANTHROPIC.iter().any(|known| kind.starts_with(known)) => Fee::Nothing,
        _ => Fee::Unknown,
    }
}

fn openai(kind: &str) -> Fee {
    match kind {
        _ if kind.starts_with("web_search") => Fee::Searches,
        _ if OPENAI.contains(&kind) => Fee::Nothing,
        _ => Fee::Unknown,
    }
}

fn gemini(field: &str) -> Fee {
    match field {
        _ if GEMINI_SEARCHES.contains(&field) => Fee::Searches,
        _ if GEMINI.contains(&field) => Fee::Nothing,
        _ => Fee::Unknown,
    }
}

impl<'de> Deserialize<'de> for Tool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

/// Reads names, and no schemas: these are most of a request.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Tool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a tool")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Tool, M::Error> {
        let (mut tool, mut has_kind) = (Tool::default(), false);
        while let Some(name) = map.next_key::<String>()? {
            if name != "type" {
                map.next_value::<IgnoredAny>()?;
                tool.fields.push(name);
                continue;
            }
            tool.kind = map.next_value()?;
            if std::mem::replace(&mut has_kind, true) {
                return Err(serde::de::Error::duplicate_field("type"));
            }
        }
        Ok(tool)
    }
}

#[cfg(test)]
mod tests {
    use ambient_protocol::models::ModelTable;

    use super::*;

    /// What a request has, and what of it has no price where searches have one.
    const UNPRICED: [(Dialect, &str, Option<&str>); 11] = [
        (Dialect::Anthropic, "{}", None),
        (Dialect::Anthropic, r#"{"tools": [{"name": "a", "input_schema": {"type": "object"}}]}"#, None),
        (Dialect::Anthropic, r#"{"tools": [{"type": "custom"}, {"type": "bash_20250124"}]}"#, None),
        (
            Dialect::Anthropic,
            r#"{"tools": [{"type": "web_fetch_20250910"}, {"type": "code_execution_20250825"}]}"#,
            Some("code_execution_20250825"),
        ),
        (Dialect::OpenAi, r#"{"tools": [{"type": "function"}, {"type": "local_shell"}]}"#, None),
        (Dialect::OpenAi, r#"{"tools": [{"type": "image_generation"}]}"#, Some("image_generation")),
        (Dialect::OpenAi, r#"{"web_search_options": {}}"#, Some("web_search_options")),
        (Dialect::OpenAi, r#"{"prompt": {"id": "p"}}"#, Some("prompt")),
        (Dialect::Gemini, r#"{"tools": [{"functionDeclarations": [{"type": "x"}]}]}"#, None),
        (Dialect::Gemini, r#"{"tools": [{"codeExecution": {}}, {"urlContext": {}}]}"#, None),
        (Dialect::Gemini, r#"{"tools": [{"googleMaps": {}}]}"#, Some("googleMaps")),
    ];

    fn prices() -> (Price, Price) {
        let priced = *ModelTable::built_in().price("claude-haiku-4-5").unwrap();
        (priced, Price { web_searches: None, ..priced })
    }

    #[test]
    fn what_has_no_price_is_found() {
        let (with_searches, without) = prices();
        for (dialect, body, expected) in UNPRICED {
            let asked = Asked::parse(body.as_bytes()).unwrap();
            for price in [with_searches, without] {
                assert_eq!(unpriced(&asked, dialect, &price).as_deref(), expected, "{body}");
            }
            assert!(!may_search(&asked, dialect), "{body}");
        }
        assert!(Asked::parse(br#"{"tools": [{"type": "function", "type": "web_search"}]}"#).is_err());
    }

    #[test]
    fn searches_need_a_price() {
        let (with_searches, without) = prices();
        for (dialect, name, tool) in [
            (Dialect::Anthropic, "web_search_20250305", r#"{"type": "web_search_20250305"}"#),
            (Dialect::OpenAi, "web_search_preview", r#"{"type": "web_search_preview"}"#),
            (Dialect::Gemini, "google_search", r#"{"functionDeclarations": [], "google_search": {}}"#),
        ] {
            let asked = Asked::parse(format!(r#"{{"tools": [{tool}]}}"#).as_bytes()).unwrap();
            assert!(may_search(&asked, dialect), "{tool}");
            assert_eq!(unpriced(&asked, dialect, &with_searches), None, "{tool}");
            assert_eq!(unpriced(&asked, dialect, &without).as_deref(), Some(name), "{tool}");
        }
    }
}
