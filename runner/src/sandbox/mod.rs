//! Confines an agent that is a child of its runner: it sees the system, its workspace and its home, and neither the person's
//! own files nor what the runner keeps (Landlock, and seccomp; ADR 0020). Pods with two containers need none of it.

mod bounds;
mod confine;
mod environment;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(not(target_os = "linux"))]
#[path = "kernel_portable.rs"]
mod kernel;
mod programs;
#[cfg(target_os = "linux")]
mod sockets;
mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use ambient_protocol::sandbox::Sandbox;

pub(crate) use bounds::Bounds;
pub use confine::main;
pub use kernel::support;
pub use support::{Promise, Shortfall, Support};

use crate::carrier::AgentCommand;

/// Subcommand of this program that confines itself and becomes another one.
pub const SUBCOMMAND: &str = "confine";

/// Why an agent cannot be confined that has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "agents must be confined here (--sandbox on), and {0}; with --sandbox auto they run all the same, confined as far as \
     it goes, and it is said"
)]
pub(crate) struct CannotConfine(String);

/// By what an agent is confined, and whatever its runner starts for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confinement {
    bounds: Bounds,
    executable: PathBuf,
}

impl Confinement {
    /// That of the agent with this command, in these bounds; none where it is not to be. `executable` is this program.
    ///
    /// # Errors
    /// Where it must be, and cannot.
    pub(crate) fn of(
        agent: &AgentCommand,
        bounds: Bounds,
        executable: &Path,
        sandbox: Sandbox,
    ) -> Result<Option<Self>, CannotConfine> {
        let support = support();
        match (sandbox, support.shortfall()) {
            (Sandbox::Off, _) => return Ok(None),
            (Sandbox::Required, Some(shortfall)) => return Err(CannotConfine(shortfall.to_string())),
            (Sandbox::WherePossible, _) if matches!(support, Support::None(_)) => return Ok(None),
            (Sandbox::WherePossible | Sandbox::Required, _) => {}
        }
        let bounds = match programs::find(agent) {
            Some(program) => bounds.with_program(&program, &agent.environment),
            None => bounds,
        };
        Ok(Some(Self { bounds, executable: executable.to_owned() }))
    }

    /// The command by which another one starts confined. What it names widens nothing: an agent may have chosen it.
    ///
    /// # Errors
    /// Its program is not there. It is never started unconfined for that: it could be there a moment later.
    pub(crate) fn confine(&self, command: AgentCommand) -> io::Result<AgentCommand> {
        let program = programs::find(&command).ok_or(nix::errno::Errno::ENOENT)?;
        let bounds = self.bounds.to_argument().into();
        let mut arguments: Vec<OsString> = vec![SUBCOMMAND.into(), bounds, program.into()];
        arguments.extend(command.arguments);
        let mut environment = command.environment;
        let temporary = self.bounds.temporary().as_os_str();
        environment.extend(["TMPDIR", "TMP", "TEMP"].map(|name| (name.to_owned(), temporary.to_owned())));
        let environment = environment::packed(environment);
        Ok(AgentCommand { program: self.executable.clone(), arguments, environment, ..command })
    }
}

/// What the programs need that a command names beside its own, by path or by name.
pub(crate) fn named_programs(words: &[String], environment: &BTreeMap<String, OsString>) -> Vec<PathBuf> {
    let programs = words.iter().filter_map(|word| programs::find_named(Path::new(word), environment));
    programs.flat_map(|program| programs::roots(&program)).collect()
}
