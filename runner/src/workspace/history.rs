//! How much of a repository's history is checked out, and what is said of the rest.

use std::num::NonZeroU32;

use ambient_git::History;
use ambient_protocol::EffectiveSession;
use ambient_protocol::environment::GIT_DEPTH;

use super::prepare::WorkspaceError;

/// A history that takes no more is brought whole: some seconds at usual speeds, and half a million objects of source.
const SMALL: u64 = 128 * 1024 * 1024;
/// What is brought of a larger one: enough to see how people have lately worked.
const LATEST: NonZeroU32 = NonZeroU32::new(50).expect("it is not zero");

/// What the session wants; where it says nothing, all that is not large.
pub(super) fn wanted(session: &EffectiveSession) -> Result<History, WorkspaceError> {
    let Some(depth) = session.environment.get(GIT_DEPTH) else {
        return Ok(History::WholeWithin { bytes: SMALL, otherwise: LATEST });
    };
    let depth = depth.trim().parse::<u32>().map_err(|_| WorkspaceError::Depth(depth.clone()))?;
    Ok(NonZeroU32::new(depth).map_or(History::Whole, History::Latest))
}
