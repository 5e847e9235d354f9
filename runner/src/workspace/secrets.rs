//! Secrets in commits: known here alone, so looked for before the commits leave.
//!
//! What the platform pushes is checked again where it is pushed, but only here are the values known that the run was
//! given. A commit cannot be redacted without becoming another one; so the commits stay, and a redacted patch goes.

use ambient_git::{CheckLimits, GitError, Mirror, ObjectId, Patch, check_commits};
use ambient_redaction::Redactor;

/// Most reasons that are named.
const MOST_REASONS: usize = 20;
/// Most bytes of a patch that goes in place of commits.
pub(super) const PATCH_LIMIT: usize = 1024 * 1024;

/// Why the commits of `base..head` must stay: a secret was found in them, or not all of them could be looked at.
pub(super) fn reasons_to_withhold(
    mirror: &Mirror,
    base: ObjectId,
    head: ObjectId,
    redactor: &Redactor,
) -> Result<Vec<String>, GitError> {
    let mut reasons = Vec::new();
    let redacted = |content: &[u8]| redactor.redact_bytes(content).1.total() > 0;
    let broken = check_commits(mirror, base, head, &CheckLimits::reviewable(), |place, content| {
        if reasons.len() < MOST_REASONS && redacted(content) {
            reasons.push(format!("{} holds a secret", name(place, redactor)));
        }
    })?;
    let hidden = broken.iter().filter(|broken| broken.hides_content());
    reasons.extend(hidden.take(MOST_REASONS).map(|broken| name(&broken.to_string(), redactor)));
    Ok(reasons)
}

/// A patch that may leave.
pub(super) fn clean(patch: &Patch, redactor: &Redactor) -> String {
    let clean = redactor.redact_bytes(&patch.text).0;
    let text = String::from_utf8_lossy(&clean);
    let kept = &text[..text.floor_char_boundary(PATCH_LIMIT)];
    if kept.len() == text.len() && !patch.is_cut {
        return text.into_owned();
    }
    format!("{kept}\n[left out: what has more than {PATCH_LIMIT} bytes in all]\n")
}

/// A place may hold the secret itself.
fn name(place: &str, redactor: &Redactor) -> String {
    redactor.redact(place).text.into_owned()
}
