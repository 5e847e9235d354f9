//! The form of a fixture: YAML written by hand, or JSONL recorded from a run.
//!
//! ```yaml
//! pace: 5            # milliseconds between two events
//! steps:
//!   - reasoning: First I look at {{prompt}}.
//!   - tool:
//!       name: Read
//!       input: {file_path: README.md}
//!       effects: [{read: {path: README.md, as: readme}}]
//!       result: "{{readme}}"
//!   - text: Done.
//!   - finish: {summary: It is done., turns: 1}
//! ```
//!
//! A tool with `consent: true` waits for a person's consent where the session wants that, `ask` for an answer, `hear` for a
//! message within the turn. `listen` stands behind a `finish`: with the next message another turn begins.
//!
//! In texts `{{name}}` stands for a variable: `prompt`, `thread` and `run` (the ids of the input), and what effects and people have set. The JSONL form has one AG-UI event
//! or one step a line.

use ambient_protocol::documents;
use ambient_protocol::events::EventBody;
use serde::Deserialize;
use serde_json::Value;

/// A recorded run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// Milliseconds between two events.
    #[serde(default)]
    pub(super) pace: u64,
    /// What happens, in order.
    pub(super) steps: Vec<Step>,
}

impl Fixture {
    /// Reads a fixture in either form.
    ///
    /// # Errors
    /// Says where the text is no fixture.
    pub fn parse(text: &str) -> Result<Self, FixtureError> {
        if text.trim_start().starts_with('{') {
            return Self::parse_lines(text);
        }
        documents::from_yaml(text).map_err(|error| FixtureError::Yaml(error.to_string()))
    }

    fn parse_lines(text: &str) -> Result<Self, FixtureError> {
        let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let steps = numbered
            .map(|(index, line)| {
                step(line).map_err(|error| FixtureError::Line { line: index + 1, message: error.to_string() })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { pace: 0, steps })
    }
}

fn step(line: &str) -> Result<Step, serde_json::Error> {
    let value: Value = serde_json::from_str(line)?;
    let is_event = value.get("type").and_then(Value::as_str).is_some_and(EventBody::is_known);
    if is_event { Ok(Step::Event(value)) } else { serde_json::from_value(value) }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Step {
    /// The agent thinks.
    Reasoning(String),
    /// The agent says something.
    Text(String),
    /// The agent uses a tool.
    Tool(ToolUse),
    /// An AG-UI event as it is.
    Event(Value),
    /// Something happens that no event tells.
    Effect(Effect),
    /// A line of output as it is.
    Junk(String),
    /// A line on standard error.
    Complain(String),
    /// The agent asks a person.
    Ask(Question),
    /// The agent waits for a message within the turn, and sets this variable to it.
    Hear(String),
    /// The agent waits for the message of another turn, which is the `prompt` from then on; where none comes it ends.
    Listen,
    /// The turn ends well.
    Finish(Finish),
    /// The turn ends badly.
    Fail(String),
    /// The process ends with this code, here.
    Exit(u8),
}

/// The use of a tool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolUse {
    pub(super) name: String,
    #[serde(default)]
    pub(super) input: Value,
    #[serde(default)]
    pub(super) effects: Vec<Effect>,
    #[serde(default)]
    pub(super) result: String,
    /// Whether a person has to allow it, where the session asks people.
    #[serde(default)]
    pub(super) consent: bool,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) question: String,
    /// Answers to choose from; a person may give another.
    #[serde(default)]
    pub(super) options: Vec<String>,
    /// The variable for the answer; empty where there is none.
    #[serde(rename = "as")]
    pub(super) variable: String,
}

/// Something that really happens. Paths are relative to the working directory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Effect {
    /// Sets `<as>`, `<as>.first` (its first line) and `<as>.lines` (their number) from a file.
    Read {
        path: String,
        #[serde(rename = "as")]
        variable: String,
    },
    /// Sets `<as>` to the first of these files that exists.
    Choose {
        from: Vec<String>,
        #[serde(rename = "as")]
        variable: String,
    },
    /// Sets `<as>` to a list of the directory's entries, hidden ones left out.
    List {
        #[serde(rename = "as")]
        variable: String,
    },
    /// Writes a file, and its folders.
    Write { path: String, content: String },
    /// Writes a file unless it exists.
    Ensure { path: String, content: String },
    /// Adds to a file's end.
    Append { path: String, content: String },
    /// Replaces the first occurrence of a text; it must be there.
    Replace { path: String, find: String, with: String },
    /// Removes a file.
    Remove { path: String },
    /// Keeps a file or folder for its owner alone.
    Close { path: String },
    /// Commits all changes, as agents do by themselves.
    Commit { message: String },
    /// Takes memory and keeps it.
    Allocate { mebibytes: usize },
    /// Starts processes that do nothing for ever, in sessions of their own or not.
    Spawn {
        count: u32,
        #[serde(default)]
        own_session: bool,
    },
    /// Starts a process that does nothing for ever, in a session of its own, without environment, its parent gone.
    Forget,
    /// Waits, in milliseconds.
    Sleep(u64),
}

/// A good end.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Finish {
    pub(super) summary: String,
    pub(super) model: Option<String>,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cached_input_tokens: u64,
    pub(super) cost_usd: Option<f64>,
    pub(super) turns: u32,
}

/// A text is no fixture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FixtureError {
    /// Not YAML of the expected form.
    #[error("not a fixture: {0}")]
    Yaml(String),
    /// A line that is neither an event nor a step.
    #[error("not a fixture: line {line}: {message}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_fixture_is_one() {
        let fixture = Fixture::parse(super::super::DEMO).unwrap();
        assert!(matches!(fixture.steps.last(), Some(Step::Finish(_))));
    }

    #[test]
    fn both_forms_are_read() {
        let yaml =
            "steps:\n- text: hi\n- event: {type: RUN_ERROR, message: x}\n- effect: {sleep: 0}\n- exit: 3\n";
        let lines = "{\"text\":\"hi\"}\n{\"type\":\"RUN_ERROR\",\"message\":\"x\"}\n{\"effect\":{\"sleep\":0}}\n{\"exit\":3}\n";
        let (yaml, lines) = (Fixture::parse(yaml).unwrap(), Fixture::parse(lines).unwrap());
        assert_eq!(yaml, lines);
        assert_eq!(yaml.steps.len(), 4);
    }

    #[test]
    fn what_is_no_fixture_is_told_where() {
        let error = Fixture::parse("{\"text\":\"hi\"}\n{\"wrong\":1}").unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        assert!(Fixture::parse("steps: [{say: hi}]").is_err());
    }
}
