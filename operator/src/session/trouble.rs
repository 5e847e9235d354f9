//! What keeps a session from being taken a step further, told where its user looks: without it the cause would be in
//! our log alone.

use ambient_crds::conditions::{ConditionType, Reason};
use ambient_crds::labels::{self, field_managers};
use ambient_crds::phase::{PendingReason, Phase};
use ambient_crds::session::{AgenticSession, AgenticSessionStatus};
use ambient_kit::apply::{FieldManager, apply_status};
use ambient_kit::conditions::{Statement, merge};
use ambient_kit::retry::ErrorClass;
use jiff::Timestamp;
use kube::api::Api;
use kube::{Client, ResourceExt as _};

use super::SessionError;
use super::apply::ApplyError;
use super::fetch::FetchError;
use super::lending::BindError;

/// Writes what an error means into the condition `Ready`, if a person can do something about it.
///
/// # Errors
/// The API server's.
pub(super) async fn tell(
    client: &Client,
    session: &AgenticSession,
    error: &SessionError,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let Some(statement) = statement(error) else { return Ok(()) };
    let wanted = status(session, &statement, now);
    if session.status.as_ref() == Some(&wanted) {
        return Ok(());
    }
    let api: Api<AgenticSession> = Api::namespaced(client.clone(), &session.namespace().unwrap_or_default());
    let body = serde_json::json!({
        "apiVersion": labels::API_VERSION,
        "kind": "AgenticSession",
        "metadata": {"name": session.name_any(), "uid": session.uid()},
        "status": wanted,
    });
    let manager = FieldManager::owner(field_managers::OPERATOR);
    apply_status(&api, manager, &session.name_any(), &body).await.map(drop)
}

fn status(session: &AgenticSession, statement: &Statement, now: Timestamp) -> AgenticSessionStatus {
    let mut status = session.status.clone().unwrap_or_default();
    status.phase.get_or_insert(Phase::Pending);
    let generation = session.metadata.generation.unwrap_or_default();
    status.conditions = merge(&status.conditions, std::slice::from_ref(statement), generation, now);
    status
}

/// What is said of an error; of some nothing, as they pass by themselves.
fn statement(error: &SessionError) -> Option<Statement> {
    let reason = match error {
        SessionError::Fetch(FetchError::Pin(_)) | SessionError::Apply(ApplyError::Pin(_)) => {
            Reason::Conflict.as_str()
        }
        SessionError::Apply(ApplyError::Bind(BindError::Unreachable(_))) => Reason::Unavailable.as_str(),
        SessionError::Apply(ApplyError::Bind(_)) => Reason::Invalid.as_str(),
        SessionError::Apply(ApplyError::Api { error: kube::Error::Api(answer), .. })
            if matches!(error.class(), ErrorClass::Outside | ErrorClass::Invalid) =>
        {
            match answer.code {
                403 if answer.message.contains("exceeded quota") => PendingReason::Quota.as_str(),
                403 => Reason::Forbidden.as_str(),
                400..500 => Reason::Invalid.as_str(),
                _ => Reason::Unavailable.as_str(),
            }
        }
        _ => return None,
    };
    Some(Statement::no(ConditionType::Ready.as_str(), reason, error.to_string()))
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16, reason: &str, message: &str) -> SessionError {
        let answer = Status { code, ..Status::failure(message, reason) };
        let error = kube::Error::Api(Box::new(answer));
        SessionError::Apply(ApplyError::Api { what: "the run's volume", error })
    }

    #[test]
    fn what_a_person_can_mend_is_told_and_what_passes_is_not() {
        for (error, reason) in [
            (refused(403, "Forbidden", "exceeded quota: q, requested: storage=2Gi"), Some("Quota")),
            (refused(403, "Forbidden", "is not allowed"), Some("Forbidden")),
            (refused(422, "Invalid", "spec.x: Invalid value"), Some("Invalid")),
            (refused(500, "InternalError", "no"), Some("Unavailable")),
            (refused(409, "Conflict", "the object has been modified"), None),
            (refused(404, "NotFound", "namespace not found"), None),
        ] {
            let told = statement(&error);
            assert_eq!(told.as_ref().map(|told| told.reason.as_str()), reason, "{error}");
        }
    }
}
