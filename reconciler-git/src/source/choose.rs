//! Which tree is in force: the newest, or, where rule 4 holds that, the last good one. Pure.

use std::sync::Arc;

use ambient_crds::conditions::Reason;
use ambient_git::ObjectId;

use super::guards::{Approvals, Guards, Pending, Released, guard_emptied, guard_rewritten};
use super::validate::Desired;
use super::wanted::Tracking;
use crate::live::LiveObject;

/// What a commit holds at the source's path.
#[derive(Debug)]
pub(crate) struct Revision {
    /// The commit.
    pub(crate) commit: ObjectId,
    /// The tree of the folder; none if the commit has no such folder.
    pub(crate) tree: Option<ObjectId>,
    /// What it wants.
    pub(crate) desired: Arc<Desired>,
}

/// What decides besides the two revisions.
pub(crate) struct Question<'a> {
    /// The source.
    pub(crate) tracking: &'a Tracking,
    /// Its guards.
    pub(crate) guards: Guards,
    /// The applied commit that the newest one does not descend from, if that waits for a person.
    pub(crate) lost: Option<&'a ObjectId>,
    /// What this source has applied; none while that is not known.
    pub(crate) tracked: Option<&'a [Arc<LiveObject>]>,
    /// What people have said.
    pub(crate) approvals: Approvals<'a>,
}

/// What to do with the newest revision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// It comes into force.
    Take,
    /// It waits for a person.
    Hold(Pending),
    /// It holds nothing, and it is not known yet whether that would delete anything.
    Wait,
}

/// Decides about the newest revision.
pub(crate) fn choose(newest: &Revision, question: &Question<'_>, released: &mut Released) -> Choice {
    let Question { tracking, guards, lost, tracked, approvals } = question;
    if let Some(applied) = lost {
        let (applied, found) = (applied.to_string(), newest.commit.to_string());
        if let Some(pending) = guard_rewritten(tracking, &applied, &found, *approvals) {
            return Choice::Hold(pending);
        }
    }
    if !newest.desired.is_empty() || !guards.prune {
        return Choice::Take;
    }
    let Some(tracked) = tracked else { return Choice::Wait };
    let reason = if newest.tree.is_some() { Reason::PathEmptied } else { Reason::PathNotFound };
    match guard_emptied(reason, tracking, tracked, *approvals, released) {
        Some(pending) => Choice::Hold(pending),
        None => Choice::Take,
    }
}
