//! Scripts: what the model says, step by step, as data.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

/// What the scripted model says, one step for each turn of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    key: Option<String>,
    steps: Vec<Step>,
}

/// One answer of the model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// What the model says first.
    #[serde(default)]
    pub text: String,
    /// The tools it then asks for. A step without tools ends the agent's turn.
    #[serde(default)]
    pub tools: Vec<ToolUse>,
    /// The tokens it reports; estimated from sizes where it is not given.
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// A tool the model asks the agent to use.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolUse {
    /// The tool's name as the agent program offers it, for instance `Bash`.
    pub name: String,
    /// The tool's input.
    #[serde(default)]
    pub input: Map<String, Value>,
}

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Usage {
    /// Tokens read that no cache held.
    pub input: u64,
    /// Tokens written by the model.
    pub output: u64,
    /// Tokens read from a cache.
    pub cache_read: u64,
    /// Tokens put into a cache.
    pub cache_write: u64,
}

/// Why a text is no script.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// It is no YAML (or JSON) of the right shape.
    #[error("cannot read the script: {0}")]
    Shape(#[from] serde_yaml::Error),
    /// It says nothing.
    #[error("the script has no steps: give at least one with a `text`")]
    Empty,
    /// The agent would ask for more after the last step.
    #[error(
        "the last step of the script (number {0}) uses tools: add one with a `text` alone, which ends the turn"
    )]
    Endless(usize),
    /// A step says nothing and does nothing.
    #[error("step {0} of the script has neither `text` nor `tools`")]
    Silent(usize),
}

/// What a dialect understood of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// How many turns the model has already taken in this conversation.
    pub turn: usize,
    /// The names of the tools the agent offers.
    pub offered: BTreeSet<String>,
    /// The size of the request in bytes, from which tokens are estimated.
    pub size: usize,
}

/// What the model says to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'script> {
    /// The text; may be empty if there are tools.
    pub text: &'script str,
    /// The tools to use; if there are none, the turn ends.
    pub tools: Vec<&'script ToolUse>,
    /// The tokens to report.
    pub usage: Usage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[serde(default)]
    key: Option<String>,
    steps: Vec<Step>,
}

/// Bytes that are taken for one token, about right for English text.
const BYTES_PER_TOKEN: usize = 4;

impl Script {
    /// Reads a script from YAML or JSON.
    ///
    /// ```
    /// let script = ambient_model_server::Script::parse("
    /// key: only-this-key      # optional: other keys are refused
    /// steps:
    ///   - text: I will look.
    ///     tools: [{name: Bash, input: {command: ls}}]
    ///     usage: {input: 100, output: 20, cacheRead: 50, cacheWrite: 0}
    ///   - text: Done.
    /// ");
    /// assert!(script.is_ok());
    /// ```
    ///
    /// # Errors
    /// See [`ScriptError`].
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let RawScript { key, steps } = serde_yaml::from_str(text)?;
        if let Some(index) = steps.iter().position(|step| step.text.is_empty() && step.tools.is_empty()) {
            return Err(ScriptError::Silent(index + 1));
        }
        match steps.last() {
            None => Err(ScriptError::Empty),
            Some(last) if !last.tools.is_empty() => Err(ScriptError::Endless(steps.len())),
            Some(_) => Ok(Self { key, steps }),
        }
    }

    /// Returns the script of the demo: the agent looks round, adds a line to `README.md` in its working directory, and
    /// ends. It uses `Bash` with relative paths, so that it fits any working directory.
    pub fn demo() -> Self {
        Self::parse(include_str!("../scripts/demo.yaml")).expect("a test reads this very file")
    }

    /// Whether a caller that shows this key may ask. A script that names no key takes any, and none.
    pub fn admits(&self, shown: Option<&str>) -> bool {
        self.key.as_deref().is_none_or(|key| shown == Some(key))
    }

    /// Returns the step for the request's turn. Past the end the last step is repeated, which ends each further turn.
    /// Tools that the request does not offer are left out: agents also ask for titles and summaries, without tools.
    pub fn answer(&self, request: &Request) -> Answer<'_> {
        let step = &self.steps[request.turn.min(self.steps.len() - 1)];
        let tools: Vec<_> = step.tools.iter().filter(|tool| request.offered.contains(&tool.name)).collect();
        let usage = step.usage.unwrap_or_else(|| estimate(request, step));
        Answer { text: &step.text, tools, usage }
    }
}

impl Request {
    /// Estimates the tokens of the request.
    pub fn tokens(&self) -> u64 {
        tokens(self.size)
    }
}

fn estimate(request: &Request, step: &Step) -> Usage {
    let tools: usize = step.tools.iter().map(|tool| Value::from(tool.input.clone()).to_string().len()).sum();
    Usage { input: request.tokens(), output: tokens(step.text.len() + tools), ..Usage::default() }
}

fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_STEPS: &str = "steps: [{text: go, tools: [{name: Bash, input: {command: ls}}]}, {text: done}]";

    fn request(turn: usize, offered: &[&str]) -> Request {
        Request { turn, offered: offered.iter().map(|name| (*name).to_owned()).collect(), size: 401 }
    }

    #[test]
    fn turns_choose_steps_and_the_last_repeats() {
        let script = Script::parse(TWO_STEPS).unwrap();
        for (turn, text, tools) in [(0, "go", 1), (1, "done", 0), (2, "done", 0), (9, "done", 0)] {
            let answer = script.answer(&request(turn, &["Bash"]));
            assert_eq!((answer.text, answer.tools.len()), (text, tools));
        }
    }

    #[test]
    fn tools_that_are_not_offered_are_left_out() {
        let script = Script::parse(TWO_STEPS).unwrap();
        assert!(script.answer(&request(0, &["Read"])).tools.is_empty());
    }

    #[test]
    fn usage_is_as_written_or_estimated() {
        let script = Script::parse("steps: [{text: a, usage: {input: 1, output: 7, cacheRead: 3}}]").unwrap();
        let written = Usage { input: 1, output: 7, cache_read: 3, cache_write: 0 };
        assert_eq!(script.answer(&request(0, &[])).usage, written);
        let script = Script::parse(r#"{"steps": [{"text": "12345678"}]}"#).unwrap();
        let estimated = Usage { input: 101, output: 2, ..Usage::default() };
        assert_eq!(script.answer(&request(0, &[])).usage, estimated);
    }

    #[test]
    fn bad_scripts_are_refused_with_the_step() {
        for (text, message) in [
            ("steps: []", "the script has no steps"),
            ("steps: [{text: a}, {}]", "step 2 of the script has neither"),
            (
                "steps: [{text: a, tools: [{name: Bash}]}]",
                "the last step of the script (number 1) uses tools",
            ),
            ("steps: [{txt: a}]", "unknown field `txt`"),
            ("steps: 3", "cannot read the script"),
        ] {
            let error = Script::parse(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn keys() {
        let open = Script::parse("steps: [{text: a}]").unwrap();
        assert!(open.admits(None) && open.admits(Some("any")));
        let locked = Script::parse("{key: k1, steps: [{text: a}]}").unwrap();
        assert!(locked.admits(Some("k1")) && !locked.admits(Some("k2")) && !locked.admits(None));
    }

    #[test]
    fn the_demo_uses_bash_and_ends() {
        let script = Script::demo();
        assert!(script.steps.iter().flat_map(|step| &step.tools).all(|tool| tool.name == "Bash"));
        assert!(script.steps.len() >= 2);
    }
}
