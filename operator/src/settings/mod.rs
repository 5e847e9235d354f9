//! The settings controller: a project's own access, within what its Project grants, and whether its defaults stay
//! within the ceilings.

use std::sync::Arc;

use ambient_crds::conditions::ConditionType;
use ambient_crds::labels::{self, field_managers};
use ambient_crds::project::{Ceilings, Project};
use ambient_crds::project_settings::{ProjectSettings, ProjectSettingsSpec, ProjectSettingsStatus};
use ambient_crds::session::AgenticSession;
use ambient_crds::shared::GroupAccess;
use ambient_kit::apply::{FieldManager, apply_status};
use ambient_kit::clock::now;
use ambient_kit::conditions::{Statement, merge};
use ambient_kit::retry::{ErrorClass, classify};
use ambient_protocol::models::ModelTable;
use futures::StreamExt as _;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use kube::runtime::controller::{Action as Requeue, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::unsupported::{self, Unsupported, unsupported};

/// Why settings could not be taken a step further.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at the project's settings: {0}")]
pub(crate) struct SettingsError(#[from] kube::Error);

/// Runs the controller until it is told to end.
pub(crate) async fn run(context: Arc<Context>, shutdown: CancellationToken) {
    let client = context.client.clone();
    Controller::new(Api::<ProjectSettings>::all(client.clone()), watcher::Config::default())
        .watches(Api::<Project>::all(client), watcher::Config::default(), |project| {
            Some(ObjectRef::new(labels::PROJECT_SETTINGS_NAME).within(&project.name_any()))
        })
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, on_error, context)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "settings will be looked at again");
            }
        })
        .await;
}

async fn reconcile(settings: Arc<ProjectSettings>, context: Arc<Context>) -> Result<Requeue, SettingsError> {
    let namespace = settings.namespace().unwrap_or_default();
    let projects: Api<Project> = Api::all(context.client.clone());
    let project = projects.get_opt(&namespace).await?;
    let mut statements = verdict(&settings.spec, project.as_ref());
    statements.push(unsupported::statement(&without_effect(&settings.spec)));
    if report(&context, &settings, &statements).await? {
        wake_sessions(&context, &namespace).await?;
    }
    context.backoff.reset(&format!("settings/{namespace}"));
    Ok(Requeue::await_change())
}

/// What holds of the settings: pure.
fn verdict(spec: &ProjectSettingsSpec, project: Option<&Project>) -> Vec<Statement> {
    let ready = ConditionType::Ready.as_str();
    let within = ConditionType::WithinCeilings.as_str();
    let Some(project) = project else {
        return vec![Statement::no(ready, "NotFound", "there is no Project for this namespace")];
    };
    let mut excesses = ceiling_excesses(spec, project.spec.ceilings.as_ref());
    excesses.extend(access_excesses(&spec.group_access, &project.spec.group_access));
    if excesses.is_empty() {
        return vec![Statement::yes(ready, "Succeeded", "in force"), Statement::yes(within, "Succeeded", "")];
    }
    let message = excesses.join("; ");
    vec![
        Statement::no(within, "CeilingExceeded", message.clone()),
        Statement::no(ready, "CeilingExceeded", format!("in force but for: {message}")),
    ]
}

/// What sessions that use the settings do not say themselves.
fn without_effect(spec: &ProjectSettingsSpec) -> [Unsupported; 2] {
    [
        unsupported(!spec.group_access.is_empty(), "spec.groupAccess", "the Project's own list is in force"),
        unsupported(!spec.repositories.is_empty(), "spec.repositories", "they are shown nowhere yet"),
    ]
}

fn ceiling_excesses(spec: &ProjectSettingsSpec, ceilings: Option<&Ceilings>) -> Vec<String> {
    let (Some(defaults), Some(ceilings)) = (&spec.defaults, ceilings) else { return Vec::new() };
    let budget = defaults.budget.clone().unwrap_or_default();
    let mut found = Vec::new();
    found.extend(over("defaults.timeout", defaults.timeout, ceilings.timeout));
    found.extend(over("defaults.budget.maxCostUsd", budget.max_cost_usd, ceilings.max_cost_usd));
    found.extend(over("defaults.budget.maxTokens", budget.max_tokens, ceilings.max_tokens));
    let model = defaults.model.as_ref().filter(|name| !ModelTable::built_in().allows(&ceilings.models, name));
    found.extend(outside("defaults.model", model, &ceilings.models));
    let runner_types = &ceilings.runner_types;
    let is_allowed = |wanted: &&String| runner_types.is_empty() || runner_types.contains(wanted);
    let runner_type = defaults.runner_type.as_ref().filter(|wanted| !is_allowed(wanted));
    found.extend(outside("defaults.runnerType", runner_type, runner_types));
    found
}

fn over<T: PartialOrd + std::fmt::Display>(
    field: &str,
    wanted: Option<T>,
    ceiling: Option<T>,
) -> Option<String> {
    let (wanted, ceiling) = (wanted?, ceiling?);
    (wanted > ceiling).then(|| format!("{field} is {wanted}, the Project allows {ceiling}"))
}

fn outside(field: &str, refused: Option<&String>, allowed: &[String]) -> Option<String> {
    Some(format!("{field} is \"{}\", the Project allows {}", refused?, allowed.join(", ")))
}

/// Settings can narrow access, never widen it: only groups and roles that the Project names count.
fn access_excesses(wanted: &[GroupAccess], granted: &[GroupAccess]) -> Vec<String> {
    let beyond = wanted.iter().filter(|access| {
        !granted.iter().any(|grant| grant.group_name == access.group_name && grant.role == access.role)
    });
    beyond
        .map(|access| {
            format!("groupAccess gives {} to {}, the Project does not", access.role, access.group_name)
        })
        .collect()
}

async fn report(
    context: &Context,
    settings: &ProjectSettings,
    statements: &[Statement],
) -> Result<bool, kube::Error> {
    let old = settings.status.clone().unwrap_or_default();
    let generation = settings.metadata.generation.unwrap_or_default();
    let wanted = ProjectSettingsStatus {
        observed_generation: Some(generation),
        group_bindings_created: Some(0),
        limit_range_ready: Some(true),
        conditions: merge(&old.conditions, statements, generation, now()),
        ..old
    };
    if settings.status.as_ref() == Some(&wanted) {
        return Ok(false);
    }
    let api: Api<ProjectSettings> =
        Api::namespaced(context.client.clone(), &settings.namespace().unwrap_or_default());
    let name = settings.name_any();
    let body = json!({"apiVersion": labels::API_VERSION, "kind": "ProjectSettings", "metadata": {"name": name}, "status": wanted});
    apply_status(&api, FieldManager::owner(field_managers::OPERATOR), &name, &body).await?;
    Ok(true)
}

async fn wake_sessions(context: &Context, project: &str) -> Result<(), kube::Error> {
    let sessions: Api<AgenticSession> = Api::namespaced(context.client.clone(), project);
    let sessions = sessions.list(&ListParams::default()).await?;
    sessions.iter().for_each(|session| context.board.look_again(project, &session.name_any()));
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn on_error(settings: Arc<ProjectSettings>, error: &SettingsError, context: Arc<Context>) -> Requeue {
    let namespace = settings.namespace().unwrap_or_default();
    let class = classify(&error.0);
    if class != ErrorClass::Conflict {
        tracing::warn!(project = namespace, %error, "the settings could not be taken a step further");
    }
    let delay = context.backoff.next(&format!("settings/{namespace}"), class);
    delay.map_or_else(Requeue::await_change, Requeue::requeue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "tables of cases read better with values")]
    fn verdict_of(
        settings: serde_json::Value,
        project: serde_json::Value,
    ) -> Vec<(String, Option<bool>, String)> {
        let spec: ProjectSettingsSpec = serde_json::from_value(settings).unwrap();
        let project: Project = serde_json::from_value(json!({
            "apiVersion": "vteam.ambient-code/v1alpha1", "kind": "Project", "metadata": {"name": "demo"}, "spec": project,
        }))
        .unwrap();
        let stated = verdict(&spec, Some(&project));
        stated.into_iter().map(|one| (one.kind.to_owned(), one.holds, one.message)).collect()
    }

    #[test]
    fn settings_may_narrow_but_not_widen() {
        let ceilings = json!({"ceilings": {"timeout": 600, "models": ["a"], "maxCostUsd": 2.0},
            "groupAccess": [{"groupName": "dev", "role": "view"}]});
        let within = json!({"defaults": {"timeout": 60, "model": "a"}, "groupAccess": [{"groupName": "dev", "role": "view"}]});
        assert!(verdict_of(within, ceilings.clone()).iter().all(|(_, holds, _)| *holds == Some(true)));
        for (settings, part) in [
            (json!({"defaults": {"timeout": 601}}), "defaults.timeout is 601, the Project allows 600"),
            (json!({"defaults": {"model": "b"}}), "defaults.model is \"b\", the Project allows a"),
            (json!({"defaults": {"budget": {"maxCostUsd": 3.0}}}), "defaults.budget.maxCostUsd is 3"),
            (json!({"groupAccess": [{"groupName": "dev", "role": "admin"}]}), "gives admin to dev"),
        ] {
            let stated = verdict_of(settings, ceilings.clone());
            assert!(
                stated.iter().all(|(_, holds, message)| *holds == Some(false) && message.contains(part)),
                "{stated:?}"
            );
        }
    }

    #[test]
    fn settings_without_a_project_say_so() {
        let stated = verdict(&ProjectSettingsSpec::default(), None);
        assert_eq!((stated[0].holds, stated[0].reason.as_str()), (Some(false), "NotFound"));
    }
}
