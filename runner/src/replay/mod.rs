//! `ambient replay`: the agent process of recorded runs.
//!
//! It reads a turn's input, plays a fixture (events on standard output, real effects in its working directory) and
//! ends. Where it asks, or listens for another turn, it reads one more input. It is a process like any other agent's, started through the same carrier, so that tests and demonstrations
//! drive all of the runner and need no model.

mod effects;
mod fixture;
mod people;
mod player;
mod template;

pub use fixture::{Fixture, FixtureError};

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use self::people::Inputs;
use self::player::Player;

/// What the built-in fixture does, as YAML.
pub const DEMO: &str = include_str!("../../fixtures/demo.yaml");

/// Plays a fixture: `replay [--fixture PATH] [--turn N]`, with inputs of turns as JSON on standard input, one a line.
/// `--turn` passes over the turns before. The exit code is the fixture's; 2 means that the fixture could not be played.
///
/// It writes to standard output and waits where the fixture says so: call it from a thread that has nothing else to do.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let played = match Request::parse(&arguments) {
        Ok(Request::Hold { own_session }) => effects::hold(own_session),
        Ok(Request::Forget) => effects::forget(),
        Ok(Request::Play { fixture, turn }) => play(fixture, turn),
        Err(error) => Err(error),
    };
    match played {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nowhere else to say it: standard error is read by the runner.
            let _ = writeln!(io::stderr(), "replay: {error}");
            ExitCode::from(2)
        }
    }
}

enum Request {
    Play {
        fixture: Option<PathBuf>,
        turn: usize,
    },
    /// What the effect `spawn` starts: a process that does nothing for ever.
    Hold {
        own_session: bool,
    },
    /// What the effect `forget` starts: a process that starts such a one and ends.
    Forget,
}

impl Request {
    fn parse(arguments: &[OsString]) -> Result<Self, PlayError> {
        let words: Vec<_> = arguments.iter().map(|word| word.to_str().unwrap_or_default()).collect();
        match words.as_slice() {
            ["--forget"] => Ok(Self::Forget),
            ["--hold"] => Ok(Self::Hold { own_session: false }),
            ["--hold-in-own-session"] => Ok(Self::Hold { own_session: true }),
            _ => Self::playing(arguments),
        }
    }

    fn playing(arguments: &[OsString]) -> Result<Self, PlayError> {
        let (mut fixture, mut turn) = (None, 0);
        for pair in arguments.chunks(2) {
            match pair {
                [flag, path] if flag == "--fixture" => fixture = Some(PathBuf::from(path)),
                [flag, number] if flag == "--turn" => {
                    turn = number.to_str().and_then(|number| number.parse().ok()).ok_or(PlayError::Usage)?;
                }
                _ => return Err(PlayError::Usage),
            }
        }
        Ok(Self::Play { fixture, turn })
    }
}

fn play(path: Option<PathBuf>, turn: usize) -> Result<u8, PlayError> {
    let fixture = match path {
        None => Fixture::parse(DEMO)?,
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|cause| PlayError::Read { path: path.display().to_string(), cause })?;
            Fixture::parse(&text)?
        }
    };
    let mut inputs = Inputs::new(io::stdin().lock());
    let input = inputs.next()?.ok_or_else(|| PlayError::Input(io::ErrorKind::UnexpectedEof.into()))?;
    Player::new(&fixture, input, inputs, io::stdout().lock()).play_from(turn)
}

/// A fixture cannot be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlayError {
    #[error("usage: replay [--fixture PATH] [--turn N] < input.json")]
    Usage,
    #[error("cannot read the fixture {path}: {cause}")]
    Read {
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    #[error("cannot read the turn's input: {0}")]
    Input(#[source] io::Error),
    #[error("cannot write: {0}")]
    Output(#[source] io::Error),
    #[error("{action} {path}: {cause}")]
    Effect {
        action: &'static str,
        path: String,
        #[source]
        cause: io::Error,
    },
    #[error("cannot find \"{find}\" in {path}")]
    NotFound { find: String, path: String },
    #[error("none of these files exists: {0}")]
    NoneExists(String),
}
