//! What the records say of a run, asked with a bound: a page must not wait for an operator that does not answer.

use std::time::Duration;

use ambient_protocol::RunKey;
use ambient_protocol::client::{ClientError, RecordsClient};
use ambient_protocol::records::Record;

use super::target::Target;
use crate::auth::User;
use crate::error::Error;
use crate::state::App;

/// The longest wait for one answer.
const BOUND: Duration = Duration::from_secs(5);

/// A transcript.
pub(super) struct Transcript {
    /// One event a line.
    pub(super) text: String,
    /// Whether its middle was cut out.
    pub(super) truncated: bool,
}

/// The record of a run; none where the ledger does not know it.
///
/// # Errors
/// `Records` where the operator cannot be asked.
pub(crate) async fn record(app: &App, target: &Target) -> Result<Option<Record>, Error> {
    let records = app.runs.records(&target.user);
    within(records.get(&target.key)).await
}

/// The runs that the ledger knows of a project, newest first; none where it does not know the project.
///
/// # Errors
/// `Records` where the operator cannot be asked.
pub(super) async fn runs(app: &App, user: &User, project: &str) -> Result<Vec<RunKey>, Error> {
    let listed = within(app.runs.records(user).list(project)).await;
    match listed {
        Ok(summaries) => Ok(summaries.into_iter().map(|summary| summary.entry.run).collect()),
        Err(Error::Records(error)) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The transcript of a run; none where the ledger names none, or has no ending yet.
///
/// # Errors
/// `Records` where the operator cannot be asked.
pub(super) async fn transcript(
    app: &App,
    target: &Target,
    record: &Record,
) -> Result<Option<Transcript>, Error> {
    let ending = record.entry.ended.as_ref();
    let Some(reference) = ending.and_then(|ending| ending.transcript.as_ref()) else { return Ok(None) };
    let records: RecordsClient = app.runs.records(&target.user);
    let bytes = within(records.events(&target.key)).await?;
    Ok(bytes.map(|bytes| Transcript {
        text: String::from_utf8_lossy(&bytes).into_owned(),
        truncated: reference.truncated,
    }))
}

async fn within<T>(answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, Error> {
    let late = || ClientError::Unreachable(format!("no answer within {} seconds", BOUND.as_secs()));
    tokio::time::timeout(BOUND, answer).await.unwrap_or_else(|_| Err(late())).map_err(Error::Records)
}
