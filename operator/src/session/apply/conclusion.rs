//! Endings for which there is no outcome.

use std::sync::Arc;

use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::ledger::Ending;

use super::super::progress::{RunId, Trouble};
use super::super::record;
use crate::context::Context;

pub(super) fn conclude(
    context: &Arc<Context>,
    pinned: Option<&EffectiveSession>,
    ending: &Ending,
    id: &RunId,
) {
    let Some(pinned) = pinned.cloned() else { return };
    let first = context.board.take(id, |progress| !std::mem::replace(&mut progress.concluding, true));
    if !first {
        return;
    }
    let (context, id, ending) = (Arc::clone(context), id.clone(), ending.clone());
    tokio::spawn(async move {
        let recorded = record::conclude(&context, &pinned, ending).await;
        context.board.update(&id, |progress| {
            progress.concluding = false;
            match recorded {
                Ok(recorded) => {
                    progress.recorded = Some(Box::new(recorded));
                    progress.released = true;
                }
                Err(error) => {
                    progress.trouble = Some(Trouble { reason: "PushFailed", message: error.to_string() });
                }
            }
        });
    });
}
