//! The graph's state as the one that agent and page share.

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use serde_json::Value;

/// Fields that are told in other ways: messages as messages, questions as questions.
const TOLD_OTHERWISE: [&str; 2] = ["messages", "__interrupt__"];

/// The state that was told last.
#[derive(Debug, Default)]
pub(super) struct SharedState(Option<Value>);

impl SharedState {
    /// A snapshot, if there is anything new in it.
    pub(super) fn snapshot(&mut self, mut state: Value) -> Option<Event> {
        if let Some(fields) = state.as_object_mut() {
            TOLD_OTHERWISE.iter().for_each(|name| drop(fields.remove(*name)));
            if fields.is_empty() {
                return None;
            }
        }
        if self.0.as_ref() == Some(&state) {
            return None;
        }
        self.0 = Some(state.clone());
        Some(EventBody::StateSnapshot { snapshot: state, subagent_run_id: None }.into())
    }
}
