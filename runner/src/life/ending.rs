//! The last event of a turn, and how a turn ended as that event tells it: one is the other's inverse, so that a runner
//! killed between event and outcome can still make the outcome.

use ambient_protocol::events::{EventBody, Interrupt, RunOutcome};
use ambient_protocol::outcome::ExitReason;
use ambient_protocol::{Event, RunAgentInput};
use serde_json::{Value, json};

use crate::bridge::{Failure, Report};
use crate::turn::TurnEnd;

/// `RUN_FINISHED` for a good end and a stop, `RUN_ERROR` with the public reason as its code for all others.
pub(super) fn ending_event(end: &TurnEnd, input: &RunAgentInput) -> Event {
    let report = &end.report;
    let usage = report.usage.clone();
    let mut event = match end.exit() {
        ExitReason::Completed => {
            let result = json!({ "summary": report.summary });
            let success = RunOutcome::Success { pending_tool_call_ids: Vec::new() };
            Event::run_finished(&input.thread_id, &input.run_id, Some(result), success, usage)
        }
        ExitReason::Stopped => {
            let result = json!({ "message": end.message() });
            Event::run_finished(&input.thread_id, &input.run_id, Some(result), RunOutcome::Cancelled, usage)
        }
        failure => Event::run_error(failure.as_str(), end.message(), usage),
    };
    event = event.with_metadata("turns", report.turns.into());
    if let Some(cost) = report.cost_usd {
        event = event.with_metadata("costUsd", cost.into());
    }
    if let Some(model) = &report.model {
        event = event.with_metadata("model", Value::String(model.clone()));
    }
    event
}

/// The end of a turn in which the agent asks.
pub(super) fn question_event(input: &RunAgentInput, interrupts: Vec<Interrupt>) -> Event {
    let outcome = RunOutcome::Interrupt { interrupts };
    Event::run_finished(&input.thread_id, &input.run_id, None, outcome, Vec::new())
}

/// Of an interactive run, whose turns end without it, the last event says that it is.
pub(super) fn last(event: Event) -> Event {
    event.with_metadata("last", true.into())
}

/// Whether an event says that it is the last of its run.
pub(super) fn is_last(event: &Event) -> bool {
    event.ambient_metadata("last").and_then(Value::as_bool).unwrap_or_default()
}

/// How the turn ended that this event ends.
pub(super) fn turn_end(event: &Event) -> TurnEnd {
    let mut report = Report {
        model: event.ambient_metadata("model").and_then(Value::as_str).map(str::to_owned),
        ..Report::default()
    };
    match &event.body {
        EventBody::RunError { message, code, .. } => {
            let code = code.clone().map(Value::String).unwrap_or_default();
            let reason = serde_json::from_value(code).unwrap_or(ExitReason::AgentCrashed);
            report.failure = Some(Failure { reason, message: message.clone() });
        }
        EventBody::RunFinished { result, outcome, .. } => {
            let text =
                |name: &str| result.as_ref().and_then(|result| result[name].as_str()).map(str::to_owned);
            report.summary = text("summary").unwrap_or_default();
            if *outcome == Some(RunOutcome::Cancelled) {
                let message = text("message").unwrap_or_default();
                report.failure = Some(Failure { reason: ExitReason::Stopped, message });
            }
        }
        _ => {}
    }
    TurnEnd { report }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_can_be_made_of_the_last_event_alone() {
        let input = RunAgentInput::prompt("t", "r", "hi");
        let good = Report { summary: "Done.".to_owned(), model: Some("m".to_owned()), ..Report::default() };
        let ends = [
            TurnEnd { report: good },
            TurnEnd::failed(ExitReason::Stopped, "the run was stopped"),
            TurnEnd::failed(ExitReason::TimedOut, "over"),
            TurnEnd::failed(ExitReason::BudgetExceeded, "spent"),
            TurnEnd::failed(ExitReason::AgentNotStarted, "no such file"),
        ];
        for end in ends {
            let event = Event::parse(&ending_event(&end, &input).to_json()).unwrap();
            assert_eq!(turn_end(&event), end);
        }
    }
}
