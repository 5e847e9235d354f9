//! A conversation as it is shown: the reducer's entries, cleaned, cut and summarised.

use ambient_protocol::conversation::{Conversation, Entry, TurnStatus};
use serde_json::Value;

use super::text::{clean, cut, first_line};

/// Most characters of one text on a page; the transcript has it whole.
const TEXT: usize = 200_000;
/// Most characters of a tool's result on a page.
const RESULT: usize = 20_000;
/// Most characters of the line that stands for a tool call.
const SUMMARY: usize = 120;
/// Arguments that tell best what a call is about, the best first.
const TELLING: [&str; 8] =
    ["command", "file_path", "path", "pattern", "query", "url", "description", "prompt"];

/// One entry as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryView {
    /// What was asked.
    User { text: String },
    /// What the agent said.
    Assistant { text: String, open: bool, subagent: Option<String> },
    /// What it thought.
    Reasoning { text: String, open: bool },
    /// What it did.
    Tool(ToolView),
    /// Something going on.
    Activity { activity: String, content: String },
    /// Something to know.
    Notice { text: String },
}

/// A tool call as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToolView {
    /// The tool.
    pub(crate) name: String,
    /// What the call is about, in one line.
    pub(crate) summary: String,
    /// The arguments; indented once they are complete.
    pub(crate) arguments: String,
    /// What came back, once it has.
    pub(crate) result: Option<String>,
    /// The subagent that called.
    pub(crate) subagent: Option<String>,
}

impl EntryView {
    /// An entry as it is shown.
    pub(crate) fn new(entry: &Entry) -> Self {
        match entry {
            Entry::User { text, .. } => Self::User { text: shown(text, TEXT) },
            Entry::Assistant { text, open, subagent, .. } => Self::Assistant {
                text: shown(text, TEXT),
                open: *open,
                subagent: subagent.as_deref().map(|name| shown(name, SUMMARY)),
            },
            Entry::Reasoning { text, open, .. } => Self::Reasoning { text: shown(text, TEXT), open: *open },
            Entry::Tool { name, arguments, result, open, subagent, .. } => Self::Tool(ToolView {
                name: shown(name, SUMMARY),
                summary: if *open { String::new() } else { summary(arguments) },
                arguments: shown(&if *open { arguments.clone() } else { indented(arguments) }, RESULT),
                result: result.as_deref().map(|result| shown(result, RESULT)),
                subagent: subagent.as_deref().map(|name| shown(name, SUMMARY)),
            }),
            Entry::Activity { activity, content, .. } => Self::Activity {
                activity: shown(activity, SUMMARY),
                content: shown(&format!("{content:#}"), RESULT),
            },
            Entry::Notice { text } => Self::Notice { text: shown(text, TEXT) },
        }
    }

    /// The part that grows while an agent speaks, if this entry has one.
    pub(crate) fn growing(&self) -> Option<&str> {
        match self {
            Self::User { text } | Self::Assistant { text, .. } | Self::Reasoning { text, .. } => Some(text),
            Self::Tool(tool) => Some(&tool.arguments),
            Self::Activity { .. } | Self::Notice { .. } => None,
        }
    }

    /// The same entry with another growing part.
    pub(crate) fn with_growing(mut self, new: &str) -> Self {
        match &mut self {
            Self::User { text } | Self::Assistant { text, .. } | Self::Reasoning { text, .. } => {
                new.clone_into(text);
            }
            Self::Tool(tool) => new.clone_into(&mut tool.arguments),
            Self::Activity { .. } | Self::Notice { .. } => {}
        }
        self
    }
}

/// All entries as they are shown.
pub(crate) fn entries(conversation: &Conversation) -> Vec<EntryView> {
    conversation.entries.iter().map(EntryView::new).collect()
}

/// What a person should know of the last turn, beside the entries; empty where there is nothing.
pub(crate) fn turn_note(status: &TurnStatus) -> Option<String> {
    match status {
        TurnStatus::Interrupted { question } => {
            Some(format!("The agent waits for a person: {}", shown(question, TEXT)))
        }
        TurnStatus::Cancelled => Some("The turn was cancelled.".to_owned()),
        TurnStatus::NotStarted | TurnStatus::Running | TurnStatus::Finished | TurnStatus::Failed { .. } => {
            None
        }
    }
}

fn shown(text: &str, most: usize) -> String {
    let cleaned = clean(text);
    let length = cleaned.chars().count();
    if length <= most {
        return cleaned;
    }
    format!("{}\n[{} more characters: see the transcript]", cut(&cleaned, most), length - most)
}

fn indented(arguments: &str) -> String {
    serde_json::from_str::<Value>(arguments)
        .map_or_else(|_| arguments.to_owned(), |value| format!("{value:#}"))
}

/// The first telling argument, or the first that is a text.
fn summary(arguments: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(arguments) else { return String::new() };
    let telling = TELLING.iter().find_map(|name| fields.get(*name).and_then(Value::as_str));
    let any = || fields.values().find_map(Value::as_str);
    first_line(&clean(telling.or_else(any).unwrap_or_default()), SUMMARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_summarised_by_its_most_telling_argument() {
        for (arguments, expected) in [
            (r#"{"description":"list","command":"ls -la"}"#, "ls -la"),
            (r#"{"content":"x","file_path":"src/lib.rs"}"#, "src/lib.rs"),
            (r#"{"number":1,"other":"first text"}"#, "first text"),
            (r#"{"command":"a\nb"}"#, "a …"),
            (r#"{"command":"\u001b[31mred"}"#, "red"),
            ("{", ""),
            ("[1]", ""),
        ] {
            assert_eq!(summary(arguments), expected, "{arguments}");
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let shown = shown(&"å".repeat(TEXT + 5), TEXT);
        assert!(shown.ends_with("…\n[5 more characters: see the transcript]"));
    }
}
