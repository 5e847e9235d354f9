//! When a session is to be looked at though nothing changes: pure.

use ambient_crds::session::AgenticSession;
use ambient_protocol::attendance::Attendance;
use ambient_protocol::effective::ApprovalMode;
use jiff::{SignedDuration, Timestamp};

use super::observed::{Observed, is_settled};
use super::remains::Loss;

/// Seconds after which a terminating namespace is let go of, whatever is missing (rule 17 says 60).
const LET_GO_AFTER: i64 = 50;
/// Seconds that a runner has to notice itself that the agent's time is over, and to end it.
const OVERTIME_GRACE: i64 = 60;
/// Seconds that a runner has to end the agent and to collect what it left.
pub(super) const STOP_GRACE: i64 = 300;
/// Seconds that a runner has to collect what the agent left, once it says that this takes a while. What is collected is
/// bounded; what is looked at is not.
const COLLECTION_GRACE: i64 = 1800;

/// Seconds until the next moment at which time alone changes the plan.
#[must_use]
pub(super) fn next(observed: &Observed<'_>) -> Option<i64> {
    let due = [
        let_go_at(observed),
        overtime_at(observed),
        stop_overdue_at(observed),
        expires_at(observed),
        observed.collects().map(Loss::given_up_at),
    ];
    let ahead = due.into_iter().flatten().map(|at| at.as_second() - observed.now.as_second());
    // What is due has been acted on; that has its own ways of being tried again.
    ahead.filter(|seconds| *seconds > 0).min()
}

/// When an agent has worked for so long that its runner must have missed the end of its time. It keeps that time
/// itself; this is for one that does not. While a person is awaited no time passes.
#[must_use]
pub(super) fn overtime_at(observed: &Observed<'_>) -> Option<Timestamp> {
    let pinned = observed.pinned.as_ref()?;
    let limit = i64::try_from(pinned.limits.timeout_seconds).unwrap_or(i64::MAX);
    let seconds = limit.saturating_add(OVERTIME_GRACE);
    let attendance = &observed.progress.attendance;
    if *attendance == Attendance::default() {
        // Without its log, when a person was awaited is not known.
        let may_wait = pinned.interactive || pinned.approval.mode == ApprovalMode::Ask;
        return started_at(observed).filter(|_| !may_wait).map(|started| after(started, seconds));
    }
    let worked = attendance.agent_time(observed.now.as_millisecond()).as_secs();
    let left = seconds.saturating_sub(i64::try_from(worked).unwrap_or(i64::MAX));
    attendance.is_working().then(|| after(observed.now, left))
}

/// When the agent of the current attempt was started. The status knows it of the first attempt only.
fn started_at(observed: &Observed<'_>) -> Option<Timestamp> {
    let status = observed.status_of_run().filter(|status| status.attempt == Some(1));
    let told = status.and_then(|status| status.start_time.as_ref());
    told.map(|time| time.0).or(observed.progress.started_at)
}

/// When a runner that was asked to stop should have.
#[must_use]
pub(super) fn stop_overdue_at(observed: &Observed<'_>) -> Option<Timestamp> {
    let overdue = after(observed.progress.stopping_since?, STOP_GRACE);
    let collecting = observed.progress.attendance.collecting_since();
    let collecting = collecting.and_then(|since| Timestamp::from_millisecond(since).ok());
    Some(collecting.map_or(overdue, |since| overdue.max(after(since, COLLECTION_GRACE))))
}

/// When the object of a recorded run is deleted (`ttlSecondsAfterFinished`). The run stays in Git, so it is not run again.
#[must_use]
pub(super) fn expires_at(observed: &Observed<'_>) -> Option<Timestamp> {
    let seconds = i64::from(observed.session.spec.ttl_seconds_after_finished?);
    let status = observed.status_of_run()?;
    let ended = status.completion_time.as_ref().filter(|_| is_settled(observed.session))?;
    Some(after(ended.0, seconds))
}

/// When an object of a terminating namespace is let go.
#[must_use]
pub(super) fn let_go_at(observed: &Observed<'_>) -> Option<Timestamp> {
    let since = deleted_at(observed.session)?;
    observed.namespace_terminating.then(|| after(since, LET_GO_AFTER))
}

fn deleted_at(session: &AgenticSession) -> Option<Timestamp> {
    session.metadata.deletion_timestamp.as_ref().map(|since| since.0)
}

/// The end of time where that cannot be told.
fn after(since: Timestamp, seconds: i64) -> Timestamp {
    since.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
