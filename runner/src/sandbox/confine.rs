//! The program that confines itself and becomes the agent: what it may not, nothing that it starts may either.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use super::{Bounds, environment};

/// Exit code where the agent could not be started, as shells have it.
const NOT_STARTED: u8 = 127;

/// What this system can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Files, and signals to others.
    Whole,
    /// Nothing, for this reason.
    None(&'static str),
}

/// Confines this process by the first argument and becomes the program of the others. Comes back only where it fails.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let bounds = arguments.next().and_then(|text| serde_json::from_str::<Bounds>(text.to_str()?).ok());
    let (Some(bounds), Some(program)) = (bounds, arguments.next()) else {
        return complain("usage: confine BOUNDS PROGRAM [ARGUMENT...] (used by the runner)");
    };
    // Never with less than was promised: whoever starts it has looked.
    if let Err(error) = std::fs::create_dir_all(bounds.temporary()).and_then(|()| restrict(&bounds)) {
        return complain(&format!("the agent cannot be confined: {error}"));
    }
    let environment = environment::unpacked(std::env::vars_os());
    let error = Command::new(&program).args(arguments).env_clear().envs(environment).exec();
    complain(&format!("cannot start {}: {error}", program.display()))
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;

    use landlock::{
        ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreated,
        RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
    };

    use super::{Bounds, Support};

    /// The newest version that is asked for; an older kernel does what it can.
    const NEWEST: ABI = ABI::V6;

    /// What this system can do.
    #[must_use]
    pub fn support() -> Support {
        let asked = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V1))
            .and_then(Ruleset::create);
        match asked {
            Ok(_) => Support::Whole,
            Err(_) => {
                Support::None("this kernel has no Landlock (Linux 5.13 and newer), or it is switched off")
            }
        }
    }

    pub(super) fn restrict(bounds: &Bounds) -> io::Result<()> {
        let other = |error: landlock::RulesetError| io::Error::other(error.to_string());
        let created = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))
            .and_then(|ruleset| ruleset.scope(Scope::from_all(NEWEST)))
            .and_then(Ruleset::create)
            .map_err(other)?;
        let status = created
            .add_rules(path_beneath_rules(bounds.read(), AccessFs::from_read(NEWEST)))
            .and_then(|ruleset| {
                ruleset.add_rules(path_beneath_rules(bounds.write(), AccessFs::from_all(NEWEST)))
            })
            .and_then(RulesetCreated::restrict_self)
            .map_err(other)?;
        match status.ruleset {
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
            RulesetStatus::NotEnforced => Err(io::Error::other("the kernel does not enforce it")),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;

    use super::{Bounds, Support};

    /// What this system can do.
    #[must_use]
    pub fn support() -> Support {
        Support::None("this is not Linux")
    }

    pub(super) fn restrict(_: &Bounds) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

use system::restrict;
pub use system::support;

fn complain(message: &str) -> ExitCode {
    // Where this fails there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::from(NOT_STARTED)
}
