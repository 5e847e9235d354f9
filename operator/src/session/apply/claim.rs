//! The claim of a run: asked for once, beside the creation of the Job (ADR 0001).

use std::sync::Arc;

use ambient_protocol::effective::EffectiveSession;

use super::super::progress::{ClaimState, RunId, Trouble};
use super::super::record;
use crate::context::Context;
use crate::ledger::{Edit, WriteError};

/// Asks for the claim once; its answer has the session looked at again.
pub(super) fn claim(context: &Arc<Context>, pinned: &EffectiveSession, take_lost: bool, id: &RunId) {
    let first = context.board.take(id, |progress| {
        let unasked = progress.claim == ClaimState::Unasked;
        if unasked {
            progress.claim = ClaimState::Pushing;
        }
        unasked
    });
    if !first {
        return;
    }
    let (context, id, target) = (Arc::clone(context), id.clone(), pinned.results.clone());
    let edit = Edit::Claim { key: pinned.key.clone(), claim: record::claim(&context, pinned), take_lost };
    tokio::spawn(async move {
        let written = match context.results.branch(&target).await {
            Ok(branch) => branch.write(edit).await,
            Err(error) => Err(error),
        };
        context.board.update(&id, |progress| match written {
            Ok(_) => progress.claim = ClaimState::Acknowledged,
            Err(WriteError::Refused(refusal)) => progress.claim = ClaimState::Refused(refusal.to_string()),
            Err(error) => {
                progress.claim = ClaimState::Unasked;
                progress.trouble = Some(Trouble { reason: "PushFailed", message: error.to_string() });
            }
        });
    });
}
