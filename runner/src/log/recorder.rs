//! What stands before the log: redaction, then the verifier, then one line.

use ambient_protocol::events::EventBody;
use ambient_protocol::{Event, Verifier};
use ambient_redaction::Redactor;

use super::facts::Facts;
use super::redaction::EventRedaction;
use super::{EventLog, LogError};
use crate::clock;

/// Bytes of a log to which an agent may still add. Readers, records and the outcome's digest go through all of it, and it
/// shares the run's volume with the workspace.
const MOST: u64 = 1024 * 1024 * 1024;

/// Stores the events of a run, and knows of the log what an outcome has to say.
#[derive(Debug)]
pub(crate) struct Recorder {
    log: EventLog,
    redaction: EventRedaction,
    verifier: Verifier,
    facts: Facts,
    most: u64,
}

impl Recorder {
    /// Opens the log at `path` and takes up where it ends.
    pub(crate) fn open(path: &std::path::Path, redactor: Redactor) -> Result<Self, LogError> {
        let mut redaction = EventRedaction::new(redactor);
        let (mut verifier, mut facts) = (Verifier::default(), Facts::default());
        let log = EventLog::open(path, |line| {
            redaction.count(markers(line));
            match Event::parse(line) {
                Ok(event) => {
                    facts.note(&event);
                    if let Err(violation) = verifier.accept(&event) {
                        tracing::warn!(%violation, "the event log breaks a rule of its protocol");
                    }
                }
                Err(error) => tracing::warn!(%error, "the event log has an unreadable line"),
            }
        })?;
        Ok(Self { log, redaction, verifier, facts, most: MOST })
    }

    /// The same with another bound.
    #[cfg(test)]
    pub(crate) fn bounded(self, most: u64) -> Self {
        Self { most, ..self }
    }

    /// Whether an agent has said as much as it may. What the platform has to say still goes in.
    pub(crate) fn check_room(&self) -> Result<(), LogError> {
        if self.log.progress().bytes < self.most { Ok(()) } else { Err(LogError::Full(self.most)) }
    }

    pub(crate) fn log(&self) -> &EventLog {
        &self.log
    }

    /// Stores an event. One that breaks the protocol's rules is kept as `RAW`, so that nothing is lost and every
    /// client can still read on.
    pub(crate) fn record(&mut self, event: Event) -> Result<(), LogError> {
        for event in self.redaction.apply(event) {
            self.store(event)?;
        }
        Ok(())
    }

    /// Ends everything that is still open, innermost first.
    pub(crate) fn close_open(&mut self) -> Result<(), LogError> {
        for event in self.redaction.finish_all() {
            self.store(event)?;
        }
        for event in self.verifier.closing_events() {
            self.store(event)?;
        }
        Ok(())
    }

    /// Whether a turn has begun and not ended.
    pub(crate) fn is_active(&self) -> bool {
        self.verifier.is_active()
    }

    /// What the log says of the run so far.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Secrets removed so far.
    pub(crate) fn redactions(&self) -> u64 {
        self.redaction.removed()
    }

    /// A text without secrets.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redaction.redactor().redact(text).text.into_owned()
    }

    fn store(&mut self, event: Event) -> Result<(), LogError> {
        let event = if event.timestamp.is_some() { event } else { event.at(clock::now()) };
        let event = match self.verifier.accept(&event) {
            Ok(()) => event,
            Err(violation) => {
                tracing::warn!(%violation, event.kind = event.body.kind(), "an event breaks the protocol's rules");
                if !self.verifier.is_active() {
                    return Ok(());
                }
                refused(&event, &violation.to_string())
            }
        };
        self.log.append(&event)?;
        self.facts.note(&event);
        Ok(())
    }
}

fn refused(event: &Event, violation: &str) -> Event {
    let value = serde_json::json!({ "refused": violation, "event": event });
    let mut raw: Event =
        EventBody::Raw { event: value, source: Some("ambient-runner".to_owned()), subagent_run_id: None }
            .into();
    raw.timestamp = event.timestamp;
    raw
}

/// Markers of the redactor in a stored line: the count of removed secrets is not stored itself.
fn markers(line: &str) -> u64 {
    u64::try_from(line.matches("[redacted]").count() + line.matches("[redacted:").count()).unwrap_or(u64::MAX)
}
