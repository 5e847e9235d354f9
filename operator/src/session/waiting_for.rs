//! Whom a run waits for: pure, from what the log tells of questions and turns.

use ambient_crds::conditions::ConditionType;
use ambient_crds::phase::Phase;
use ambient_crds::session::{WaitKind, WaitingFor};
use ambient_kit::conditions::Statement;
use ambient_protocol::answers::TOOL_CALL;
use ambient_protocol::attendance::{Attendance, TurnEnding};
use ambient_protocol::events::Interrupt;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::observed::Observed;
use super::plan::SessionPlan;
use super::report::cut;

/// Most characters of a question in the status.
const SUMMARY: usize = 1024;
/// Most characters of a question's id.
const REQUEST: usize = 256;

/// Whom the run waits for; none where nobody is awaited.
#[must_use]
pub(super) fn waiting_for(observed: &Observed<'_>, plan: &SessionPlan) -> Option<WaitingFor> {
    let told = || observed.status_of_run()?.waiting_for.clone();
    if plan.phase == Phase::Pending {
        return told().filter(|_| observed.is_asleep());
    }
    if plan.phase != Phase::Running {
        return None;
    }
    let attendance = &observed.progress.attendance;
    if *attendance == Attendance::default() {
        // The log has not been read yet; somebody before may have.
        return told();
    }
    let since = attendance.resting_since().and_then(|at| Timestamp::from_millisecond(at).ok());
    match attendance.questions() {
        [] => since.filter(|_| is_interactive(observed)).map(|since| message(attendance.ending(), since)),
        [first, others @ ..] => Some(answer(first, others.len(), since)),
    }
}

fn is_interactive(observed: &Observed<'_>) -> bool {
    observed.pinned.as_ref().is_some_and(|pinned| pinned.interactive)
}

fn message(ending: &TurnEnding, since: Timestamp) -> WaitingFor {
    let summary = match ending {
        TurnEnding::Answered => "the agent has answered, and waits for a message".to_owned(),
        TurnEnding::BrokenOff => "the agent was interrupted, and waits for a message".to_owned(),
        TurnEnding::Failed(cause) => {
            cut(&format!("the agent has failed, and waits for a message: {cause}"), SUMMARY)
        }
    };
    WaitingFor { kind: WaitKind::Message, request: None, summary: Some(summary), since: Some(seconds(since)) }
}

fn answer(first: &Interrupt, others: usize, since: Option<Timestamp>) -> WaitingFor {
    let kind = if first.reason == TOOL_CALL { WaitKind::Approval } else { WaitKind::Answer };
    let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    let summary = format!("{}{more}", cut(first.question(), SUMMARY - more.len()));
    let request = Some(cut(&first.id, REQUEST));
    WaitingFor { kind, request, summary: Some(summary), since: since.map(seconds) }
}

fn seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

/// Condition `WaitingForPerson`.
#[must_use]
pub(super) fn statement(waiting: Option<&WaitingFor>) -> Statement {
    let kind = ConditionType::WaitingForPerson.as_str();
    waiting.map_or_else(
        || Statement::absent(kind),
        |waiting| Statement::yes(kind, waiting.kind.as_str(), waiting.summary.as_deref().unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_failed_is_no_answer() {
        let cases = [
            (TurnEnding::Answered, "the agent has answered, and waits for a message"),
            (TurnEnding::BrokenOff, "the agent was interrupted, and waits for a message"),
            (
                TurnEnding::Failed("no such model".to_owned()),
                "the agent has failed, and waits for a message: no such model",
            ),
        ];
        for (ending, summary) in cases {
            let told = message(&ending, Timestamp::UNIX_EPOCH);
            assert_eq!((told.kind, told.summary.as_deref()), (WaitKind::Message, Some(summary)));
            assert_eq!(statement(Some(&told)).message, summary);
        }
    }

    #[test]
    fn the_first_question_is_told_and_how_many_there_are() {
        let question = |reason: &str| Interrupt {
            message: Some("May it run `make`?".to_owned()),
            ..Interrupt::new("q1", reason)
        };
        let cases = [
            (TOOL_CALL, 0, WaitKind::Approval, "May it run `make`?"),
            ("input_required", 2, WaitKind::Answer, "May it run `make`? (and 2 more)"),
        ];
        for (reason, others, kind, summary) in cases {
            let told = answer(&question(reason), others, None);
            assert_eq!((told.kind, told.summary.as_deref()), (kind, Some(summary)));
            assert_eq!(told.request.as_deref(), Some("q1"));
            assert_eq!(statement(Some(&told)).reason, kind.as_str());
        }
        assert_eq!(statement(None).holds, Some(false));
        let long = Interrupt { message: Some("ä".repeat(5000)), ..Interrupt::new("q", TOOL_CALL) };
        assert_eq!(answer(&long, 1, None).summary.unwrap().chars().count(), SUMMARY);
    }
}
