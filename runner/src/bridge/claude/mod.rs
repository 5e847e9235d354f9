//! Claude Code, as long as it lives one conversation: lines of JSON go in and come out, and beside them its control
//! protocol, by which it asks for permissions.
//!
//! Facts about flags, lines and exit codes are measured ones, against versions 2.1.197 to 2.1.330 of the program.

mod blocks;
mod command;
mod conclusion;
mod control;
mod guidance;
mod messages;
mod notices;
mod people;
mod permission;
mod servers;
mod subagents;

use ambient_protocol::capabilities::AgentFeature;
use ambient_protocol::registry::DEFAULT_RUNNER_TYPE;
use ambient_protocol::{Answer, Event, FrameworkCapabilities};
use serde_json::Value;

use self::blocks::Blocks;
use self::conclusion::Conclusion;
use self::control::Control;
use self::notices::{hopeless, introduction, raw, retry};
use self::people::People;
use self::permission::Rules;
use self::servers::Servers;
use self::subagents::Subagents;
use super::{Bridge, Flow, Report, Translation, Translator, TurnContext, Word};
use crate::carrier::{AgentCommand, AgentExit};

/// Drives Claude Code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claude;

impl Bridge for Claude {
    fn capabilities(&self) -> FrameworkCapabilities {
        FrameworkCapabilities {
            framework: DEFAULT_RUNNER_TYPE.to_owned(),
            agent_features: vec![
                AgentFeature::AgenticChat,
                AgentFeature::HumanInTheLoop,
                AgentFeature::Thinking,
                AgentFeature::ToolRendering,
            ],
            file_system: true,
            mcp: true,
            tracing: false,
            session_persistence: true,
        }
    }

    fn changes_model(&self) -> bool {
        true
    }

    fn command(&self, context: &TurnContext<'_>) -> AgentCommand {
        command::build(context)
    }

    fn translator(&self, context: &TurnContext<'_>) -> Box<dyn Translator> {
        let mut translator = ClaudeTranslator::new(Rules::of(context));
        translator.takes_up = context.takes_up.is_some();
        translator.unsaid = command::runs_again(context).then(|| context.prompt());
        Box::new(translator)
    }
}

/// The subagent that something belongs to, named by the tool call that started it; none for the agent itself.
type Owner = Option<String>;

#[derive(Debug, Default)]
struct ClaudeTranslator {
    blocks: Blocks,
    subagents: Subagents,
    conclusion: Conclusion,
    people: People,
    servers: Servers,
    /// The program's own id of the conversation.
    conversation: Option<String>,
    /// Whether it has begun to work.
    works: bool,
    /// Whether its turn has ended.
    rests: bool,
    /// Whether it was to take a conversation up.
    takes_up: bool,
    lost_conversation: bool,
    /// What is said to a program that was to run its last turn again, and has none to run.
    unsaid: Option<String>,
}

impl Translator for ClaudeTranslator {
    fn line(&mut self, line: &str) -> Translation {
        if line.trim().is_empty() {
            return Translation::default();
        }
        let translation = match serde_json::from_str::<Value>(line) {
            Ok(frame) if frame.is_object() => match control::read(&frame) {
                Some(control) => self.control(&frame, control),
                None => self.frame(&frame),
            },
            _ => Translation::of(vec![raw(Value::String(line.to_owned()))]),
        };
        self.put_questions(translation)
    }

    fn finish(&mut self, exit: AgentExit) -> Report {
        self.conclusion.report().unwrap_or_else(|| self.conclusion.without_result(exit))
    }

    fn report(&mut self) -> Report {
        self.conclusion.report().unwrap_or_default()
    }

    fn converses(&self) -> bool {
        true
    }

    /// A request that cannot be read is one that it would wait on without end.
    fn overlong(&mut self, head: &str, length: usize) -> Flow {
        match head.contains(r#""type":"control_request""#) {
            true => Flow::Abort(format!("the agent asked in a line of {length} bytes, which is too long")),
            false => Flow::Continue,
        }
    }

    fn call_off(&mut self) -> Vec<Word> {
        self.people.call_off()
    }

    fn begin(&mut self, _turn: &str) {
        self.people.begin();
    }

    fn answered(&mut self, answers: &[Answer]) -> Translation {
        let mut translation = self.people.answered(answers);
        translation.events.splice(0..0, self.subagents.resume());
        translation
    }

    fn said(&mut self, text: &str) -> Option<Translation> {
        let word = if self.rests { People::open(text) } else { self.people.steer(text) };
        self.rests = false;
        Some(Translation { words: vec![word], ..Translation::default() })
    }

    fn use_model(&mut self, model: &str) -> Option<Vec<Word>> {
        Some(vec![Word::Line(control::set_model(model))])
    }

    fn conversation(&self) -> Option<&str> {
        self.conversation.as_deref()
    }

    fn has_lost_conversation(&self) -> bool {
        self.lost_conversation
    }
}

impl ClaudeTranslator {
    fn new(rules: Rules) -> Self {
        Self { people: People::new(rules), ..Self::default() }
    }

    fn control(&mut self, frame: &Value, control: Control) -> Translation {
        match control {
            // It runs a turn again before it answers, if there is one.
            Control::Ready => match self.unsaid.take().filter(|_| !self.works) {
                Some(text) => Translation { words: vec![People::open(&text)], ..Translation::default() },
                None => Translation::default(),
            },
            Control::Refuses(why) => abort(format!("the agent does not speak its control protocol: {why}")),
            Control::KeepsModel(why) => {
                Translation::of(vec![Event::ignored("the choice of another model", &why)])
            }
            Control::Servers(servers) => Translation::of(self.servers.answered(&servers)),
            Control::Answered => Translation::default(),
            Control::Permission(request) => self.people.permission(request),
            Control::Withdrawn(id) => {
                self.people.withdraw(&id);
                Translation::default()
            }
            Control::Unknown(id) => {
                let words = vec![Word::Line(control::refuse(&id))];
                Translation { words, ..Translation::of(vec![raw(frame.clone())]) }
            }
        }
    }

    fn frame(&mut self, frame: &Value) -> Translation {
        let owner = text(frame, "parent_tool_use_id");
        let mut events = self.subagents.announce(owner.as_deref());
        let mut words = Vec::new();
        match text(frame, "type").as_deref() {
            Some("stream_event") => events.extend(self.blocks.stream_event(&frame["event"], &owner)),
            Some("assistant") => {
                events.extend(messages::assistant(&frame["message"], &owner, &self.blocks));
                words.extend(self.servers.at_work());
            }
            Some("user") if frame["isReplay"] == true => self.people.heard(),
            Some("user") => {
                let results = messages::tool_results(frame, &owner);
                events.extend(results);
                events.extend(self.subagents.tool_results(&frame["message"]));
            }
            Some("system") => return self.system(frame, events),
            Some("result") => return self.result(frame, events),
            _ => events.push(raw(frame.clone())),
        }
        self.subagents.remember_calls(&events);
        Translation { words, ..Translation::of(events) }
    }

    fn result(&mut self, frame: &Value, events: Vec<Event>) -> Translation {
        if self.takes_up && !self.works && frame["is_error"] == true {
            self.lost_conversation = true;
            return abort("the conversation that was to be taken up is not there any more".to_owned());
        }
        self.conclusion.take(frame);
        // Another result follows where a subagent in the background reports later, or something said came too late for
        // this one.
        let is_last = self.subagents.is_idle() && self.people.has_heard_all();
        self.rests = is_last;
        let flow = if is_last { Flow::Concluded } else { Flow::Continue };
        Translation { flow, ..Translation::of(events) }
    }

    fn system(&mut self, frame: &Value, mut events: Vec<Event>) -> Translation {
        match text(frame, "subtype").as_deref() {
            // It repeats that with every turn.
            Some("init") => {
                self.conclusion.set_model(text(frame, "model"));
                self.conversation = text(frame, "session_id").or(self.conversation.take());
                if !std::mem::replace(&mut self.works, true) {
                    events.push(introduction(frame));
                }
                let words = self.servers.introduced(frame).into_iter().collect();
                return Translation { words, ..Translation::of(events) };
            }
            Some("api_retry") => {
                events.push(retry(frame));
                if let Some(reason) = hopeless(frame) {
                    return Translation { events, ..abort(reason) };
                }
            }
            // Which request is under way says nothing that its answer does not.
            Some("status") => {}
            Some("task_started") => self.subagents.task_started(frame),
            Some("task_notification") => events.extend(self.subagents.task_ended(frame)),
            _ => events.push(raw(frame.clone())),
        }
        Translation::of(events)
    }

    /// A question is put when nothing is half said: it ends a turn, and a turn's end leaves nothing open.
    fn put_questions(&mut self, mut translation: Translation) -> Translation {
        if translation.flow == Flow::Continue && self.blocks.are_closed() {
            let subagents = &self.subagents;
            let questions = self.people.put(|call| subagents.owner_of(call));
            if !questions.is_empty() {
                translation.events.extend(self.subagents.suspend(&questions));
                translation.flow = Flow::Asks(questions);
            }
        }
        translation
    }
}

fn abort(reason: String) -> Translation {
    Translation { flow: Flow::Abort(reason), ..Translation::default() }
}

/// A text field; absent, null and empty are the same.
fn text(value: &Value, field: &str) -> Option<String> {
    value.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
