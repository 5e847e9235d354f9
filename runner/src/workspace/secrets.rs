//! Secrets in commits: known here alone, so looked for before the commits leave.
//!
//! What the platform pushes is checked again where it is pushed, but only here are the values known that the run was
//! given. A commit cannot be redacted without becoming another one; so the commits stay, and a redacted patch goes.

use std::path::Path;

use ambient_git::{CheckLimits, GitError, Mirror, ObjectId, check_commits};
use ambient_protocol::outcome::Withheld;
use ambient_redaction::Redactor;

/// Most reasons that are named.
const MOST_REASONS: usize = 20;
/// Most bytes of a patch that goes in place of commits.
const PATCH_LIMIT: usize = 1024 * 1024;

/// Whether the commits of `base..head` must stay, because a secret was found in them or not all of them could be
/// looked at.
pub(super) fn withhold(
    folder: &Path,
    base: ObjectId,
    head: ObjectId,
    patch: &[u8],
    redactor: &Redactor,
) -> Result<Option<Withheld>, GitError> {
    let mut reasons = Vec::new();
    let redacted = |content: &[u8]| redactor.redact_bytes(content).1.total() > 0;
    let broken =
        check_commits(&Mirror::open(folder)?, base, head, &CheckLimits::reviewable(), |place, content| {
            if reasons.len() < MOST_REASONS && redacted(content) {
                reasons.push(format!("{} holds a secret", name(place, redactor)));
            }
        })?;
    let hidden = broken.iter().filter(|broken| broken.hides_content());
    reasons.extend(hidden.take(MOST_REASONS).map(|broken| name(&broken.to_string(), redactor)));
    let patch = || Withheld { reasons: reasons.clone(), patch: cut(&redactor.redact_bytes(patch).0) };
    Ok((!reasons.is_empty()).then(patch))
}

/// A place may hold the secret itself.
fn name(place: &str, redactor: &Redactor) -> String {
    redactor.redact(place).text.into_owned()
}

fn cut(patch: &[u8]) -> String {
    let text = String::from_utf8_lossy(patch);
    if text.len() <= PATCH_LIMIT {
        return text.into_owned();
    }
    format!("{}\n[cut here: {} bytes in all]\n", &text[..text.floor_char_boundary(PATCH_LIMIT)], text.len())
}
