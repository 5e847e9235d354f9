//! Confines an agent that is a child of its runner: it sees the system, its workspace and its home, and neither the person's
//! own files nor what the runner keeps (Landlock, Linux 5.13 and newer; ADR 0020). Pods with two containers need none of it.

mod bounds;
mod confine;
mod programs;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ambient_protocol::sandbox::Sandbox;

pub(crate) use bounds::Bounds;
pub use confine::{Support, main, support};

use crate::carrier::AgentCommand;

/// Subcommand of this program that confines itself and becomes another one.
pub const SUBCOMMAND: &str = "confine";

/// Why an agent cannot be confined that has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "agents must be confined here (--sandbox on), and {0}; with --sandbox auto they run all the same, and it is said"
)]
pub(crate) struct CannotConfine(pub(crate) &'static str);

/// The command by which an agent starts confined; the command itself where it is not to be.
///
/// # Errors
/// Where it must be, and cannot.
pub(crate) fn confined(
    command: AgentCommand,
    bounds: Bounds,
    executable: &Path,
    sandbox: Sandbox,
) -> Result<AgentCommand, CannotConfine> {
    match (sandbox, support()) {
        (Sandbox::Off, _) | (Sandbox::WherePossible, Support::None(_)) => return Ok(command),
        (Sandbox::Required, Support::None(why)) => return Err(CannotConfine(why)),
        (_, Support::Whole) => {}
    }
    // One that is not there is named as it would be otherwise.
    let Some(program) = programs::find(&command.program, &command.environment) else { return Ok(command) };
    let bounds = bounds.with_program(&program, &command.environment);
    Ok(wrapped(command, &bounds, executable, program))
}

/// What the programs need that a command names beside its own, by path or by name.
pub(crate) fn named_programs(words: &[String], environment: &BTreeMap<String, OsString>) -> Vec<PathBuf> {
    let programs = words.iter().filter_map(|word| programs::find(Path::new(word), environment));
    programs.flat_map(|program| programs::roots(&program)).collect()
}

fn wrapped(command: AgentCommand, bounds: &Bounds, executable: &Path, program: PathBuf) -> AgentCommand {
    let mut arguments: Vec<OsString> = vec![SUBCOMMAND.into(), bounds.to_argument().into(), program.into()];
    arguments.extend(command.arguments);
    let mut environment = command.environment;
    let temporary = bounds.temporary().as_os_str();
    environment.extend(["TMPDIR", "TMP", "TEMP"].map(|name| (name.to_owned(), temporary.to_owned())));
    AgentCommand { program: executable.to_owned(), arguments, environment, ..command }
}
