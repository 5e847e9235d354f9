//! `/projects/{project}/sessions/{session}`: one run of one session, whole.

use std::sync::Arc;

use ambient_kit::clock::precise_now;
use ambient_protocol::records::Record;
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::parts::{ChangesPart, EntryPart, FactsPart, PeoplePart, StandingPart};
use super::{Shell, html};
use crate::asked::Asked;
use crate::auth::User;
use crate::error::{Error, PageError};
use crate::runs::{SoFar, Target, current_run, record, so_far};
use crate::state::App;
use crate::view::conversation::{self, EntryView};
use crate::view::run::RunView;
use crate::view::text::{clean, cut};

/// Most runs that the page links to.
const RUNS: u32 = 20;

/// Which run is asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RunQuery {
    run: Option<u32>,
}

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage<'a> {
    shell: Shell,
    project: &'a str,
    name: &'a str,
    title: String,
    run: u32,
    runs: Vec<u32>,
    standing: StandingPart<'a>,
    facts: FactsPart<'a>,
    changes: ChangesPart,
    people: PeoplePart,
    entries: Vec<EntryPart<'a>>,
    note: Option<String>,
    truncated: bool,
    record_problem: bool,
    stream: Option<String>,
}

/// The page of a run.
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path((project, name)): Path<(String, String)>,
    Asked(query, ..): Asked<RunQuery, PageError>,
) -> Result<Response, PageError> {
    let target = Target::find(&app, user, &project, &name, query.run).await?;
    let (so_far, record) = tokio::join!(so_far(&app, &target), record_of(&app, &target));
    let so_far = so_far?;
    let entries = conversation::entries(&so_far.conversation);
    let view = RunView::new(&target, record.as_ref().ok().and_then(Option::as_ref), precise_now());
    let page = assemble(&target, &so_far, &entries, &view, record.as_ref());
    Ok(html(StatusCode::OK, &page)?)
}

/// The record of a run, if that is over.
pub(crate) async fn record_of(app: &App, target: &Target) -> Result<Option<Record>, Error> {
    if target.is_over() { record(app, target).await } else { Ok(None) }
}

fn assemble<'a>(
    target: &'a Target,
    so_far: &SoFar,
    entries: &'a [EntryView],
    view: &'a RunView,
    record: Result<&Option<Record>, &Error>,
) -> SessionPage<'a> {
    let (key, recorded) = (&target.key, record.ok().and_then(Option::as_ref));
    let title = title(target, recorded);
    let settled = so_far.whole && recorded.is_some_and(|record| record.entry.ended.is_some());
    let stream = (!settled).then(|| {
        let (project, name, run) = (key.project(), key.session(), key.run());
        format!("/live/projects/{project}/sessions/{name}?run={run}&after={}", so_far.conversation.sequence)
    });
    let mut shell = Shell::new(format!("{title} · {}", key.project()), &target.user.name);
    shell.reload = stream.is_some().then_some(5);
    SessionPage {
        shell,
        project: key.project(),
        name: key.session(),
        title,
        run: key.run(),
        runs: runs(target),
        standing: StandingPart { run: view },
        facts: FactsPart { run: view },
        changes: ChangesPart::new(recorded),
        people: PeoplePart::new(target, &so_far.conversation),
        entries: entries.iter().enumerate().map(|(index, entry)| EntryPart { index, entry }).collect(),
        note: conversation::turn_note(&so_far.conversation.status),
        truncated: so_far.truncated,
        record_problem: record.is_err(),
        stream,
    }
}

fn title(target: &Target, record: Option<&Record>) -> String {
    let session = target.session.as_ref().and_then(|session| session.spec.display_name.as_deref());
    let recorded = || record.and_then(|record| record.result.as_ref()?.display_name.as_deref());
    let title = session.or_else(recorded).map(|title| cut(&clean(title), 200)).unwrap_or_default();
    if title.trim().is_empty() { target.key.session().to_owned() } else { title }
}

/// The runs to choose from, newest first.
fn runs(target: &Target) -> Vec<u32> {
    let newest = target.session.as_ref().map_or(target.key.run(), current_run).max(target.key.run());
    (newest.saturating_sub(RUNS - 1).max(1)..=newest).rev().collect()
}
