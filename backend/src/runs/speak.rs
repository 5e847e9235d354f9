//! Speaking with the agent of a run: whoever may change its session may, and is named to the runner.

use ambient_crds::AgenticSession;
use ambient_crds::conditions::ConditionType;
use ambient_crds::labels::field_managers;
use ambient_crds::phase::{PendingReason, Phase};
use ambient_kit::conditions::find;
use ambient_protocol::RunAgentInput;
use ambient_protocol::client::RunnerClient;
use ambient_protocol::input::Message;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::{Target, runner};
use crate::auth::Verb;
use crate::error::Error;
use crate::state::App;

/// A client of the run's runner that may speak with its agent.
///
/// # Errors
/// `Forbidden` where the user may not change the session, `Conflict` where no runner serves.
pub(crate) async fn speaker(app: &App, target: &Target) -> Result<RunnerClient, Error> {
    let (project, session) = (target.key.project(), target.key.session());
    if !app.access.may(&target.user, Verb::Update, Some(project), Some(session)).await? {
        let who = &target.user.name;
        return Err(Error::Forbidden(format!(
            "{who} may not change {project}/{session}, and so not speak with its agent"
        )));
    }
    let uid = target.uid().filter(|_| target.is_current() && !target.is_over());
    let uid = uid.ok_or_else(|| Error::Conflict(format!("run {} has ended", target.key.run())))?;
    match runner::address(target).await? {
        Some(address) => Ok(app.runs.speaker(&target.user, &address, &uid)),
        None if sleeps(target) => {
            Err(Error::Conflict("the run sleeps: wake it first (POST …/wake)".to_owned()))
        }
        None => Err(Error::Conflict("no runner serves at the moment".to_owned())),
    }
}

/// Says something to the agent of a run: in a turn it steers, between two it begins one. Said again with the same id, it is
/// said once.
///
/// # Errors
/// See [`speaker`]; and the runner's.
pub(crate) async fn say(app: &App, target: &Target, id: &str, text: &str) -> Result<(), Error> {
    if id.is_empty() || text.trim().is_empty() {
        return Err(Error::Invalid("a message has an id and a text".to_owned()));
    }
    let speaker = speaker(app, target).await?;
    let thread = target.uid().unwrap_or_default();
    let mut input = RunAgentInput::prompt(&thread, &format!("message-{id}"), "");
    input.messages = vec![Message::user(id, text)];
    // What comes of it is followed as all events are.
    speaker.start(&input).await.map(drop).map_err(Error::Runner)
}

/// Wakes a run that sleeps, with the user's own token.
///
/// # Errors
/// `Conflict` where it does not sleep, and the API server's.
pub(crate) async fn wake(target: &Target) -> Result<u32, Error> {
    let attempt = target.session.as_ref().and_then(|session| session.status.as_ref()?.attempt);
    let next = attempt.unwrap_or_default() + 1;
    if !sleeps(target) {
        return Err(Error::Conflict("the run does not sleep".to_owned()));
    }
    let wake = json!({"run": target.key.run(), "attempt": next, "by": target.user.name});
    let sessions: Api<AgenticSession> = Api::namespaced(target.user.client.clone(), target.key.project());
    let manager =
        PatchParams { field_manager: Some(field_managers::BACKEND.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"spec": {"wake": wake}}));
    sessions.patch(target.key.session(), &manager, &patch).await?;
    Ok(u32::try_from(next).unwrap_or_default())
}

/// Whether a run sleeps: its status says so.
pub(crate) fn sleeps(target: &Target) -> bool {
    let status = target.session.as_ref().and_then(|session| session.status.as_ref());
    status.is_some_and(|status| {
        let ready = find(&status.conditions, ConditionType::Ready.as_str());
        target.is_current()
            && status.phase == Some(Phase::Pending)
            && ready.is_some_and(|ready| ready.reason == PendingReason::Idle.as_str())
    })
}
