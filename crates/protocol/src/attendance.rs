//! What a log tells of time and people: how long the agent has worked, and who is waited for, since when.
//!
//! Runner and operator both keep to it, from the same events, so that they never disagree.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::events::{Event, EventBody, Interrupt, RunOutcome};

/// Most bytes of a failure's cause that are kept.
const CAUSE: usize = 512;

/// How a turn has ended that leaves no question open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TurnEnding {
    /// The agent has answered.
    #[default]
    Answered,
    /// Somebody has broken it off.
    BrokenOff,
    /// It has failed, for this cause.
    Failed(String),
}

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
    /// Whether the agent is gone, and what it left is being taken.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    collecting: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    questions: Vec<Interrupt>,
    ending: TurnEnding,
}

/// Name of the event by which a runner says that the agent has ended, and that taking what it left takes a while.
pub const COLLECTING: &str = "ambient.collecting";

impl Attendance {
    /// Takes the next event.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            EventBody::Custom { name, .. } if name == COLLECTING && self.working => {
                self.rest(event.timestamp);
                self.collecting = true;
            }
            EventBody::RunStarted { .. } => {
                self.collecting = false;
                self.questions.clear();
                self.working = true;
                self.since = event.timestamp;
            }
            EventBody::RunFinished { outcome: Some(RunOutcome::Interrupt { interrupts }), .. } => {
                self.rest(event.timestamp);
                self.questions.clone_from(interrupts);
            }
            EventBody::RunFinished { outcome, .. } => {
                let broken_off = *outcome == Some(RunOutcome::Cancelled);
                self.end(if broken_off { TurnEnding::BrokenOff } else { TurnEnding::Answered }, event);
            }
            EventBody::RunError { message, .. } => {
                let cause = &message[..message.floor_char_boundary(CAUSE)];
                self.end(TurnEnding::Failed(cause.to_owned()), event);
            }
            _ => {}
        }
    }

    fn end(&mut self, ending: TurnEnding, event: &Event) {
        self.rest(event.timestamp);
        self.questions.clear();
        self.ending = ending;
    }

    fn rest(&mut self, now: Option<i64>) {
        if self.working {
            self.worked += self.of_this_turn(now);
        }
        self.working = false;
        self.collecting = false;
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

    /// Since when what the agent left is being taken; none where it is not.
    #[must_use]
    pub fn collecting_since(&self) -> Option<i64> {
        self.since.filter(|_| self.collecting)
    }

    /// The questions that are open.
    #[must_use]
    pub fn questions(&self) -> &[Interrupt] {
        &self.questions
    }

    /// How the last turn ended, where it left no question open.
    #[must_use]
    pub fn ending(&self) -> &TurnEnding {
        &self.ending
    }

    /// Since when nobody works: the last turn has ended, by an answer, a question or a failure. None while one goes on
    /// and before the first.
    #[must_use]
    pub fn resting_since(&self) -> Option<i64> {
        self.since.filter(|_| !self.working && !self.collecting)
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
        let collecting = |time| at(Event::custom(COLLECTING, serde_json::Value::Null), time);
        let cases: [(Vec<Event>, u64, usize, Option<i64>); 10] = [
            (vec![], 0, 0, None),
            (vec![started(100)], 900, 0, None),
            (vec![started(100), finished(150)], 50, 0, Some(150)),
            (vec![started(100), asked(150)], 50, 1, Some(150)),
            (vec![started(100), asked(150), started(700)], 350, 0, None),
            (vec![started(100), asked(150), started(700), finished(710)], 60, 0, Some(710)),
            (vec![started(100), asked(150), error(800)], 50, 0, Some(800)),
            (vec![started(100), finished(90)], 0, 0, Some(90)),
            (vec![started(100), collecting(300)], 200, 0, None),
            (vec![started(100), collecting(300), finished(800)], 200, 0, Some(800)),
        ];
        for (events, worked, questions, resting) in cases {
            let mut attendance = Attendance::default();
            events.iter().for_each(|event| attendance.apply(event));
            let found =
                (attendance.agent_time(1000), attendance.questions().len(), attendance.resting_since());
            assert_eq!(found, (Duration::from_millis(worked), questions, resting), "{events:?}");
        }
    }

    #[test]
    fn how_the_last_turn_ended_is_known() {
        let success = RunOutcome::Success { pending_tool_call_ids: Vec::new() };
        let answered = Event::run_finished("t", "r", None, success, vec![]);
        let error = |message: &str| Event::run_error("AgentFailed", message, vec![]);
        let long = "ä".repeat(CAUSE);
        let cases = [
            (vec![started(0), answered.clone()], TurnEnding::Answered),
            (vec![started(0), finished(1)], TurnEnding::BrokenOff),
            (vec![started(0), error("no key")], TurnEnding::Failed("no key".to_owned())),
            (vec![started(0), error(&long)], TurnEnding::Failed("ä".repeat(CAUSE / 2))),
            (vec![started(0), error("no key"), started(2), answered], TurnEnding::Answered),
        ];
        for (events, expected) in cases {
            let mut attendance = Attendance::default();
            events.iter().for_each(|event| attendance.apply(event));
            assert_eq!(*attendance.ending(), expected, "{events:?}");
        }
    }
}
