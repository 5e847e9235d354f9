//! Which commits come before which, also in a history that is cut.
//!
//! libgit2 walks quickly, but knows nothing of cuts on its way and fails at the first commit that is not there. So short
//! histories are walked by hand.

use std::collections::HashSet;

use git2::{Error, Oid, Repository};

/// The commits of `base..head`, the newest first, at most so many of them.
pub(crate) fn between(repository: &Repository, base: Oid, head: Oid, most: usize) -> Result<Vec<Oid>, Error> {
    if let Some(ends) = ends(repository) {
        let (mut found, mut known) = (Vec::new(), HashSet::new());
        reach((repository, &ends), base, &mut known, |_| ())?;
        reach((repository, &ends), head, &mut known, |id| found.push(id))?;
        found.truncate(most);
        return Ok(found);
    }
    let mut walk = repository.revwalk()?;
    walk.push(head)?;
    walk.hide(base)?;
    walk.take(most).collect()
}

/// Whether a commit is in the history of another one.
pub(crate) fn is_ancestor(repository: &Repository, ancestor: Oid, descendant: Oid) -> Result<bool, Error> {
    if ancestor == descendant {
        return Ok(true);
    }
    if let Some(ends) = ends(repository) {
        let mut known = HashSet::new();
        reach((repository, &ends), descendant, &mut known, |_| ())?;
        return Ok(known.contains(&ancestor));
    }
    repository.graph_descendant_of(descendant, ancestor)
}

/// The commits whose parents are not there, where the history is cut; Git keeps their list (gitrepository-layout(5)).
fn ends(repository: &Repository) -> Option<HashSet<Oid>> {
    let text = std::fs::read_to_string(repository.path().join("shallow")).ok()?;
    Some(text.lines().filter_map(|line| Oid::from_str(line).ok()).collect())
}

/// Adds all commits that can be reached from one to those that are known, and shows each that was not.
fn reach(
    (repository, ends): (&Repository, &HashSet<Oid>),
    from: Oid,
    known: &mut HashSet<Oid>,
    mut new: impl FnMut(Oid),
) -> Result<(), Error> {
    let mut waiting = vec![from];
    while let Some(id) = waiting.pop() {
        if known.insert(id) {
            new(id);
            if !ends.contains(&id) {
                waiting.extend(repository.find_commit(id)?.parent_ids());
            }
        }
    }
    Ok(())
}
