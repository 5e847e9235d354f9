//! Where each value of a document stands.

use std::collections::BTreeMap;

/// A line and a column, from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// The positions of a value and of the values within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Positions {
    /// Where the value stands; for the value of a key, where the key stands.
    pub(super) at: Position,
    /// The values within.
    pub(super) inner: Inner,
}

/// The values within a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inner {
    /// None: a scalar.
    Nothing,
    /// Those of a mapping.
    Fields(BTreeMap<String, Positions>),
    /// Those of a sequence.
    Items(Vec<Positions>),
}

impl Positions {
    /// The position of the value at a path such as `spec.repos[0].url`, or of the nearest value around it.
    ///
    /// Keys may contain dots (`metadata.labels.example.com/team`) or stand in brackets (`labels[example.com/team]`).
    pub(super) fn find(&self, path: &str) -> Position {
        let path = path.trim_start_matches('.');
        match &self.inner {
            _ if path.is_empty() => self.at,
            Inner::Nothing => self.at,
            Inner::Items(items) => find_item(items, path).unwrap_or(self.at),
            Inner::Fields(fields) => find_field(fields, path).unwrap_or(self.at),
        }
    }
}

fn find_item(items: &[Positions], path: &str) -> Option<Position> {
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    let item = items.get(index.parse::<usize>().ok()?)?;
    Some(item.find(rest))
}

fn find_field(fields: &BTreeMap<String, Positions>, path: &str) -> Option<Position> {
    if let Some((key, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']')) {
        return fields.get(key.trim_matches('"')).map(|field| field.find(rest));
    }
    let whole_key = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
    let matching = fields.iter().filter(|(key, _)| path.strip_prefix(key.as_str()).is_some_and(whole_key));
    let (key, field) = matching.max_by_key(|(key, _)| key.len())?;
    Some(field.find(&path[key.len()..]))
}
