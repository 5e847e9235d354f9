//! The model in force: the session's, until a person chooses another for what is left of the run.

use ambient_protocol::Event;
use ambient_protocol::input::ModelChoice;
use ambient_protocol::models::ModelTable;
use serde_json::json;

use super::RunnerError;
use super::attempt::Attempt;
use crate::lending::name_asked_for;
use crate::log::MODEL_EVENT;
use crate::orders::Unwanted;
use crate::state::{StateError, StateFolder};
use crate::turn::Agent;

/// Longest name of a model.
const NAME_LIMIT: usize = 256;

/// The model that was chosen, as the volume has it.
#[derive(Debug)]
pub(super) struct ChosenModel {
    state: StateFolder,
    chosen: Option<ModelChoice>,
}

impl ChosenModel {
    pub(super) fn read(state: StateFolder) -> Result<Self, StateError> {
        let chosen = state.chosen_model()?;
        Ok(Self { state, chosen })
    }

    /// Its name, where one was chosen.
    pub(super) fn name(&self) -> Option<&str> {
        self.chosen.as_ref().map(|chosen| chosen.model.as_str())
    }

    fn keep(&mut self, chosen: ModelChoice) -> Result<(), StateError> {
        self.state.note_chosen_model(&chosen)?;
        self.chosen = Some(chosen);
        Ok(())
    }
}

impl Attempt {
    /// Has the agent work with another model from its next turn on at the latest, in this attempt and those after it.
    pub(super) fn use_model(
        &mut self,
        model: &str,
        by: &str,
        agent: Option<&mut Agent>,
    ) -> Result<Result<(), Unwanted>, RunnerError> {
        if let Err(unwanted) = self.check_model(model) {
            return Ok(Err(unwanted));
        }
        let model = name_asked_for(&self.config, model);
        if agent.is_some_and(|agent| !agent.use_model(&model)) {
            let works = self.recorder.is_active();
            return Ok(Err(if works { Unwanted::Deaf } else { Unwanted::ModelFixed }));
        }
        self.model.keep(ModelChoice { model, by: Some(by.to_owned()) })?;
        Ok(Ok(()))
    }

    /// Says in the log, within a turn, which model is in force, unless it has been said.
    pub(super) fn record_model(&mut self) -> Result<(), RunnerError> {
        let told = self.recorder.facts().chosen_model();
        let Some(chosen) = self.model.chosen.as_ref().filter(|chosen| told != Some(chosen.model.as_str()))
        else {
            return Ok(());
        };
        let event = Event::custom(MODEL_EVENT, json!({"model": chosen.model, "by": chosen.by}));
        Ok(self.recorder.record(event)?)
    }

    fn check_model(&self, model: &str) -> Result<(), Unwanted> {
        if !self.bridge.changes_model() {
            Err(Unwanted::ModelFixed)
        } else if !is_name(model) {
            Err(Unwanted::NoModelName)
        } else if let allowed = &self.config.session.allowed.models
            && !ModelTable::built_in().allows(allowed, model)
        {
            Err(Unwanted::ModelNotAllowed(allowed.join(", ")))
        } else {
            Ok(())
        }
    }
}

/// It becomes an argument of the agent's program, and part of a request's path.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@[]".contains(&byte);
    (1..=NAME_LIMIT).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with(['-', '/'])
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_s_name_is_no_flag_and_no_path() {
        let long = "x".repeat(NAME_LIMIT + 1);
        let cases = [
            ("claude-opus-5-5", true),
            ("claude-opus-4-6[1m]", true),
            ("claude-sonnet-4-6@20260101", true),
            ("vendor/model:free", true),
            ("", false),
            ("--model", false),
            ("../x", false),
            ("/x", false),
            ("a b", false),
            ("a\nb", false),
            (&long, false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_name(name), expected, "{name}");
        }
    }
}
