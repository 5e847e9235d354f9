//! How an agent's process comes into a run: with its conversation taken up, told again, or begun.

use std::io;
use std::time::Duration;

use ambient_protocol::outcome::ExitReason;

use super::attempt::Attempt;
use super::confinement::confined;
use super::openings::Begun;
use crate::bridge::{TakenUp, TurnContext};
use crate::log::Next;
use crate::retelling::{Listener, Retelling, retold};
use crate::turn::{Agent, Job, TurnEnd};
use crate::workspace::WorkspaceRecord;

impl Attempt {
    /// Starts an agent for a turn that has begun.
    pub(super) async fn start(&mut self, turn: &Begun, record: &WorkspaceRecord) -> Result<Agent, TurnEnd> {
        let retelling = self.retelling(turn).await.map_err(|error| not_started(&error))?;
        let name = self.conversation.known().filter(|_| turn.goes_on).map(str::to_owned);
        if retelling.is_some() && name.is_none() {
            self.recorder.record(retold(self.why_retold(turn))).map_err(|error| not_started(&error))?;
        }
        let home = self.config.agent_home.clone().unwrap_or_else(|| self.state.agent_home());
        let mark = self.mark();
        let context = TurnContext {
            session: &self.config.session,
            input: &turn.input,
            environment: &self.config.agent_environment,
            workspace: &self.config.workspace,
            home: &home,
            record,
            executable: &self.config.executable,
            mark: &mark,
            is_other_user: self.config.agent_socket.is_some(),
            model: self.model.name().or(self.config.session.model.name.as_deref()),
            takes_up: name.as_deref().map(|name| TakenUp { name, cut_off: turn.runs_again }),
            retelling: retelling.as_ref(),
            spent: self.recorder.facts().usage(),
            confinement: None,
        };
        let command = self.bridge.command(&context);
        let confinement = self.confinement(&command, &home).map_err(|error| not_started(&error))?;
        let context = TurnContext { confinement: confinement.as_ref(), ..context };
        let command = confined(command, confinement.as_ref()).map_err(|error| not_started(&error))?;
        Agent::start(Job {
            carrier: &*self.carrier,
            command: &command,
            mark: &mark,
            translator: self.bridge.translator(&context),
            watchdogs: self.config.watchdogs,
            stop: self.desk.stop(),
            redactor: &self.config.redactor,
        })
        .await
    }

    fn why_retold(&self, turn: &Begun) -> &'static str {
        match self.bridge.capabilities().session_persistence {
            _ if turn.is_lost => "the framework has it no more",
            true => "the framework had not named it when it was cut off",
            false => "the framework cannot take conversations up",
        }
    }

    /// What was said and done before a turn, as the log has it, where the turn goes on with it.
    async fn retelling(&self, turn: &Begun) -> io::Result<Option<Retelling>> {
        if !turn.goes_on || turn.after == 0 {
            return Ok(None);
        }
        let mut listener = Listener::default();
        let mut reader = self.recorder.log().read_after(0).await?;
        // What is committed is read without waiting.
        while let Next::Lines(lines) = reader.next(Duration::ZERO).await? {
            let before = lines.iter().take_while(|(number, _)| *number <= turn.after);
            before.for_each(|(_, line)| listener.hear(line));
            if lines.last().is_some_and(|(number, _)| *number >= turn.after) {
                break;
            }
        }
        Ok(listener.retelling())
    }
}

fn not_started(error: &impl ToString) -> TurnEnd {
    TurnEnd::failed(ExitReason::AgentNotStarted, error.to_string())
}
