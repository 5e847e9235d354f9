//! The project controller: one Project becomes a namespace with its access, bounds and results target.

mod apply;
mod plan;
mod report;
mod results;

use std::sync::Arc;
use std::time::Duration;

use ambient_crds::git_source::GitSource;
use ambient_crds::labels;
use ambient_crds::project::Project;
use ambient_crds::project_settings::ProjectSettings;
use ambient_crds::session::AgenticSession;
use ambient_kit::retry::{ErrorClass, classify};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use kube::runtime::controller::{Action as Requeue, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// How soon a Secret that cannot be used is looked at again.
const CREDENTIALS_AGAIN: Duration = Duration::from_secs(15);

/// Why a project could not be taken a step further.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {error}")]
pub(crate) struct ProjectError {
    what: &'static str,
    error: kube::Error,
}

/// What was being done when the API server answered with an error.
trait During<T> {
    fn during(self, what: &'static str) -> Result<T, ProjectError>;
}

impl<T> During<T> for Result<T, kube::Error> {
    fn during(self, what: &'static str) -> Result<T, ProjectError> {
        self.map_err(|error| ProjectError { what, error })
    }
}

/// Runs the controller until it is told to end.
pub(crate) async fn run(context: Arc<Context>, shutdown: CancellationToken) {
    let client = context.client.clone();
    let controller = Controller::new(Api::<Project>::all(client.clone()), watcher::Config::default());
    let projects = controller.store();
    controller
        .watches(
            Api::<Namespace>::all(client.clone()),
            watcher::Config::default().labels(labels::MANAGED),
            |namespace| Some(ObjectRef::new(&namespace.name_any())),
        )
        .watches(Api::<ProjectSettings>::all(client.clone()), watcher::Config::default(), |settings| {
            Some(ObjectRef::new(&settings.namespace()?))
        })
        .watches(Api::<GitSource>::all(client), watcher::Config::default(), move |source| {
            let uid = source.uid();
            let declared = projects.state().into_iter();
            let declared =
                declared.filter(move |project| project.labels().get(labels::SOURCE_UID) == uid.as_ref());
            declared.map(|project| ObjectRef::from_obj(&*project)).collect::<Vec<_>>()
        })
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, on_error, context)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "a project will be looked at again");
            }
        })
        .await;
}

async fn reconcile(project: Arc<Project>, context: Arc<Context>) -> Result<Requeue, ProjectError> {
    let client = &context.client;
    let name = project.name_any();
    if project.metadata.deletion_timestamp.is_some() {
        apply::let_go(client, &project).await?;
        return Ok(Requeue::await_change());
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = namespaces.get_opt(&name).await.during("read the namespace")?;
    let results = results::resolve(client, &project).await?;
    let access = results::check(context.results.mirrors(), &project, results.as_ref()).await;
    let access = access.map_err(|error| error.to_string());
    // Secrets are not watched: one that is put right is found by looking again.
    let next = if access.is_err() { Requeue::requeue(CREDENTIALS_AGAIN) } else { Requeue::await_change() };
    let findings = match plan::adoption(namespace.as_ref(), &project) {
        plan::Adoption::Refused(why) => report::Findings { namespace: Err(why), results, access },
        plan::Adoption::Terminating => {
            report::Findings { namespace: Err(report::terminating(&name)), results, access }
        }
        plan::Adoption::Ours => {
            apply::ensure_finalizer(client, &project).await?;
            let settings: Api<ProjectSettings> = Api::namespaced(client.clone(), &name);
            let settings =
                settings.get_opt(labels::PROJECT_SETTINGS_NAME).await.during("read the settings")?;
            let children = plan::plan(&project, settings.as_ref(), context.broker.is_some());
            apply::apply(client, &name, children).await?;
            report::Findings { namespace: Ok(()), results, access }
        }
    };
    if report::report(client, &project, &findings).await? {
        wake_sessions(&context, &name).await?;
    }
    context.backoff.reset(&name);
    Ok(next)
}

/// Sessions that waited for their project are looked at again when it has changed.
async fn wake_sessions(context: &Context, project: &str) -> Result<(), ProjectError> {
    let sessions: Api<AgenticSession> = Api::namespaced(context.client.clone(), project);
    let sessions = sessions.list(&ListParams::default()).await.during("list the sessions")?;
    sessions.iter().for_each(|session| context.board.look_again(project, &session.name_any()));
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn on_error(project: Arc<Project>, error: &ProjectError, context: Arc<Context>) -> Requeue {
    let class = classify(&error.error);
    if class != ErrorClass::Conflict {
        tracing::warn!(project = project.name_any(), %error, "the project could not be taken a step further");
    }
    context.backoff.next(&project.name_any(), class).map_or_else(Requeue::await_change, Requeue::requeue)
}
