//! Parts of pages that are also sent alone, when they change while a page is open.

use ambient_crds::Phase;
use ambient_protocol::Conversation;
use ambient_protocol::conversation::Entry;
use ambient_protocol::records::Record;
use askama::Template;
use askama::filters::HtmlSafe;

use crate::runs::{Target, sleeps};
use crate::view::conversation::EntryView;
use crate::view::listing::Row;
use crate::view::patch::{self, FileChange};
use crate::view::people::QuestionView;
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

/// What the run waits for, with forms to answer and to write.
#[derive(Template)]
#[template(path = "parts/people.html")]
pub(crate) struct PeoplePart {
    project: String,
    name: String,
    questions: Vec<QuestionView>,
    /// Whether it sleeps.
    is_asleep: bool,
    /// Tells a message from the page that is said now from those before, where one can be said.
    message: Option<String>,
}

impl PeoplePart {
    /// Of a run as it stands; nothing for one that is over, or is not the session's current one.
    pub(crate) fn new(target: &Target, conversation: &Conversation) -> Self {
        let session = target.session.as_ref().filter(|_| target.is_current() && !target.is_over());
        let is_running = session.is_some_and(|session| {
            session.status.as_ref().and_then(|status| status.phase) == Some(Phase::Running)
        });
        let questions = conversation.attendance.questions().iter().filter(|_| is_running);
        let writes = is_running && session.is_some_and(|session| session.spec.interactive);
        Self {
            project: target.key.project().to_owned(),
            name: target.key.session().to_owned(),
            questions: questions.map(QuestionView::new).collect(),
            is_asleep: session.is_some() && sleeps(target),
            message: writes.then(|| {
                // Two people may write at once; what nobody has said since stays as somebody is writing it.
                let said =
                    conversation.entries.iter().filter(|entry| matches!(entry, Entry::User { .. })).count();
                format!("{}-{said}", target.user.name)
            }),
        }
    }

    fn is_silent(&self) -> bool {
        self.questions.is_empty() && !self.is_asleep && self.message.is_none()
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
impl HtmlSafe for PeoplePart {}
impl HtmlSafe for EntryPart<'_> {}
