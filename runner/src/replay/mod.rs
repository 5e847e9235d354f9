//! `ambient replay`: the agent process of recorded runs.
//!
//! It reads a turn's input, plays a fixture (events on standard output, real effects in its working directory) and
//! ends. It is a process like any other agent's, started through the same carrier, so that tests and demonstrations
//! drive all of the runner and need no model.

mod effects;
mod fixture;
mod player;
mod template;

pub use fixture::{Fixture, FixtureError};

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use ambient_protocol::RunAgentInput;

use self::player::Player;

/// What the built-in fixture does, as YAML.
pub const DEMO: &str = include_str!("../../fixtures/demo.yaml");

/// Plays a fixture: `replay [--fixture PATH]`, with a turn's input as JSON on standard input. The exit code is the
/// fixture's; 2 means that the fixture could not be played.
///
/// It writes to standard output and waits where the fixture says so: call it from a thread that has nothing else to do.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let played = match Request::parse(&arguments) {
        Ok(Request::Hold { own_session }) => effects::hold(own_session),
        Ok(Request::Forget) => effects::forget(),
        Ok(Request::Play(fixture)) => play(fixture),
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
    Play(Option<PathBuf>),
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
            [] => Ok(Self::Play(None)),
            ["--fixture", _] => Ok(Self::Play(arguments.get(1).map(PathBuf::from))),
            ["--forget"] => Ok(Self::Forget),
            ["--hold"] => Ok(Self::Hold { own_session: false }),
            ["--hold-in-own-session"] => Ok(Self::Hold { own_session: true }),
            _ => Err(PlayError::Usage),
        }
    }
}

fn play(path: Option<PathBuf>) -> Result<u8, PlayError> {
    let fixture = match path {
        None => Fixture::parse(DEMO)?,
        Some(path) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|cause| PlayError::Read { path: path.display().to_string(), cause })?;
            Fixture::parse(&text)?
        }
    };
    let mut input = String::new();
    io::stdin().read_to_string(&mut input).map_err(PlayError::Input)?;
    let input: RunAgentInput =
        serde_json::from_str(&input).map_err(|error| PlayError::Input(error.into()))?;
    Player::new(&fixture, &input, io::stdout().lock()).play()
}

/// A fixture cannot be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlayError {
    #[error("usage: replay [--fixture PATH] < input.json")]
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
