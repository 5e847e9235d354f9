//! What a log tells of time and people: how long the agent has worked, and who is waited for, since when.
//!
//! Runner and operator both keep to it, from the same events, so that they never disagree.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::events::{Event, EventBody, Interrupt, RunOutcome};

/// Follows the turns of one log. Times are those of its events, in milliseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attendance {
    /// Milliseconds of all turns that have ended.
    worked: i64,
    /// Since when somebody is at it, or nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// Whether a turn is going on.
    working: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    questions: Vec<Interrupt>,
}

impl Attendance {
    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            EventBody::RunStarted { .. } => {
                self.questions.clear();
                self.working = true;
                self.since = event.timestamp;
            }
            EventBody::RunFinished { outcome: Some(RunOutcome::Interrupt { interrupts }), .. } => {
                self.rest(event.timestamp);
                self.questions.clone_from(interrupts);
            }
            EventBody::RunFinished { .. } | EventBody::RunError { .. } => {
                self.rest(event.timestamp);
                self.questions.clear();
            }
            _ => {}
        }
    }

    fn rest(&mut self, now: Option<i64>) {
        if self.working {
            self.worked += self.of_this_turn(now);
        }
        self.working = false;
        self.since = now.or(self.since);
    }

    fn of_this_turn(&self, now: Option<i64>) -> i64 {
        self.since.zip(now).map_or(0, |(since, now)| (now - since).max(0))
    }

    /// How long the agent has worked up to `now`: from the start of each turn to its end, waits for people left out.
    #[must_use]
    pub fn agent_time(&self, now: i64) -> Duration {
        let running = if self.working { self.of_this_turn(Some(now)) } else { 0 };
        Duration::from_millis(u64::try_from(self.worked + running).unwrap_or_default())
    }

    /// Whether a turn is going on.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.working
    }

    /// The questions that are open.
    #[must_use]
    pub fn questions(&self) -> &[Interrupt] {
        &self.questions
    }

    /// Since when nobody works: the last turn has ended, by an answer, a question or a failure. None while one goes on
    /// and before the first.
    #[must_use]
    pub fn resting_since(&self) -> Option<i64> {
        self.since.filter(|_| !self.working)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::RunAgentInput;

    fn at(event: Event, milliseconds: i64) -> Event {
        Event { timestamp: Some(milliseconds), ..event }
    }

    fn started(time: i64) -> Event {
        at(Event::run_started(RunAgentInput::prompt("t", "r", "hi")), time)
    }

    fn asked(time: i64) -> Event {
        let interrupts = vec![Interrupt::new("q", "tool_call")];
        at(Event::run_finished("t", "r", None, RunOutcome::Interrupt { interrupts }, vec![]), time)
    }

    fn finished(time: i64) -> Event {
        at(Event::run_finished("t", "r", None, RunOutcome::Cancelled, vec![]), time)
    }

    #[test]
    fn only_turns_count_and_only_a_question_waits_for_an_answer() {
        let error = |time| at(Event::run_error("X", "x", vec![]), time);
        // Events; agent time at 1000, number of open questions, resting since.
        let cases: [(Vec<Event>, u64, usize, Option<i64>); 8] = [
            (vec![], 0, 0, None),
            (vec![started(100)], 900, 0, None),
            (vec![started(100), finished(150)], 50, 0, Some(150)),
            (vec![started(100), asked(150)], 50, 1, Some(150)),
            (vec![started(100), asked(150), started(700)], 350, 0, None),
            (vec![started(100), asked(150), started(700), finished(710)], 60, 0, Some(710)),
            (vec![started(100), asked(150), error(800)], 50, 0, Some(800)),
            (vec![started(100), finished(90)], 0, 0, Some(90)),
        ];
        for (events, worked, questions, resting) in cases {
            let mut attendance = Attendance::default();
            events.iter().for_each(|event| attendance.apply(event));
            let found =
                (attendance.agent_time(1000), attendance.questions().len(), attendance.resting_since());
            assert_eq!(found, (Duration::from_millis(worked), questions, resting), "{events:?}");
        }
    }
}
