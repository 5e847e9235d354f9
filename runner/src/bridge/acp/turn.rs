//! One turn as a conversation: our questions follow one another, the agent's come when they come.

use std::collections::BTreeMap;

use ambient_protocol::effective::Approval;
use ambient_protocol::events::EventBody;
use ambient_protocol::registry::ACP;
use ambient_protocol::{Answer, Event};
use serde_json::{Value, json};

use super::conclusion::Conclusion;
use super::messages::{Messages, Voice};
use super::permission::{self, Decision, PermissionRequest};
use super::requests::Services;
use super::rpc::{self, Incoming, RpcError};
use super::setup::{FIRST_REQUEST, Introduction, Setup};
use super::stage::Stage;
use super::tools::Tools;
use super::updates::{Update, block_text};
use crate::bridge::{Failure, Flow, Report, Translation, Translator, Word};
use crate::carrier::AgentExit;

/// Turns the lines of one process into events, and says what the agent is told.
#[derive(Debug)]
pub(super) struct AcpTranslator {
    pub(super) setup: Setup,
    approval: Approval,
    pub(super) services: Services,
    pub(super) stage: Stage,
    /// Id of the question that is not answered yet.
    pub(super) asked: u64,
    pub(super) session: String,
    pub(super) introduction: Introduction,
    plan: String,
    pub(super) messages: Messages,
    pub(super) tools: Tools,
    pub(super) conclusion: Conclusion,
    /// What the session says of its models.
    pub(super) models: Value,
    /// The model that the next turn is to begin with, and what it is to do.
    pub(super) next_model: Option<String>,
    called_off: bool,
    /// The request that waits for a person, and its id.
    held: Option<(Value, PermissionRequest)>,
    /// Names questions: the agent's ids are those of its process.
    turn: String,
    questions: u64,
}

impl Translator for AcpTranslator {
    fn line(&mut self, line: &str) -> Translation {
        if line.trim().is_empty() {
            return Translation::default();
        }
        match rpc::parse(line) {
            Some(Incoming::Request { id, method, params }) => self.request(id, &method, params),
            Some(Incoming::Notification { method, params }) => {
                Translation::of(self.notification(&method, &params))
            }
            Some(Incoming::Answer { id, result }) if id == self.asked && self.stage != Stage::Concluded => {
                self.answered(result)
            }
            Some(Incoming::Answer { .. }) | None => Translation::of(vec![raw_line(line)]),
        }
    }

    fn finish(&mut self, exit: AgentExit) -> Report {
        self.conclusion.report().unwrap_or_else(|| {
            let reason = Failure::no_result(exit).reason;
            let report = Report::failed(reason, format!("the agent ended with {exit} {}", self.stage.when()));
            Report { model: self.conclusion.model.take(), ..report }
        })
    }

    /// In its turn, whenever no tool is at work.
    fn awaits_model(&self) -> bool {
        self.stage == Stage::Working && !self.tools.are_at_work() && !self.services.are_at_work()
    }

    fn converses(&self) -> bool {
        true
    }

    /// Something told may be missing in the log; something asked would be waited for without end.
    fn overlong(&mut self, head: &str, length: usize) -> Flow {
        let head: String = head.chars().filter(|character| !character.is_whitespace()).collect();
        if head.contains(r#""method":"session/update""#) {
            return Flow::Continue;
        }
        Flow::Abort(format!("the agent wrote a line of {length} bytes, which is too long to be answered"))
    }

    fn call_off(&mut self) -> Vec<Word> {
        if self.stage != Stage::Working || self.called_off {
            return Vec::new();
        }
        self.called_off = true;
        let held = self.held.take().map(|(id, request)| {
            let (answer, _) = permission::answer(&request, &Decision::Cancel);
            Word::Line(rpc::answer(&id, Ok(answer)))
        });
        let mut words: Vec<_> = held.into_iter().collect();
        words.push(Word::Line(rpc::notification("session/cancel", &json!({"sessionId": self.session}))));
        words
    }

    fn begin(&mut self, turn: &str) {
        turn.clone_into(&mut self.turn);
        self.plan = format!("{turn}.plan");
        self.messages = Messages::new(turn);
        self.called_off = false;
    }

    fn answered(&mut self, answers: &[Answer]) -> Translation {
        let mut translation = Translation::default();
        // The next request is only heard when this one is answered.
        if let Some((id, request)) = self.held.take() {
            let verdict = permission::verdict(answers.first());
            self.conclusion.was_denied |= matches!(verdict, Decision::Deny(_));
            let (answer, event) = permission::answer(&request, &verdict);
            translation.words.push(Word::Line(rpc::answer(&id, Ok(answer))));
            translation.events.push(event);
        }
        translation
    }

    /// The protocol has no place for what is said while it works.
    fn said(&mut self, text: &str) -> Option<Translation> {
        (self.stage == Stage::Concluded).then(|| self.go_on(text))
    }

    /// The protocol has a place for it between two turns.
    fn use_model(&mut self, model: &str) -> Option<Vec<Word>> {
        let may = self.stage == Stage::Concluded && (self.has_model(model) || self.lets_choose(model));
        may.then(|| {
            self.next_model = Some(model.to_owned());
            Vec::new()
        })
    }

    fn report(&mut self) -> Report {
        self.conclusion.report().unwrap_or_default()
    }

    fn conversation(&self) -> Option<&str> {
        Some(self.session.as_str()).filter(|session| !session.is_empty())
    }

    fn complained(&mut self, complaints: &str) -> Option<Event> {
        self.introduction.issues.told(complaints)
    }

    /// One that ends over it will not do better the next time.
    fn has_lost_conversation(&self) -> bool {
        self.stage == Stage::TakingUp
    }
}

impl AcpTranslator {
    pub(super) fn new(setup: Setup, approval: Approval, services: Services, run: &str) -> Self {
        Self {
            setup,
            approval,
            services,
            stage: Stage::Introducing,
            asked: FIRST_REQUEST,
            session: String::new(),
            introduction: Introduction::default(),
            plan: format!("{run}.plan"),
            messages: Messages::new(run),
            tools: Tools::default(),
            models: Value::Null,
            next_model: None,
            conclusion: Conclusion::default(),
            called_off: false,
            held: None,
            questions: 0,
            turn: run.to_owned(),
        }
    }

    pub(super) fn ask(&mut self, stage: Stage, method: &str, params: &Value) -> Vec<Word> {
        self.stage = stage;
        self.asked += 1;
        vec![Word::Line(rpc::request(self.asked, method, params))]
    }

    fn request(&mut self, id: Value, method: &str, params: Value) -> Translation {
        if method != "session/request_permission" {
            let words = vec![self.services.answer(id, method, params)];
            return Translation { words, ..Translation::default() };
        }
        match serde_json::from_value::<PermissionRequest>(params) {
            Ok(request) => self.permission(&id, request),
            Err(error) => {
                let words = vec![Word::Line(rpc::answer(&id, Err(RpcError::invalid(&error))))];
                Translation { words, ..Translation::default() }
            }
        }
    }

    fn permission(&mut self, id: &Value, request: PermissionRequest) -> Translation {
        let call = request.tool_call.clone();
        let call_id = call.tool_call_id.clone();
        let mut events = self.messages.close();
        events.extend(self.tools.take(call, self.services.terminals()));
        events.extend(self.tools.complete_arguments(&call_id));
        let name = self.tools.name(&call_id).map(str::to_owned);
        match permission::decide(&self.approval, name.as_deref(), self.called_off) {
            Some(decision) => {
                let (answer, event) = permission::answer(&request, &decision);
                events.push(event);
                let words = vec![Word::Line(rpc::answer(id, Ok(answer)))];
                Translation { words, ..Translation::of(events) }
            }
            None => {
                events.extend(self.tools.complete_all_arguments());
                self.questions += 1;
                let asked = format!("{}.question-{}", self.turn, self.questions);
                let question = permission::question(&asked, &request, name.as_deref());
                self.held = Some((id.clone(), request));
                Translation { flow: Flow::Asks(vec![question]), ..Translation::of(events) }
            }
        }
    }

    fn notification(&mut self, method: &str, params: &Value) -> Vec<Event> {
        let update = params.get("update").filter(|_| method == "session/update");
        match update.and_then(|update| serde_json::from_value(update.clone()).ok()) {
            // It tells what was before: the log has that.
            Some(Update::Usage { cost }) if self.stage == Stage::TakingUp => {
                cost.iter().for_each(|cost| self.conclusion.take_earlier_cost(cost));
                Vec::new()
            }
            _ if self.stage == Stage::TakingUp && update.is_some() => Vec::new(),
            Some(update) => self.update(update),
            None => vec![raw(json!({"method": method, "params": params}))],
        }
    }

    fn update(&mut self, update: Update) -> Vec<Event> {
        match update {
            Update::AgentMessageChunk { content, message_id } => {
                self.chunk(Voice::Says, message_id, &content)
            }
            Update::AgentThoughtChunk { content, message_id } => {
                self.chunk(Voice::Thinks, message_id, &content)
            }
            Update::ToolCall(call) | Update::ToolCallChange(call) => {
                let mut events = self.messages.close();
                events.extend(self.tools.take(call, self.services.terminals()));
                events
            }
            Update::Plan { entries } => vec![self.plan(entries)],
            Update::Usage { cost } => {
                cost.iter().for_each(|cost| self.conclusion.take_cost(cost));
                Vec::new()
            }
            // The log has what was asked, and nobody types commands or chooses settings here.
            Update::UserMessageChunk {} | Update::AvailableCommands {} | Update::Settings {} => Vec::new(),
        }
    }

    fn chunk(&mut self, voice: Voice, message: Option<String>, content: &Value) -> Vec<Event> {
        match block_text(content) {
            Some(text) => self.messages.piece(voice, message, text),
            None => vec![raw(content.clone())],
        }
    }

    fn plan(&self, entries: Vec<Value>) -> Event {
        EventBody::ActivitySnapshot {
            message_id: self.plan.clone(),
            activity_type: "PLAN".to_owned(),
            content: BTreeMap::from([("entries".to_owned(), entries.into())]),
            replace: Some(true),
            subagent_run_id: None,
        }
        .into()
    }
}

fn raw_line(line: &str) -> Event {
    raw(serde_json::from_str(line).unwrap_or_else(|_| line.into()))
}

fn raw(event: Value) -> Event {
    EventBody::Raw { event, source: Some(ACP.to_owned()), subagent_run_id: None }.into()
}
