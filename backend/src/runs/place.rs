//! Where the events of a run are to be read now.

use ambient_protocol::client::RunnerClient;

use super::recorded::{self, Transcript};
use super::runner;
use super::target::Target;
use crate::error::Error;
use crate::state::App;

/// Where a run's events are.
pub(super) enum Place {
    /// In its runner's log, which may grow.
    Runner(RunnerClient),
    /// In the records, for good.
    Record(Transcript),
    /// Nowhere, for good: the run ended without a transcript.
    Nowhere,
    /// Not to be read yet: no pod has an address, or the record has not arrived.
    NotYet,
    /// Session and record are gone.
    Gone,
}

/// Finds the place. The target's session should have been read just now.
///
/// A run that is over is looked for in the records first, then at its runner: the record may lag behind the agent's
/// end, and the runner serves until the record is there.
///
/// # Errors
/// The API server's. Records that cannot be read are logged and count as not there yet.
pub(super) async fn find(app: &App, target: &Target) -> Result<Place, Error> {
    if target.is_over()
        && let Some(place) = recorded(app, target).await
    {
        return Ok(place);
    }
    if target.session.is_none() {
        return Ok(Place::Gone);
    }
    let (Some(uid), Some(address)) = (target.uid(), runner::address(target).await?) else {
        return Ok(Place::NotYet);
    };
    Ok(Place::Runner(app.runs.runner(&target.user, &address, &uid)))
}

async fn recorded(app: &App, target: &Target) -> Option<Place> {
    let read = async {
        let Some(record) = recorded::record(app, target).await? else { return Ok(None) };
        let Some(ending) = &record.entry.ended else { return Ok(None) };
        if ending.transcript.is_none() {
            return Ok(Some(Place::Nowhere));
        }
        Ok(recorded::transcript(app, target, &record).await?.map(Place::Record))
    };
    let read: Result<_, Error> = read.await;
    read.unwrap_or_else(|error| {
        tracing::warn!(run = %target.key, %error, "the record cannot be read");
        None
    })
}
