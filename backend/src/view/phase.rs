//! Where a run stands, in one word, one colour and one reason.

use ambient_crds::conditions::{ConditionType, Reason};
use ambient_crds::{AgenticSession, PendingReason, Phase};
use ambient_kit::conditions;
use ambient_protocol::ledger::{EndPhase, Ending};

use super::text::clean;

/// A phase as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Badge {
    /// The phase.
    pub(crate) word: &'static str,
    /// The style's class: one for each thing to feel about it.
    pub(crate) tone: &'static str,
    /// The reason, where it says more than the phase.
    pub(crate) reason: Option<String>,
    /// One sentence for people, possibly empty.
    pub(crate) message: String,
}

impl Badge {
    /// The badge of a session's current run.
    pub(crate) fn of_session(session: &AgenticSession) -> Self {
        let status = session.status.as_ref();
        let phase = status.and_then(|status| status.phase).unwrap_or(Phase::Pending);
        let ready =
            status.and_then(|status| conditions::find(&status.conditions, ConditionType::Ready.as_str()));
        let reason = ready.map(|ready| ready.reason.as_str()).unwrap_or_default();
        let message = ready.map(|ready| ready.message.as_str()).unwrap_or_default();
        Self::new(phase, reason, message)
    }

    /// The badge of a run that the ledger knows the end of.
    pub(crate) fn of_ending(ending: &Ending) -> Self {
        let phase = match ending.phase {
            EndPhase::Completed => Phase::Completed,
            EndPhase::Failed => Phase::Failed,
            EndPhase::Stopped => Phase::Stopped,
        };
        Self::new(phase, &ending.reason, &ending.message)
    }

    /// The badge of a run that the ledger knows the claim of, and no cluster at hand runs.
    pub(crate) fn claimed() -> Self {
        let message = "The ledger has a claim for this run and no ending.";
        Self { word: "Claimed", tone: "waiting", reason: None, message: message.to_owned() }
    }

    /// The badge of a run that is wanted and has not started.
    pub(crate) fn not_started() -> Self {
        Self::new(Phase::Pending, "", "This run has not started.")
    }

    /// The badge of an earlier run whose record is not there.
    pub(crate) fn not_known() -> Self {
        let message = "How this run ended is not known here: its record could not be read.";
        Self { word: "Unknown", tone: "stopped", reason: None, message: message.to_owned() }
    }

    fn new(phase: Phase, reason: &str, message: &str) -> Self {
        let word = phase.as_str();
        let says_more =
            !reason.is_empty() && reason != word && reason != "Succeeded" && reason != "Progressing";
        Self { word, tone: tone(phase), reason: says_more.then(|| clean(reason)), message: clean(message) }
    }
}

/// The style's class of a condition. Most are good when they hold; some only ask for attention then.
pub(crate) fn condition_tone(kind: &str, status: &str, reason: &str) -> &'static str {
    let calls = [
        ConditionType::WaitingForPerson,
        ConditionType::SpecChanged,
        ConditionType::DeprecatedFields,
        ConditionType::Held,
    ];
    let is_call = calls.iter().any(|call| call.as_str() == kind);
    let not_yet = [Reason::Progressing, Reason::Deferred, Reason::NotNeeded, Reason::Suspended];
    let is_awaited = not_yet.iter().any(|word| word.as_str() == reason)
        || PendingReason::ALL.iter().any(|word| word.as_str() == reason);
    match status {
        "True" if is_call => "waiting",
        "True" => "good",
        "False" if is_call => "stopped",
        "False" if is_awaited => "waiting",
        "False" => "bad",
        _ => "stopped",
    }
}

fn tone(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "waiting",
        Phase::Creating | Phase::Running => "busy",
        Phase::Stopping | Phase::Stopped => "stopped",
        Phase::Completed => "good",
        Phase::Failed => "bad",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_is_awaited_is_no_failure() {
        for (kind, status, reason, expected) in [
            ("Ready", "True", "Running", "good"),
            ("Ready", "False", "Queued", "waiting"),
            ("Ready", "False", "OutOfMemory", "bad"),
            ("ResultRecorded", "False", "Progressing", "waiting"),
            ("ResultRecorded", "False", "PushFailed", "bad"),
            ("WaitingForPerson", "True", "Answer", "waiting"),
            ("WaitingForPerson", "False", "NotNeeded", "stopped"),
            ("SpecChanged", "True", "PinnedEarlier", "waiting"),
            ("Claimed", "Unknown", "Progressing", "stopped"),
        ] {
            assert_eq!(condition_tone(kind, status, reason), expected, "{kind} {status} {reason}");
        }
    }
}
