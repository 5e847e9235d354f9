//! What a framework calls its conversation, noted so that another process can take it up.

use crate::state::{StateError, StateFolder};

/// Longest name that is kept; frameworks use UUIDs.
const NAME_LIMIT: usize = 256;

/// The name, as the volume has it.
#[derive(Debug)]
pub(crate) struct ConversationName {
    state: StateFolder,
    known: Option<String>,
}

impl ConversationName {
    pub(crate) fn read(state: StateFolder) -> Result<Self, StateError> {
        let known = state.conversation()?;
        Ok(Self { state, known })
    }

    pub(crate) fn known(&self) -> Option<&str> {
        self.known.as_deref()
    }

    /// Notes what the agent says it is called. Where that fails the run goes on: only a later process misses it.
    pub(crate) fn note(&mut self, name: Option<&str>) {
        let Some(name) = name.filter(|name| self.known() != Some(name)) else { return };
        if !is_name(name) {
            tracing::warn!("the agent gave its conversation a name that cannot be used");
            return;
        }
        self.keep(name);
    }

    /// There is no such conversation any more.
    pub(crate) fn forget(&mut self) {
        self.keep("");
    }

    fn keep(&mut self, name: &str) {
        if let Err(error) = self.state.note_conversation(name) {
            tracing::error!(%error, "the conversation cannot be taken up by another process");
        }
        self.known = Some(name.to_owned()).filter(|name| !name.is_empty());
    }
}

/// It becomes an argument of the agent's program.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=NAME_LIMIT).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_flag_and_no_path() {
        let long = "x".repeat(NAME_LIMIT + 1);
        let cases = [
            ("21c0e6b0-0000-4000-8000-000000000000", true),
            ("3", true),
            ("", false),
            ("--model", false),
            ("../../etc", false),
            ("a b", false),
            (&long, false),
        ];
        for (name, expected) in cases {
            assert_eq!(is_name(name), expected, "{name}");
        }
    }
}
