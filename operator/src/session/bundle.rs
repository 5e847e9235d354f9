//! A runner's bundle: fetched to a file, then into a mirror.

use std::io::Write as _;

use ambient_git::{Bundle, Mirror, ObjectId, Remote};
use ambient_protocol::client::RunnerClient;
use ambient_protocol::effective::EffectiveRepository;
use ambient_protocol::outcome::{BUNDLE_LIMIT, Bundle as Announced, RepositoryOutcome};
use sha2::{Digest as _, Sha256};

use super::publish::PublishError;
use crate::ledger::WriteError;

/// What a runner's bundle turned out to be.
pub(super) enum Taken {
    /// Commits of which each object is well-formed.
    Commits { base: ObjectId, head: ObjectId },
    /// Why nothing can be made of it, whoever tries.
    Refused(String),
}

/// Takes a runner's bundle into a mirror.
///
/// # Errors
/// Fails where it cannot be read to its end, which is worth another try.
pub(super) async fn take(
    mirror: &Mirror,
    remote: &Remote,
    runner: &RunnerClient,
    repository: &EffectiveRepository,
    left: &RepositoryOutcome,
    name: &str,
) -> Result<Taken, PublishError> {
    let (Some(bundle), Some(head)) = (&left.bundle, &left.head) else {
        return Ok(Taken::Refused("the runner named no commit".to_owned()));
    };
    let (Ok(base), Ok(head)) = (left.base.parse::<ObjectId>(), head.parse::<ObjectId>()) else {
        return Ok(Taken::Refused("the runner named no commit".to_owned()));
    };
    if !mirror.has(base) {
        mirror.fetch(remote).await.map_err(|error| WriteError::git(&repository.url, &error))?;
    }
    let Some(file) = fetch(runner, &repository.name, bundle).await? else {
        return Ok(Taken::Refused("its bundle is not the one that was announced".to_owned()));
    };
    match mirror.take_bundle(Bundle { path: file.path(), reference: &bundle.reference }, name).await {
        Ok(found) if found == head => Ok(Taken::Commits { base, head }),
        Ok(_) => Ok(Taken::Refused("its bundle holds another commit than announced".to_owned())),
        Err(error) => Ok(Taken::Refused(format!("its bundle cannot be taken: {error}"))),
    }
}

/// Keeps a bundle in a file; none where it is another one than announced, or larger than any that is taken.
async fn fetch(
    runner: &RunnerClient,
    repository: &str,
    announced: &Announced,
) -> Result<Option<tempfile::NamedTempFile>, PublishError> {
    let failed = |error| PublishError::Runner { repository: repository.to_owned(), error };
    let mut file = tempfile::NamedTempFile::new()?;
    let (mut digest, mut size) = (Sha256::new(), 0);
    let mut pieces = runner.bundle(repository).await.map_err(failed)?;
    while let Some(piece) = pieces.next().await.map_err(failed)? {
        size += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if size > announced.size.min(BUNDLE_LIMIT) {
            return Ok(None);
        }
        digest.update(&piece);
        // Into memory, as far as this process is concerned.
        file.write_all(&piece)?;
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((format!("sha256:{hex}") == announced.digest).then_some(file))
}
