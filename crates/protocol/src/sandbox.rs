//! Whether agents that are children of their runner are confined.

use std::str::FromStr;

/// What is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// They are not.
    #[default]
    Off,
    /// They are where the system can do it.
    WherePossible,
    /// They are, or do not start.
    Required,
}

impl Sandbox {
    /// All of them.
    const ALL: [Self; 3] = [Self::Off, Self::WherePossible, Self::Required];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::WherePossible => "auto",
            Self::Required => "on",
        }
    }
}

/// No such word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is none of auto, on, off")]
pub struct UnknownSandbox(String);

impl FromStr for Sandbox {
    type Err = UnknownSandbox;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|sandbox| sandbox.as_str() == word);
        found.ok_or_else(|| UnknownSandbox(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        let words = [("off", Sandbox::Off), ("auto", Sandbox::WherePossible), ("on", Sandbox::Required)];
        for (word, sandbox) in words {
            assert_eq!((sandbox.as_str(), word.parse()), (word, Ok(sandbox)));
        }
        assert_eq!("yes".parse::<Sandbox>().unwrap_err().to_string(), "\"yes\" is none of auto, on, off");
    }
}
