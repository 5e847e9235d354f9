//! The end of an attempt: the run is put to sleep, or its outcome recorded; then the runner may go.

use ambient_crds::names::{RunNumber, run_name};
use ambient_protocol::client::RunnerClient;
use ambient_protocol::outcome::Outcome;

use super::{FIRST_DELAY, LONGEST_DELAY, Quarry, trouble};
use crate::context::Context;
use crate::session::transcript::Transcript;
use crate::session::{record, sleep};

/// Notes on the volume that the attempt has ended and its run has not; then the runner may go.
pub(super) async fn put_to_sleep(context: &Context, quarry: &Quarry, runner: &RunnerClient) {
    let key = &quarry.session.key;
    let volume = run_name(key.session(), RunNumber::try_from(key.run()).unwrap_or_default());
    let mut delay = FIRST_DELAY;
    while let Err(error) = sleep::note(&context.client, key.project(), &volume, quarry.attempt).await {
        trouble(context, &quarry.id, "Unavailable", &format!("the run cannot be put to sleep: {error}"));
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(LONGEST_DELAY);
    }
    release(context, quarry, runner).await;
}

pub(super) async fn record_until_done(
    context: &Context,
    quarry: &Quarry,
    runner: &RunnerClient,
    outcome: &Outcome,
    transcript: Transcript,
) {
    let mut transcript = transcript;
    let mut delay = FIRST_DELAY;
    loop {
        let loss = quarry.loss_behind(outcome);
        let recorded = record::record(context, &quarry.session, runner, outcome, loss, &mut transcript).await;
        match recorded {
            Ok(recorded) => {
                context.board.update(&quarry.id, |progress| {
                    progress.recorded = Some(Box::new(recorded));
                    progress.trouble = None;
                });
                return;
            }
            Err(error) => {
                trouble(context, &quarry.id, error.reason(), &error.to_string());
                let unserved = error.is_unserved();
                context.board.update(&quarry.id, |progress| progress.unserved = unserved);
                if error.is_fenced()
                    && let Some(recorded) = record::ended_by_others(context, &quarry.session).await
                {
                    context.board.update(&quarry.id, |progress| progress.recorded = Some(Box::new(recorded)));
                    return;
                }
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(LONGEST_DELAY);
            }
        }
    }
}

/// Lets the runner go. One that does not hear it is removed with its Job.
pub(super) async fn release(context: &Context, quarry: &Quarry, runner: &RunnerClient) {
    let acknowledged = runner.acknowledge().await;
    if let Err(error) = &acknowledged {
        tracing::debug!(run = %quarry.id.key, %error, "the runner did not hear that it may go");
    }
    context.board.update(&quarry.id, |progress| {
        progress.released = true;
        progress.acknowledged = acknowledged.is_ok();
    });
}
