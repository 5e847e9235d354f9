//! What is wrong with a manifest, and where: `file:line:col code message`.

use std::fmt;

use crate::codes::Code;
use crate::git_source::SourceError;

/// A place in a file. Line and column count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The path of the file within its repository.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One error or warning about one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub place: Place,
    /// The stable code; it also tells error from warning.
    pub code: Code,
    /// What is wrong and the way out.
    pub message: String,
}

impl Finding {
    /// Whether the document is refused because of it.
    pub fn is_error(&self) -> bool {
        !self.code.is_warning()
    }

    /// Its form in the status of a source, cut to the bounds there.
    pub fn into_status(self) -> SourceError {
        SourceError {
            file: Some(self.place.file),
            line: i32::try_from(self.place.line).ok(),
            column: i32::try_from(self.place.column).ok(),
            code: Some(self.code.to_string()),
            message: self.message,
        }
        .bounded()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.place, self.code, self.message)
    }
}
