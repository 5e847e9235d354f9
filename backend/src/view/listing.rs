//! Which sessions a list shows, in which order, and their rows.

use std::cmp::Reverse;
use std::sync::Arc;

use ambient_crds::AgenticSession;
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::numbers::{self, Moment};
use super::phase::Badge;
use super::text::{clean, cut, short_commit};
use crate::runs::current_run;

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// One project.
    pub(crate) project: Option<String>,
    /// One phase.
    pub(crate) phase: Option<String>,
    /// A text in project, name or display name, in lower case.
    pub(crate) search: Option<String>,
}

impl Filter {
    /// A filter; empty texts do not narrow.
    pub(crate) fn new(project: Option<&str>, phase: Option<&str>, search: Option<&str>) -> Self {
        let given =
            |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            project: given(project),
            phase: given(phase),
            search: given(search).map(|text| text.to_lowercase()),
        }
    }

    fn takes(&self, session: &AgenticSession) -> bool {
        let project = session.metadata.namespace.as_deref().unwrap_or_default();
        let name = session.metadata.name.as_deref().unwrap_or_default();
        let display = session.spec.display_name.as_deref().unwrap_or_default();
        let phase = || Badge::of_session(session).word;
        self.project.as_deref().is_none_or(|wanted| wanted == project)
            && self.phase.as_deref().is_none_or(|wanted| wanted == phase())
            && self.search.as_deref().is_none_or(|wanted| {
                [project, name, display].iter().any(|text| text.to_lowercase().contains(wanted))
            })
    }
}

/// The sessions that a filter takes, newest first.
pub(crate) fn select(sessions: Vec<Arc<AgenticSession>>, filter: &Filter) -> Vec<Arc<AgenticSession>> {
    let mut found: Vec<_> = sessions.into_iter().filter(|session| filter.takes(session)).collect();
    // Stable, so that those of one second stay in the order of project and name.
    found.sort_by_key(|session| Reverse(created(session)));
    found
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The project.
    pub(crate) project: String,
    /// The session.
    pub(crate) name: String,
    /// Its display name, if it has one.
    pub(crate) title: Option<String>,
    /// Where it stands.
    pub(crate) badge: Badge,
    /// The current run.
    pub(crate) run: u32,
    /// The runner type, or empty for the project's default.
    pub(crate) runner: String,
    /// The model asked for, or empty for the default.
    pub(crate) model: String,
    /// The cost so far.
    pub(crate) cost: Option<String>,
    /// The commit that recorded the result: whole and short.
    pub(crate) result: Option<(String, String)>,
    /// When it was created.
    pub(crate) created: Option<Moment>,
}

impl Row {
    /// The row of a session.
    pub(crate) fn new(session: &AgenticSession, now: Timestamp) -> Self {
        let (spec, status) = (&session.spec, session.status.as_ref());
        let usage = status.and_then(|status| status.usage.as_ref());
        let commit = status.and_then(|status| status.result_commit.as_deref());
        let model = spec.llm_settings.as_ref().and_then(|settings| settings.model.as_deref());
        let title = spec.display_name.as_deref().map(|name| cut(&clean(name), 120));
        Self {
            project: session.namespace().unwrap_or_default(),
            name: session.name_any(),
            title: title.filter(|title| !title.trim().is_empty()),
            badge: Badge::of_session(session),
            run: current_run(session),
            runner: clean(spec.runner_type.as_deref().unwrap_or_default()),
            model: clean(model.unwrap_or_default()),
            cost: usage.and_then(|usage| usage.cost_usd).map(numbers::money),
            result: commit.map(|id| (clean(id), short_commit(&clean(id)))),
            created: created(session).map(|at| Moment::new(at, now)),
        }
    }
}

fn created(session: &AgenticSession) -> Option<Timestamp> {
    session.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(project: &str, name: &str, second: i64, phase: &str) -> Arc<AgenticSession> {
        let created = Timestamp::from_second(second).unwrap().to_string();
        let json = serde_json::json!({
            "apiVersion": "vteam.ambient-code/v1alpha1", "kind": "AgenticSession",
            "metadata": { "namespace": project, "name": name, "creationTimestamp": created },
            "spec": { "displayName": format!("The {name} task") }, "status": { "phase": phase },
        });
        Arc::new(serde_json::from_value(json).unwrap())
    }

    fn names(filter: &Filter) -> Vec<String> {
        let sessions = vec![
            session("alpha", "a", 10, "Running"),
            session("alpha", "b", 30, "Completed"),
            session("beta", "c", 20, "Running"),
            session("beta", "d", 20, "Failed"),
        ];
        select(sessions, filter).iter().map(|session| session.name_any()).collect()
    }

    #[test]
    fn newest_come_first_and_filters_narrow() {
        let filter = |project, phase, search| Filter::new(project, phase, search);
        assert_eq!(names(&filter(None, None, None)), ["b", "c", "d", "a"]);
        assert_eq!(names(&filter(Some("beta"), None, None)), ["c", "d"]);
        assert_eq!(names(&filter(Some("beta"), Some("Running"), None)), ["c"]);
        assert_eq!(names(&filter(None, None, Some("ALPHA"))), ["b", "a"]);
        assert_eq!(names(&filter(None, None, Some("the d task"))), ["d"]);
        assert_eq!(names(&filter(Some(""), Some(" "), Some(""))).len(), 4);
    }
}
