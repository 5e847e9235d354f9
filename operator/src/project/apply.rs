//! Writes a project's children.

use ambient_crds::labels::{self, field_managers};
use ambient_crds::project::Project;
use ambient_crds::shared::OrphanPolicy;
use ambient_kit::apply::{FieldManager, apply as server_side_apply};
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;

use super::plan::{Children, belongs_to};
use super::{During as _, ProjectError};

const MANAGER: FieldManager = FieldManager::owner(field_managers::OPERATOR);

/// Applies all children; those that are as wanted are not written. Access that is no longer granted is taken back.
pub(super) async fn apply(client: &Client, project: &str, children: Children) -> Result<(), ProjectError> {
    let Children {
        namespace,
        sync_account,
        sync_role,
        sync_binding,
        group_bindings,
        quota,
        limits,
        broker_role,
        broker_binding,
        network,
    } = children;
    apply_one(Api::all(client.clone()), &namespace, "write the namespace").await?;
    apply_one(Api::namespaced(client.clone(), project), &sync_account, "write the sync account").await?;
    apply_one(Api::namespaced(client.clone(), project), &sync_role, "write the sync role").await?;
    apply_one(Api::namespaced(client.clone(), project), &broker_role, "write the broker's role").await?;
    apply_one(Api::namespaced(client.clone(), project), &limits, "write the limits").await?;
    apply_one(Api::namespaced(client.clone(), project), &network, "write the network policy").await?;
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), project);
    let wanted: Vec<_> = group_bindings.iter().chain([&sync_binding, &broker_binding]).collect();
    for binding in &wanted {
        apply_one(bindings.clone(), *binding, "write a role binding").await?;
    }
    let wanted: Vec<_> = wanted.into_iter().map(ResourceExt::name_any).collect();
    remove_unwanted(&bindings, project, &wanted).await?;
    apply_quota(client, project, quota).await
}

async fn apply_one<K>(api: Api<K>, object: &K, what: &'static str) -> Result<(), ProjectError>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    server_side_apply(&api, MANAGER, &object.name_any(), object).await.map(drop).during(what)
}

async fn remove_unwanted(
    bindings: &Api<RoleBinding>,
    project: &str,
    wanted: &[String],
) -> Result<(), ProjectError> {
    let ours = ListParams::default().labels(&format!("{}={project}", labels::PROJECT));
    let found = bindings.list(&ours).await.during("list the role bindings")?;
    let unwanted = found.iter().filter(|one| belongs_to(one, project) && !wanted.contains(&one.name_any()));
    for binding in unwanted {
        let deleted = bindings.delete(&binding.name_any(), &DeleteParams::default()).await;
        missing_is_fine(deleted).during("remove a role binding")?;
    }
    Ok(())
}

async fn apply_quota(
    client: &Client,
    project: &str,
    quota: Option<ResourceQuota>,
) -> Result<(), ProjectError> {
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), project);
    match quota {
        Some(quota) => apply_one(quotas, &quota, "write the quota").await,
        None if quotas.get_opt("ambient-project").await.during("read the quota")?.is_some() => {
            missing_is_fine(quotas.delete("ambient-project", &DeleteParams::default()).await)
                .during("remove the quota")
        }
        None => Ok(()),
    }
}

pub(super) async fn ensure_finalizer(client: &Client, project: &Project) -> Result<(), ProjectError> {
    if project.finalizers().iter().any(|name| name == labels::PROJECT_FINALIZER) {
        return Ok(());
    }
    let mut finalizers = project.finalizers().to_vec();
    finalizers.push(labels::PROJECT_FINALIZER.to_owned());
    set_finalizers(client, project, &finalizers).await
}

/// Carries out the deletion policy, then lets the object go. With `Delete` it goes when its namespace has gone.
pub(super) async fn let_go(client: &Client, project: &Project) -> Result<(), ProjectError> {
    if !project.finalizers().iter().any(|name| name == labels::PROJECT_FINALIZER) {
        return Ok(());
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let name = project.name_any();
    if project.spec.deletion_policy == OrphanPolicy::Delete {
        let found = namespaces.get_opt(&name).await.during("read the namespace")?;
        let ours = found.as_ref().filter(|one| one.labels().contains_key(labels::MANAGED));
        if let Some(namespace) = ours {
            if namespace.metadata.deletion_timestamp.is_none() {
                missing_is_fine(namespaces.delete(&name, &DeleteParams::default()).await)
                    .during("delete the namespace")?;
            }
            return Ok(());
        }
    }
    let kept: Vec<_> =
        project.finalizers().iter().filter(|name| *name != labels::PROJECT_FINALIZER).cloned().collect();
    set_finalizers(client, project, &kept).await
}

async fn set_finalizers(
    client: &Client,
    project: &Project,
    finalizers: &[String],
) -> Result<(), ProjectError> {
    let patch =
        json!({"metadata": {"finalizers": finalizers, "resourceVersion": project.resource_version()}});
    let projects: Api<Project> = Api::all(client.clone());
    let patched = projects.patch(&project.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
    missing_is_fine(patched).during("write the finalizer")
}

fn missing_is_fine<T>(result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}
