//! What to do to a shown conversation so that it shows the next one: pure, and small for the usual case of a text that
//! grows.

use ambient_protocol::conversation::{Conversation, Entry};
use askama::Template as _;

use super::Change;
use crate::pages::parts::EntryPart;
use crate::view::conversation::EntryView;

/// The entries that a page shows, as they came and as they are shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    entries: Vec<(Entry, EntryView)>,
}

impl Shown {
    /// What a page that was rendered for this conversation shows.
    pub(super) fn of(conversation: &Conversation) -> Self {
        let entries = conversation.entries.iter().map(|entry| (entry.clone(), EntryView::new(entry)));
        Self { entries: entries.collect() }
    }

    /// Shows the next conversation, and tells what changes for that.
    ///
    /// # Errors
    /// Fails where a template cannot be rendered.
    pub(super) fn update(&mut self, conversation: &Conversation) -> Result<Vec<Change>, askama::Error> {
        let mut changes = Vec::new();
        if conversation.entries.len() < self.entries.len() {
            self.entries.clear();
            changes.push(Change::Clear);
        }
        for (index, entry) in conversation.entries.iter().enumerate() {
            match self.entries.get_mut(index) {
                Some((known, _)) if known == entry => {}
                Some(shown) => {
                    let view = EntryView::new(entry);
                    changes.extend(change(index, &shown.1, &view)?);
                    *shown = (entry.clone(), view);
                }
                None => {
                    let view = EntryView::new(entry);
                    changes.push(Change::Add { html: EntryPart { index, entry: &view }.render()? });
                    self.entries.push((entry.clone(), view));
                }
            }
        }
        Ok(changes)
    }
}

fn change(index: usize, old: &EntryView, new: &EntryView) -> Result<Option<Change>, askama::Error> {
    if old == new {
        return Ok(None);
    }
    if let Some(text) = grown(old, new) {
        return Ok(Some(Change::Text { id: format!("e{index}-text"), text }));
    }
    let html = EntryPart { index, entry: new }.render()?;
    Ok(Some(Change::Put { id: format!("e{index}"), html }))
}

/// The text by which an entry grew, if nothing else of it changed. One that was empty is rendered whole: it was hidden.
fn grown(old: &EntryView, new: &EntryView) -> Option<String> {
    let (before, after) = (old.growing()?, new.growing()?);
    let more = after.strip_prefix(before).filter(|_| !before.is_empty())?;
    (old.clone().with_growing(after) == *new).then(|| more.to_owned())
}

#[cfg(test)]
mod tests {
    use ambient_protocol::events::{Event, EventBody};

    use super::*;

    /// The kinds of changes, with ids and texts, that each event causes.
    fn kinds(events: &[Event]) -> Vec<String> {
        let (mut shown, mut conversation) = (Shown::default(), Conversation::default());
        let mut kinds = Vec::new();
        for event in events {
            conversation.apply(event);
            kinds.extend(shown.update(&conversation).unwrap().into_iter().map(|change| match change {
                Change::Add { .. } => "add".to_owned(),
                Change::Put { id, .. } => format!("put {id}"),
                Change::Text { id, text } => format!("text {id} {text}"),
                Change::Clear => "clear".to_owned(),
            }));
        }
        kinds
    }

    #[test]
    fn a_growing_text_is_sent_as_what_it_grew_by() {
        let found = kinds(&[
            Event::text_start("m"),
            Event::text_content("m", "I "),
            Event::text_content("m", "will"),
            Event::text_content("m", "\u{1b}[1m!"),
            Event::text_end("m"),
        ]);
        assert_eq!(found, ["add", "put e0", "text e0-text will", "text e0-text !", "put e0"]);
    }

    #[test]
    fn a_tool_call_grows_and_is_then_put_whole() {
        let found = kinds(&[
            Event::tool_start("c", "Write", None),
            Event::tool_args("c", "{\"a\":"),
            Event::tool_args("c", "1}"),
            Event::tool_end("c"),
            Event::tool_result("m", "c", "done"),
        ]);
        assert_eq!(found, ["add", "put e0", "text e0-text 1}", "put e0", "put e0"]);
    }

    #[test]
    fn a_snapshot_with_fewer_entries_starts_anew() {
        let snapshot: Event = EventBody::MessagesSnapshot { messages: Vec::new() }.into();
        assert_eq!(
            kinds(&[Event::text_start("m"), snapshot, Event::text_start("n")]),
            ["add", "clear", "add"]
        );
    }

    #[test]
    fn what_an_agent_says_is_escaped_wherever_it_is_rendered() {
        let mut conversation = Conversation::default();
        conversation.apply(&Event::text_start("m"));
        conversation.apply(&Event::text_content("m", "<script>alert(1)</script>"));
        let changes = Shown::default().update(&conversation).unwrap();
        let [Change::Add { html }] = changes.as_slice() else { panic!("{changes:?}") };
        assert!(!html.contains("<script") && html.contains("&#60;script&#62;"), "{html}");
    }
}
