//! `/` and `/projects/{project}`: the sessions that the user may read, newest first.

use std::collections::BTreeSet;
use std::sync::Arc;

use ambient_crds::{AgenticSession, Phase};
use ambient_kit::clock::precise_now;
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use super::parts::RowsPart;
use super::{Shell, html};
use crate::asked::Asked;
use crate::auth::{User, Verb};
use crate::error::{Error, PageError};
use crate::state::App;
use crate::view::listing::{self, Filter, Row};

/// Sessions on one page.
const ROWS: usize = 50;
/// Reviews asked at once.
const REVIEWS: usize = 10;

/// What the list is narrowed to, and which part of it is shown.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListQuery {
    project: String,
    phase: String,
    q: String,
    page: usize,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    shell: Shell,
    project: Option<String>,
    projects: Vec<String>,
    phases: Vec<&'static str>,
    query: ListQuery,
    rows: RowsPart,
    loading: bool,
    stream: String,
    older: Option<String>,
    newer: Option<String>,
}

/// A list as one user sees it.
pub(crate) struct Listed {
    /// The projects whose sessions the user may read.
    pub(crate) projects: Vec<String>,
    /// The part of the list that is shown.
    pub(crate) rows: RowsPart,
    /// Whether there are older ones.
    pub(crate) more: bool,
}

/// All projects.
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Asked(query, ..): Asked<ListQuery, PageError>,
) -> Result<Response, PageError> {
    page(&app, &user, None, query).await
}

/// One project.
pub(crate) async fn of_project(
    State(app): State<Arc<App>>,
    Extension(user): Extension<User>,
    Path(project): Path<String>,
    Asked(query, ..): Asked<ListQuery, PageError>,
) -> Result<Response, PageError> {
    if !app.access.may(&user, Verb::List, Some(&project), None).await? {
        return Err(Error::Forbidden(format!("{} may not list sessions in {project}", user.name)).into());
    }
    let query = ListQuery { project: project.clone(), ..query };
    page(&app, &user, Some(project), query).await
}

async fn page(
    app: &App,
    user: &User,
    project: Option<String>,
    query: ListQuery,
) -> Result<Response, PageError> {
    let listed = list(app, user, &query, project.is_some()).await?;
    let path = project.as_ref().map_or_else(|| "/".to_owned(), |project| format!("/projects/{project}"));
    let at = |number: usize| format!("{path}?{}", query.text(project.is_none(), number));
    let title =
        project.as_ref().map_or_else(|| "Sessions".to_owned(), |project| format!("{project} sessions"));
    let newer = query.page.checked_sub(1).map(at);
    let mut shell = Shell::new(title, &user.name);
    shell.reload = Some(5);
    let page = SessionsPage {
        shell,
        projects: listed.projects,
        phases: Phase::ALL.iter().map(|phase| phase.as_str()).collect(),
        rows: listed.rows,
        loading: !app.sessions.is_ready(),
        stream: format!(
            "/live/sessions?{}{}",
            query.text(true, query.page),
            if project.is_some() { "&one=1" } else { "" }
        ),
        older: listed.more.then(|| at(query.page + 1)),
        newer,
        project,
        query,
    };
    Ok(html(StatusCode::OK, &page)?)
}

/// The part of the list that a query asks for, as far as the user may read it.
///
/// # Errors
/// The API server's, where it does not answer reviews.
pub(crate) async fn list(
    app: &App,
    user: &User,
    query: &ListQuery,
    of_project: bool,
) -> Result<Listed, Error> {
    let (projects, sessions) = readable(app, user).await?;
    let filter = Filter::new(Some(&query.project), Some(&query.phase), Some(&query.q));
    let found = listing::select(sessions, &filter);
    let now = precise_now();
    let shown = found.iter().skip(query.page.saturating_mul(ROWS)).take(ROWS);
    let rows: Vec<_> = shown.map(|session| Row::new(session, now)).collect();
    let more = query.page.saturating_mul(ROWS) + rows.len() < found.len();
    let narrowed =
        filter.phase.is_some() || filter.search.is_some() || (filter.project.is_some() && !of_project);
    Ok(Listed { projects, rows: RowsPart { rows, total: found.len(), of_project, narrowed }, more })
}

/// The projects and sessions that a user may list: by one review where that answers for all, else by one a project.
async fn readable(app: &App, user: &User) -> Result<(Vec<String>, Vec<Arc<AgenticSession>>), Error> {
    let mut sessions = app.sessions.all();
    let names: BTreeSet<&str> = sessions.iter().filter_map(|one| one.metadata.namespace.as_deref()).collect();
    let mut projects: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if !app.access.may(user, Verb::List, None, None).await? {
        let reviewed = stream::iter(projects).map(|name| async move {
            let may = app.access.may(user, Verb::List, Some(&name), None).await?;
            Ok::<_, Error>(may.then_some(name))
        });
        projects = reviewed.buffered(REVIEWS).try_filter_map(|name| async { Ok(name) }).try_collect().await?;
        sessions.retain(|one| one.metadata.namespace.as_ref().is_some_and(|name| projects.contains(name)));
    }
    Ok((projects, sessions))
}

impl ListQuery {
    /// The query as the part of an address; a project's own list has the project in its path.
    fn text(&self, with_project: bool, page: usize) -> String {
        let project = if with_project { self.project.as_str() } else { "" };
        let page = if page == 0 { String::new() } else { page.to_string() };
        let pairs = [("project", project), ("phase", &self.phase), ("q", &self.q), ("page", &page)];
        let given = pairs.iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
    }
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_survives_its_address() {
        let query = ListQuery { project: "demo".into(), phase: String::new(), q: "a&b=ö".into(), page: 0 };
        assert_eq!(query.text(true, 2), "project=demo&q=a%26b%3D%C3%B6&page=2");
        assert_eq!(query.text(false, 0), "q=a%26b%3D%C3%B6");
        assert_eq!(ListQuery::default().text(true, 0), "");
    }
}
