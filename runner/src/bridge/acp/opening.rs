//! From one answer of the agent to the next question: introduction, session, model, prompt, result.

use ambient_protocol::Event;
use ambient_protocol::environment::ACP_AUTH_METHOD;
use serde_json::{Value, json};

use super::rpc::RpcError;
use super::setup::{FIRST_REQUEST, Introduction, VERSION, choose_model, current_model, models_of};
use super::stage::Stage;
use super::turn::AcpTranslator;
use crate::bridge::mcp::McpServer;
use crate::bridge::{Flow, Translation};
use crate::retelling::{retold, taken_up};

impl AcpTranslator {
    /// Takes the answer to the question that was asked last.
    pub(super) fn answered(&mut self, result: Result<Value, RpcError>) -> Translation {
        match (self.stage, result) {
            (Stage::Introducing, Ok(result)) => self.introduced(&result),
            (Stage::Authenticating, Ok(_)) => self.open_session(),
            (Stage::OpeningSession, Ok(opened)) => self.opened(&opened),
            (Stage::TakingUp, Ok(result)) => self.taken_up(&result),
            (Stage::OpeningSession | Stage::TakingUp, Err(error)) if error.wants_authentication() => {
                self.authenticate(&error)
            }
            (Stage::TakingUp, Err(error)) => {
                self.open_another(&format!("the agent refused to take it up: {error}"))
            }
            (Stage::ChoosingModel, Ok(_)) => {
                self.conclusion.model = self.next_model.take().or_else(|| self.setup.model.clone());
                self.prompt()
            }
            (Stage::Working | Stage::Concluded, result) => {
                self.conclusion.take(result);
                self.stage = Stage::Concluded;
                Translation { events: self.messages.close(), flow: Flow::Concluded, words: Vec::new() }
            }
            (Stage::ChoosingModel, Err(error)) if self.next_model.is_some() => self.keep_model(&error),
            (stage, Err(error)) => abort(format!("the agent refused {}: {error}", self.subject(stage))),
        }
    }

    fn subject(&self, stage: Stage) -> String {
        match stage {
            Stage::Introducing => "to speak the Agent Client Protocol".to_owned(),
            Stage::Authenticating => {
                let method = self.setup.auth_method.as_deref().unwrap_or_default();
                format!("to authenticate by \"{method}\" ({ACP_AUTH_METHOD})")
            }
            Stage::ChoosingModel => {
                format!("the model \"{}\"", self.setup.model.as_deref().unwrap_or_default())
            }
            _ => "to open a session".to_owned(),
        }
    }

    fn introduced(&mut self, result: &Value) -> Translation {
        self.introduction = Introduction::read(result);
        let version = &self.introduction.version;
        if *version != VERSION {
            let message = format!("the agent speaks version {version} of the Agent Client Protocol");
            return abort(format!("{message}; this runner speaks version {VERSION}"));
        }
        let info = &self.introduction.agent;
        let value = json!({"program": info["name"], "version": info["version"], "protocolVersion": VERSION});
        let mut events = vec![Event::custom("ambient.agent", value)];
        let unreached = self.setup.servers.iter().filter(|server| !self.introduction.reaches(server));
        events.extend(unreached.map(unreachable_server));
        let opening = self.open_session();
        events.extend(opening.events);
        Translation { events, ..opening }
    }

    fn open_session(&mut self) -> Translation {
        let servers = self.setup.servers.iter().filter(|server| self.introduction.reaches(server));
        let servers: Vec<_> = servers.map(McpServer::for_acp).collect();
        let mut params = json!({"cwd": self.setup.directory, "mcpServers": servers});
        let words = match (&self.setup.takes_up, self.introduction.taking_up) {
            (None, _) => self.ask(Stage::OpeningSession, "session/new", &params),
            (Some(earlier), Some(method)) => {
                params["sessionId"] = earlier.session.as_str().into();
                self.ask(Stage::TakingUp, method, &params)
            }
            (Some(_), None) => return self.open_another("the agent cannot take sessions up"),
        };
        Translation { words, ..Translation::default() }
    }

    /// A session that knows nothing, in place of the one that was to be taken up.
    fn open_another(&mut self, why: &str) -> Translation {
        self.setup.takes_up = None;
        let Translation { words, .. } = self.open_session();
        Translation { words, ..Translation::of(vec![retold(why)]) }
    }

    fn taken_up(&mut self, opened: &Value) -> Translation {
        let Some(earlier) = self.setup.takes_up.take() else { return Translation::default() };
        self.setup.prompt = earlier.prompt;
        self.conclusion.take_up(earlier.spent_usd);
        let events = vec![taken_up(&earlier.session)];
        let mut translation = self.work_in(earlier.session, opened);
        translation.events.splice(0..0, events);
        translation
    }

    fn authenticate(&mut self, error: &RpcError) -> Translation {
        // Taken: what is refused twice is not asked for a third time.
        match self.setup.auth_method.clone() {
            Some(method) if self.asked == FIRST_REQUEST + 1 => {
                let credentials = self.introduction.credentials(&method, &self.setup.gateways);
                let words = self.ask(Stage::Authenticating, "authenticate", &credentials);
                Translation { words, ..Translation::default() }
            }
            _ => {
                let methods = self.introduction.ways().join(", ");
                abort(format!(
                    "the agent wants to be authenticated: {error}; the session's variable {ACP_AUTH_METHOD} chooses \
                     the way, one of: {methods}"
                ))
            }
        }
    }

    fn opened(&mut self, opened: &Value) -> Translation {
        let Some(session) = opened["sessionId"].as_str() else {
            return abort("the agent opened a session without an id".to_owned());
        };
        self.work_in(session.to_owned(), opened)
    }

    fn work_in(&mut self, session: String, opened: &Value) -> Translation {
        self.session = session;
        self.models = models_of(opened);
        self.conclusion.model = current_model(opened);
        let Some(model) = self.setup.model.clone() else { return self.prompt() };
        match choose_model(opened, &self.session, &model) {
            Some((method, params)) => {
                let words = self.ask(Stage::ChoosingModel, method, &params);
                Translation { words, ..Translation::default() }
            }
            None => {
                let has_it = self.conclusion.model.as_ref() == Some(&model);
                let why = "the agent lets no client choose one";
                let ignored = (!has_it).then(|| Event::ignored(&format!("model {model}"), why));
                Translation { events: ignored.into_iter().collect(), ..self.prompt() }
            }
        }
    }

    /// Asks for what a further turn is to do, by another model where one was chosen.
    pub(super) fn go_on(&mut self, text: &str) -> Translation {
        self.tools.begin_turn();
        let model = self.next_model.take().filter(|model| !self.has_model(model));
        let chosen = model.and_then(|model| {
            let (method, params) = choose_model(&self.models, &self.session, &model)?;
            self.next_model = Some(model);
            Some((method, params))
        });
        let Some((method, params)) = chosen else { return self.ask_for(text) };
        text.clone_into(&mut self.setup.prompt);
        let words = self.ask(Stage::ChoosingModel, method, &params);
        Translation { words, ..Translation::default() }
    }

    /// Whether a session has that model by now.
    pub(super) fn has_model(&self, model: &str) -> bool {
        self.conclusion.model.as_deref() == Some(model)
    }

    pub(super) fn lets_choose(&self, model: &str) -> bool {
        choose_model(&self.models, &self.session, model).is_some()
    }

    /// The agent will not have the model that was chosen in the middle of a run: it goes on with the one that it has.
    fn keep_model(&mut self, error: &RpcError) -> Translation {
        let what = format!("model {}", self.next_model.take().unwrap_or_default());
        let ignored = Event::ignored(&what, &format!("the agent refused it: {error}"));
        let mut translation = self.prompt();
        translation.events.insert(0, ignored);
        translation
    }

    fn prompt(&mut self) -> Translation {
        let prompt = self.setup.prompt.clone();
        self.ask_for(&prompt)
    }

    /// Asks for what a turn is to do.
    pub(super) fn ask_for(&mut self, text: &str) -> Translation {
        let prompt = json!([{"type": "text", "text": text}]);
        let params = json!({"sessionId": self.session, "prompt": prompt});
        let words = self.ask(Stage::Working, "session/prompt", &params);
        Translation { words, ..Translation::default() }
    }
}

fn abort(reason: String) -> Translation {
    Translation { flow: Flow::Abort(reason), ..Translation::default() }
}

fn unreachable_server(server: &McpServer) -> Event {
    let why = format!("the agent reaches no MCP servers by {}", server.transport);
    Event::ignored(&format!("MCP server {}", server.name), &why)
}
