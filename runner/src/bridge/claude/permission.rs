//! Who decides on a tool call that the program asks about, and the question to a person where one does.

use ambient_protocol::Answer;
use ambient_protocol::answers::{Choices, Consent, INPUT_REQUIRED, PLATFORM, TOOL_CALL};
use ambient_protocol::effective::Approval;
use ambient_protocol::events::Interrupt;
use serde_json::{Value, json};

use super::control::PermissionRequest;
use crate::bridge::TurnContext;

/// The tool by which the model asks the user something.
pub(super) const ASKING_TOOL: &str = "AskUserQuestion";
/// Longest arguments that a question repeats, in bytes of JSON; the call's own events have them whole.
const SHOWN_INPUT: usize = 16 * 1024;

/// What the session lets its agent do.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    approval: Approval,
    asks_people: bool,
    /// Names of the session's MCP servers.
    servers: Vec<String>,
}

/// Who decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// A person, with consent or by an answer.
    Ask,
    /// The session allows it.
    Allow,
    /// The session does not, for this reason.
    Deny(&'static str),
}

impl Rules {
    pub(super) fn of(context: &TurnContext<'_>) -> Self {
        Self {
            approval: context.session.approval.clone(),
            asks_people: context.asks_people(),
            servers: context.session.mcp_servers.keys().cloned().collect(),
        }
    }

    /// Those of a session that asks people for consent.
    #[cfg(test)]
    pub(super) fn asking(approval: Approval) -> Self {
        Self { approval, asks_people: true, servers: Vec::new() }
    }

    /// The program asks about what it was not told beforehand that it may.
    pub(super) fn decide(&self, tool: &str) -> Decision {
        if tool == ASKING_TOOL {
            return if self.asks_people { Decision::Ask } else { Decision::Deny("there is nobody to ask") };
        }
        if self.approval.holds(Some(tool))
            || other_name(tool).is_some_and(|name| self.approval.holds(Some(name)))
        {
            return Decision::Ask;
        }
        let is_of_server = |name: &String| tool.starts_with(&format!("mcp__{name}__"));
        if self.servers.iter().any(is_of_server) {
            return Decision::Allow;
        }
        Decision::Deny("the session does not let its agent do this, and nobody is asked")
    }
}

/// The tool that starts subagents has been renamed, and goes by both names.
pub(super) fn other_name(tool: &str) -> Option<&'static str> {
    match tool {
        "Agent" => Some("Task"),
        "Task" => Some("Agent"),
        _ => None,
    }
}

/// The question to a person.
pub(super) fn question(request: &PermissionRequest, subagent: Option<&str>) -> Interrupt {
    let mut question = if request.tool == ASKING_TOOL { asked(request) } else { consent(request) };
    question.tool_call_id.clone_from(&request.call);
    question.subagent_run_id = subagent.map(str::to_owned);
    question.with_metadata("tool", request.tool.clone().into())
}

fn consent(request: &PermissionRequest) -> Interrupt {
    let message = match &request.description {
        Some(description) => format!("{}: {description}", request.tool),
        None => request.tool.clone(),
    };
    let question = Interrupt {
        message: Some(message),
        response_schema: Some(Consent::schema(true)),
        ..Interrupt::new(&request.id, TOOL_CALL)
    };
    match request.input.to_string().len() <= SHOWN_INPUT {
        true => question.with_metadata("input", request.input.clone()),
        false => question,
    }
}

fn asked(request: &PermissionRequest) -> Interrupt {
    let questions = request.input["questions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Vec<_> = questions.iter().filter_map(|question| question["question"].as_str()).collect();
    let question = Interrupt {
        message: Some(words.join("\n")).filter(|words| !words.is_empty()),
        response_schema: Some(Choices::schema()),
        ..Interrupt::new(&request.id, INPUT_REQUIRED)
    };
    question.with_metadata("questions", request.input["questions"].clone())
}

/// What an answer means for the call: its arguments, or why it is not made.
pub(super) fn verdict(request: &PermissionRequest, answer: Option<&Answer>) -> Result<Value, String> {
    let by = answer.and_then(Answer::giver).map(|given| given.by);
    let Some(answer) = answer.filter(|_| by.as_deref() != Some(PLATFORM)) else {
        return Err("nobody answered in time, which means no".to_owned());
    };
    let by = by.unwrap_or_else(|| "the person who was asked".to_owned());
    if request.tool == ASKING_TOOL {
        let choices =
            answer.as_choices().ok_or_else(|| format!("{by} gave no answer: decide by yourself"))?;
        let mut input = request.input.clone();
        if let Some(fields) = input.as_object_mut() {
            fields.insert("answers".to_owned(), json!(choices.answers));
        }
        return Ok(input);
    }
    let consent = answer.as_consent();
    if consent.approved {
        return Ok(consent.updated_input.unwrap_or_else(|| request.input.clone()));
    }
    Err(match consent.message {
        Some(message) => format!("{by} does not allow this: {message}"),
        None => format!("{by} does not allow this"),
    })
}

#[cfg(test)]
mod tests {
    use ambient_protocol::effective::ApprovalMode;

    use super::*;

    #[test]
    fn the_session_says_who_decides() {
        let ask = |tools: &[&str]| Approval {
            mode: ApprovalMode::Ask,
            tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        };
        let denied = Decision::Deny("the session does not let its agent do this, and nobody is asked");
        let nobody = Decision::Deny("there is nobody to ask");
        let cases = [
            (Approval::default(), false, "WebSearch", denied.clone()),
            (Approval::default(), false, ASKING_TOOL, nobody),
            (Approval::default(), true, ASKING_TOOL, Decision::Ask),
            (Approval::default(), true, "WebSearch", denied.clone()),
            (Approval::default(), true, "mcp__notes__add", Decision::Allow),
            (ask(&[]), true, "Read", Decision::Ask),
            (ask(&["bash"]), true, "Bash", Decision::Ask),
            (ask(&["Task"]), true, "Agent", Decision::Ask),
            (ask(&["Bash"]), true, "WebSearch", denied),
            (ask(&["mcp__notes__add"]), true, "mcp__notes__add", Decision::Ask),
            (ask(&["mcp__notes__add"]), true, "mcp__notes__list", Decision::Allow),
        ];
        for (approval, asks_people, tool, expected) in cases {
            let rules = Rules { approval, asks_people, servers: vec!["notes".to_owned()] };
            assert_eq!(rules.decide(tool), expected, "{rules:?} {tool}");
        }
    }

    #[test]
    fn answers_become_arguments_or_reasons() {
        let request = |tool: &str, input: Value| PermissionRequest {
            id: "q".to_owned(),
            tool: tool.to_owned(),
            input,
            call: None,
            description: None,
        };
        let call = request("Bash", json!({"command": "ls"}));
        let asked = request(ASKING_TOOL, json!({"questions": [{"question": "Which?"}]}));
        let choices = Choices { answers: [("Which?".to_owned(), "A".to_owned())].into() };
        let other = Consent { approved: true, updated_input: Some(json!({"command": "id"})), message: None };
        let somebody = "the person who was asked";
        let cases = [
            (&call, Answer::allow("q"), Ok(json!({"command": "ls"}))),
            (&call, Answer::consent("q", &other), Ok(json!({"command": "id"}))),
            (&call, Answer::deny("q", Some("no")), Err(format!("{somebody} does not allow this: no"))),
            (&call, Answer::cancelled("q"), Err(format!("{somebody} does not allow this"))),
            (
                &asked,
                Answer::choose("q", &choices),
                Ok(json!({"questions": [{"question": "Which?"}], "answers": {"Which?": "A"}})),
            ),
            (&asked, Answer::allow("q"), Err(format!("{somebody} gave no answer: decide by yourself"))),
        ];
        for (request, answer, expected) in cases {
            assert_eq!(verdict(request, Some(&answer)), expected, "{answer:?}");
        }
        assert_eq!(verdict(&call, None), Err("nobody answered in time, which means no".to_owned()));
    }
}
