//! The program that confines itself and becomes the agent: what it may not, nothing that it starts may either.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use super::kernel::restrict;
use super::{Bounds, environment};

/// Exit code where the agent could not be started, as shells have it.
const NOT_STARTED: u8 = 127;

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

fn complain(message: &str) -> ExitCode {
    // Where this fails there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::from(NOT_STARTED)
}
