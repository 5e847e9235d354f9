//! Redaction of events (rule 23), before verifier and log.
//!
//! Text comes in pieces, and a key may lie across two of them: the pieces of one message, tool call or reasoning pass
//! through one stream of the redactor, which keeps back what may still become a secret until the next piece or the end.
//! All else is redacted as whole JSON values, ids by themselves: agents choose them, and what belongs together must stay so.

use std::collections::BTreeMap;

use ambient_protocol::Event;
use ambient_protocol::events::EventBody;
use ambient_redaction::{Redactor, Stream};
use serde_json::Value;

use super::ids::Ids;
use super::pieces::{Piece, continued, delta, ended, is_first_chunk};

/// Redacts the events of one run.
#[derive(Debug)]
pub(super) struct EventRedaction {
    redactor: Redactor,
    ids: Ids,
    open: BTreeMap<Piece, Open>,
    removed: u64,
}

#[derive(Debug)]
struct Open {
    stream: Stream,
    /// The last event of this text; a rest kept back is sent as one more of its kind.
    last: Event,
    /// Chunk events have no end: theirs is the next event of any other text.
    chunk: bool,
}

impl EventRedaction {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, ids: Ids::default(), open: BTreeMap::new(), removed: 0 }
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// How many secrets have been removed.
    pub(super) fn removed(&self) -> u64 {
        self.removed
    }

    /// Counts secrets removed elsewhere, for instance before a restart.
    pub(super) fn count(&mut self, removed: u64) {
        self.removed += removed;
    }

    /// Gives the events to store in place of this one: none while all its text is kept back, more where a rest has to
    /// come first.
    pub(super) fn apply(&mut self, event: Event) -> Vec<Event> {
        let event = self.beside_text(event);
        let continued = continued(&event.body);
        let mut events = self.finish_chunks(continued.as_ref().map(|(piece, _)| piece));
        if let Some((piece, chunk)) = continued {
            events.extend(self.push(piece, chunk, event));
            return events;
        }
        if let Some(piece) = ended(&event.body) {
            events.extend(self.finish(&piece));
        } else if event.ends_run() {
            events.extend(self.finish_all());
        }
        events.push(event);
        events
    }

    /// Gives the rests of all texts that have not ended.
    pub(super) fn finish_all(&mut self) -> Vec<Event> {
        let pieces: Vec<_> = self.open.keys().cloned().collect();
        pieces.iter().filter_map(|piece| self.finish(piece)).collect()
    }

    fn push(&mut self, piece: Piece, chunk: bool, mut event: Event) -> Option<Event> {
        let stream = self.redactor.stream();
        let open = self.open.entry(piece).or_insert_with(|| Open { stream, last: event.clone(), chunk });
        let delta = delta(&mut event.body)?;
        *delta = open.stream.push(delta);
        let nothing = delta.is_empty();
        open.last = event.clone();
        (!nothing || is_first_chunk(&event.body)).then_some(event)
    }

    fn finish(&mut self, piece: &Piece) -> Option<Event> {
        let open = self.open.remove(piece)?;
        let (rest, counts) = open.stream.finish();
        self.removed += counts.total();
        let mut event = open.last;
        *delta(&mut event.body)? = rest;
        let has_text = delta(&mut event.body).is_some_and(|delta| !delta.is_empty());
        has_text.then_some(event)
    }

    fn finish_chunks(&mut self, except: Option<&Piece>) -> Vec<Event> {
        let is_over = |(piece, open): &(&Piece, &Open)| open.chunk && Some(*piece) != except;
        let pieces: Vec<_> = self.open.iter().filter(is_over).map(|(piece, _)| piece.clone()).collect();
        pieces.iter().filter_map(|piece| self.finish(piece)).collect()
    }

    /// The event with all redacted but the text that a stream redacts.
    fn beside_text(&mut self, mut event: Event) -> Event {
        if continued(&event.body).is_none() {
            return self.whole(event);
        }
        // What the framework sent would repeat the text beside the redaction.
        event.raw_event = None;
        let text = delta(&mut event.body).map(std::mem::take).unwrap_or_default();
        let mut event = self.whole(event);
        if let Some(delta) = delta(&mut event.body) {
            *delta = text;
        } else if let EventBody::Raw { event: value, .. } = &mut event.body {
            value["delta"] = self.redactor.redact(&text).text.into();
        }
        event
    }

    /// The event's type is no secret, and all other strings may be one.
    fn whole(&mut self, event: Event) -> Event {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(&event) else { return event };
        let kind = fields.remove("type");
        let mut value = Value::Object(fields);
        let mut counts = self.ids.redact(&mut value, &self.redactor);
        counts.merge(&self.redactor.redact_json(&mut value));
        if counts.total() == 0 {
            return event;
        }
        self.removed += counts.total();
        if let (Value::Object(fields), Some(kind)) = (&mut value, kind) {
            fields.insert("type".to_owned(), kind);
        }
        serde_json::from_value(value.clone()).unwrap_or_else(|_| {
            // A redacted field of a fixed set of words: the event can no longer be what it was.
            EventBody::Raw { event: value, source: Some("redaction".to_owned()), subagent_run_id: None }
                .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use ambient_redaction::Secret;

    use super::*;

    const SECRET: &str = "planted-secret-0123456789";

    fn redaction() -> EventRedaction {
        EventRedaction::new(Redactor::new([Secret::new(SECRET)]))
    }

    fn all(events: impl IntoIterator<Item = Event>) -> (String, u64) {
        let mut redaction = redaction();
        let lines: Vec<_> = events
            .into_iter()
            .flat_map(|event| redaction.apply(event))
            .map(|event| event.to_json())
            .collect();
        (lines.join("\n"), redaction.removed())
    }

    #[test]
    fn a_key_split_anywhere_over_pieces_is_found() {
        let text = format!("before {SECRET} after");
        for cut in 1..text.len() {
            let (one, two) = text.split_at(cut);
            let (log, removed) = all([
                Event::text_start("m"),
                Event::text_content("m", one),
                Event::text_content("m", two),
                Event::text_end("m"),
            ]);
            assert_eq!(removed, 1, "cut {cut}: {log}");
            let mut conversation = ambient_protocol::Conversation::default();
            log.lines().for_each(|line| conversation.apply_line(line));
            assert_eq!(conversation.last_text(), Some("before [redacted] after"), "cut {cut}");
        }
    }

    #[test]
    fn two_texts_at_once_do_not_mix() {
        let (one, two) = SECRET.split_at(9);
        let (log, removed) = all([
            Event::text_start("m"),
            Event::tool_start("c", "Write", None),
            Event::text_content("m", one),
            Event::tool_args("c", "{\"a\":1}"),
            Event::text_content("m", two),
            Event::tool_end("c"),
            Event::text_end("m"),
        ]);
        assert!(!log.contains(SECRET) && removed == 1 && log.contains("{\\\"a\\\":1}"), "{log}");
    }

    #[test]
    fn ids_are_redacted_and_what_belongs_together_stays_so() {
        let other = format!("{SECRET}-2");
        let (log, removed) = all([
            Event::run_started(ambient_protocol::RunAgentInput::prompt("t", "r", "x")),
            Event::text_start("m"),
            Event::tool_start(SECRET, "Write", Some(SECRET.to_owned())),
            Event::tool_start(&other, SECRET, None),
            Event::tool_args(SECRET, "{\"a\":"),
            Event::tool_args(&other, "{}"),
            Event::tool_args(SECRET, "1}"),
            Event::tool_end(SECRET),
            Event::tool_end(&other),
            Event::tool_result("r", SECRET, "made"),
            Event::text_end("m"),
        ]);
        assert!(!log.contains(SECRET) && removed == 10, "{removed}: {log}");
        let mut verifier = ambient_protocol::Verifier::default();
        log.lines().for_each(|line| verifier.accept(&Event::parse(line).unwrap()).unwrap());
        assert!(verifier.closing_events().is_empty(), "{log}");
    }

    #[test]
    fn results_raw_events_and_errors_are_redacted_whole() {
        let raw = serde_json::json!({"deep": [{"text": SECRET}]});
        let (log, removed) = all([
            Event::tool_result("m", "c", SECRET),
            EventBody::Raw { event: raw, source: None, subagent_run_id: None }.into(),
            Event::run_error("AgentFailed", &format!("exit 1: {SECRET}"), vec![]),
        ]);
        assert!(!log.contains(SECRET) && removed == 3, "{log}");
    }

    #[test]
    fn a_text_that_never_ended_gives_its_rest_at_the_end_of_the_run() {
        let (log, _) = all([Event::text_content("m", "sk-an"), Event::run_error("X", "x", vec![])]);
        assert!(log.contains("sk-an"), "{log}");
    }
}
