//! Parts of pages that are also sent alone, when they change while a page is open.

use ambient_protocol::records::Record;
use askama::Template;
use askama::filters::HtmlSafe;

use crate::view::conversation::EntryView;
use crate::view::listing::Row;
use crate::view::patch::{self, FileChange};
use crate::view::run::RunView;
use crate::view::text::clean;

/// The rows of the list, with what stands for them where there are none.
#[derive(Template)]
#[template(path = "parts/rows.html")]
pub(crate) struct RowsPart {
    /// The rows of this page of the list.
    pub(crate) rows: Vec<Row>,
    /// Sessions in all.
    pub(crate) total: usize,
    /// Whether a project's own list is shown, which needs no column for it.
    pub(crate) of_project: bool,
    /// Whether anything was asked to be left out.
    pub(crate) narrowed: bool,
}

/// Phase, reason and figures of a run.
#[derive(Template)]
#[template(path = "parts/standing.html")]
pub(crate) struct StandingPart<'a> {
    /// The run.
    pub(crate) run: &'a RunView,
}

/// The facts beside a conversation.
#[derive(Template)]
#[template(path = "parts/facts.html")]
pub(crate) struct FactsPart<'a> {
    /// The run.
    pub(crate) run: &'a RunView,
}

/// What a run changed.
#[derive(Template)]
#[template(path = "parts/changes.html")]
pub(crate) struct ChangesPart {
    /// Its patches.
    pub(crate) patches: Vec<PatchView>,
}

/// The patch of one repository.
pub(crate) struct PatchView {
    /// Its path in the result folder.
    pub(crate) path: String,
    /// Its files.
    pub(crate) files: Vec<FileChange>,
    /// Whether lines were left out.
    pub(crate) cut: bool,
}

impl ChangesPart {
    /// The changes that a record holds.
    pub(crate) fn new(record: Option<&Record>) -> Self {
        let patches =
            record.map(|record| record.patches.as_slice()).unwrap_or_default().iter().map(|recorded| {
                let (files, long) = patch::files(&recorded.text);
                PatchView { path: clean(&recorded.path), files, cut: long || recorded.truncated }
            });
        Self { patches: patches.collect() }
    }
}

/// One entry of a conversation.
#[derive(Template)]
#[template(path = "parts/entry.html")]
pub(crate) struct EntryPart<'a> {
    /// Its place in the conversation, from 0; its element's id is `e<index>`.
    pub(crate) index: usize,
    /// The entry.
    pub(crate) entry: &'a EntryView,
}

// Parts are templates: what they print is escaped already, and stands in pages as it is.
impl HtmlSafe for RowsPart {}
impl HtmlSafe for StandingPart<'_> {}
impl HtmlSafe for FactsPart<'_> {}
impl HtmlSafe for ChangesPart {}
impl HtmlSafe for EntryPart<'_> {}
