//! Landlock: what this kernel keeps a process from, by the newest version that is known here.

use std::io;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::support::{Promise, Support};
use super::{Bounds, sockets};

/// The newest version that is asked for; an older kernel does what it can, and that is told.
const NEWEST: ABI = ABI::V9;

/// What this system can do.
#[must_use]
pub fn support() -> Support {
    Support::judged(is_kept)
}

/// Restricts this process, for good and with all that it will start, as far as `support` tells.
pub(super) fn restrict(bounds: &Bounds) -> io::Result<()> {
    let status = landlocked(bounds).map_err(|error| io::Error::other(error.to_string()))?;
    if status == RulesetStatus::NotEnforced {
        return Err(io::Error::other("the kernel does not enforce it"));
    }
    // The newer way is the better one: an agent's own sockets stay within its bounds.
    if !handles(AccessFs::ResolveUnix) && sockets::can_be_denied() {
        sockets::deny()?;
    }
    Ok(())
}

fn landlocked(bounds: &Bounds) -> Result<RulesetStatus, RulesetError> {
    let (read, write) = (AccessFs::from_read(NEWEST), AccessFs::from_all(NEWEST));
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(write)?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(bounds.read(), read))?
        .add_rules(path_beneath_rules(bounds.write(), write))?;
    Ok(ruleset.restrict_self()?.ruleset)
}

fn is_kept(promise: Promise) -> bool {
    match promise {
        Promise::Files => AccessFs::from_all(ABI::V1).iter().all(handles),
        Promise::Emptying => handles(AccessFs::Truncate),
        Promise::Devices => handles(AccessFs::IoctlDev),
        Promise::Signals => is_created(asked().scope(Scope::Signal)),
        Promise::Sockets => handles(AccessFs::ResolveUnix) || sockets::can_be_denied(),
    }
}

fn handles(access: AccessFs) -> bool {
    is_created(asked().handle_access(access))
}

fn asked() -> Ruleset {
    Ruleset::default().set_compatibility(CompatLevel::HardRequirement)
}

fn is_created(ruleset: Result<Ruleset, RulesetError>) -> bool {
    ruleset.and_then(Ruleset::create).is_ok_and(|_: RulesetCreated| true)
}
