//! Permissions: whoever asks is answered at once where the session decides, and by a person where it does not.

use ambient_protocol::answers::{Consent, PLATFORM, TOOL_CALL};
use ambient_protocol::effective::Approval;
use ambient_protocol::events::Interrupt;
use ambient_protocol::{Answer, Event};
use serde::Deserialize;
use serde_json::{Value, json};

use super::rpc::ECHO_LIMIT;
use super::updates::ToolCall;

/// `session/request_permission`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PermissionRequest {
    pub(super) tool_call: ToolCall,
    pub(super) options: Vec<PermissionOption>,
}

/// One of the answers there are. Ids differ between agents and their versions, kinds do not.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PermissionOption {
    pub(super) option_id: String,
    #[serde(default)]
    pub(super) kind: String,
}

impl PermissionOption {
    fn is(&self, kind: &str) -> bool {
        self.kind == kind && self.option_id.len() <= ECHO_LIMIT
    }
}

/// What is answered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    Allow(String),
    Deny(String),
    /// The turn is called off.
    Cancel,
}

/// Decides on a call of the tool of this name; none where a person does. An agent that does not tell names could call
/// anything, so that all its calls are those that need consent.
pub(super) fn decide(approval: &Approval, tool: Option<&str>, called_off: bool) -> Option<Decision> {
    match (called_off, approval.holds(tool)) {
        (true, _) => Some(Decision::Cancel),
        (false, true) => None,
        (false, false) => Some(Decision::Allow("the session allows it".to_owned())),
    }
}

/// The question to a person. What is proposed beside this one call is left out.
pub(super) fn question(id: &str, request: &PermissionRequest, tool: Option<&str>) -> Interrupt {
    let call = &request.tool_call;
    let name = tool.map(str::to_owned).or_else(|| call.kind.clone());
    let question = Interrupt {
        message: call.title.clone().or_else(|| name.clone()),
        tool_call_id: Some(call.tool_call_id.clone()),
        response_schema: Some(Consent::schema(false)),
        ..Interrupt::new(id, TOOL_CALL)
    };
    question.with_metadata("tool", name.into())
}

/// What an answer means for the call.
pub(super) fn verdict(answer: Option<&Answer>) -> Decision {
    let by = answer.and_then(Answer::giver).map(|given| given.by);
    let by = by.as_deref().unwrap_or("whoever was asked");
    let consent = answer.map(|answer| answer.as_consent().as_it_is()).unwrap_or_default();
    match consent.message {
        _ if consent.approved => Decision::Allow(format!("allowed by {by}")),
        Some(message) => Decision::Deny(format!("denied by {by}: {message}")),
        None if by == PLATFORM => Decision::Deny("nobody answered in time".to_owned()),
        None => Decision::Deny(format!("denied by {by}")),
    }
}

/// The answer, and the event that tells of it. Where the wanted kind of option is missing the call is cancelled, never
/// allowed.
pub(super) fn answer(request: &PermissionRequest, decision: &Decision) -> (Value, Event) {
    let (kinds, word, reason): (&[&str], _, _) = match decision {
        Decision::Allow(reason) => (&["allow_once", "allow_always"], "allowed", reason.as_str()),
        Decision::Deny(reason) => (&["reject_once", "reject_always"], "denied", reason.as_str()),
        Decision::Cancel => (&[], "cancelled", "the turn is called off"),
    };
    let option = kinds.iter().find_map(|kind| request.options.iter().find(|option| option.is(kind)));
    let (outcome, word, reason) = match option {
        Some(option) => (json!({"outcome": "selected", "optionId": option.option_id}), word, reason),
        None if matches!(decision, Decision::Allow(_)) => {
            (json!({"outcome": "cancelled"}), "denied", "the agent offers no option that allows it")
        }
        None => (json!({"outcome": "cancelled"}), word, reason),
    };
    let value = json!({"toolCallId": request.tool_call.tool_call_id, "decision": word, "reason": reason});
    (json!({"outcome": outcome}), Event::custom("ambient.permission", value))
}

#[cfg(test)]
mod tests {
    use ambient_protocol::effective::ApprovalMode;

    use super::*;

    fn request(kinds: &[&str]) -> PermissionRequest {
        let options = kinds.iter().map(|kind| json!({"optionId": format!("id-{kind}"), "kind": kind}));
        let options: Vec<_> = options.collect();
        serde_json::from_value(json!({"toolCall": {"toolCallId": "c"}, "options": options})).unwrap()
    }

    #[test]
    fn who_is_asked_decides() {
        let allowed = || Some(Decision::Allow("the session allows it".to_owned()));
        let ask = |tools: &[&str]| Approval {
            mode: ApprovalMode::Ask,
            tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        };
        let cases = [
            (Approval::default(), None, false, allowed()),
            (Approval::default(), Some("Bash"), true, Some(Decision::Cancel)),
            (ask(&[]), Some("Bash"), false, None),
            (ask(&["Bash"]), Some("bash"), false, None),
            (ask(&["Bash"]), Some("Edit"), false, allowed()),
            (ask(&["Bash"]), None, false, None),
            (ask(&["Bash"]), None, true, Some(Decision::Cancel)),
        ];
        for (approval, tool, called_off, expected) in cases {
            let decision = decide(&approval, tool, called_off);
            assert_eq!(decision, expected, "{approval:?} {tool:?} {called_off}");
        }
    }

    #[test]
    fn options_are_chosen_by_kind_and_the_narrowest_first() {
        let all = ["allow_always", "allow_once", "reject_always", "reject_once"];
        let deny = || Decision::Deny("x".to_owned());
        let allow = || Decision::Allow("x".to_owned());
        let cases: [(&[&str], _, _, _); 7] = [
            (&all, allow(), Some("id-allow_once"), "allowed"),
            (&["allow_always"], allow(), Some("id-allow_always"), "allowed"),
            (&["reject_once", "new_kind"], allow(), None, "denied"),
            (&all, deny(), Some("id-reject_once"), "denied"),
            (&["allow_once"], deny(), None, "denied"),
            (&all, Decision::Cancel, None, "cancelled"),
            (&[], allow(), None, "denied"),
        ];
        for (kinds, decision, chosen, word) in cases {
            let (answer, event) = answer(&request(kinds), &decision);
            assert_eq!(answer["outcome"]["optionId"].as_str(), chosen, "{kinds:?} {decision:?}");
            assert!(event.to_json().contains(&format!("\"decision\":\"{word}\"")), "{}", event.to_json());
        }
    }
}
