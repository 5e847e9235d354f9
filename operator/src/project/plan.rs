//! What a project consists of: pure.

mod network;

use std::collections::{BTreeMap, BTreeSet};

use ambient_crds::labels;
use ambient_crds::project::{Project, ProjectQuota};
use ambient_crds::project_settings::ProjectSettings;
use ambient_crds::shared::{AccessRole, GroupAccess};
use ambient_protocol::broker::RUNNER_SECRET;
use k8s_openapi::api::core::v1::{
    LimitRange, LimitRangeItem, LimitRangeSpec, Namespace, ResourceQuota, ResourceQuotaSpec, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource as _, ResourceExt as _};

/// Every child of a project. [`super::apply::apply`] takes it apart, so a new one cannot be forgotten there.
pub(super) struct Children {
    /// The namespace.
    pub namespace: Namespace,
    /// The identity by which the project's own sources are applied (rule 8).
    pub sync_account: ServiceAccount,
    /// What that identity may do.
    pub sync_role: Role,
    /// That it may.
    pub sync_binding: RoleBinding,
    /// Who else may do what.
    pub group_bindings: Vec<RoleBinding>,
    /// What all pods together may use; absent where the project names no quota.
    pub quota: Option<ResourceQuota>,
    /// What a container gets that asks for nothing.
    pub limits: LimitRange,
    /// Which of the project's Secrets the broker may read.
    pub broker_role: Role,
    /// That it may.
    pub broker_binding: RoleBinding,
    /// Nothing in but operator and backend; nothing out but to the broker, where there is one (rule 27).
    pub network: NetworkPolicy,
}

/// Whether a namespace may become the project's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Adoption {
    /// It is new, ours, or an administrator said so by a label.
    Ours,
    /// It is being deleted.
    Terminating,
    /// It belongs to somebody else.
    Refused(String),
}

/// Decides.
#[must_use]
pub(super) fn adoption(namespace: Option<&Namespace>, project: &Project) -> Adoption {
    let Some(namespace) = namespace else { return Adoption::Ours };
    if namespace.metadata.deletion_timestamp.is_some() {
        return Adoption::Terminating;
    }
    if namespace.labels().get(labels::MANAGED).is_some_and(|value| value == "true") {
        return Adoption::Ours;
    }
    let name = project.name_any();
    Adoption::Refused(format!(
        "namespace {name} exists and is not Ambient's; to let the project have it: kubectl label namespace {name} {}=true",
        labels::MANAGED
    ))
}

/// Makes the children.
#[must_use]
pub(super) fn plan(project: &Project, settings: Option<&ProjectSettings>, has_broker: bool) -> Children {
    let name = project.name_any();
    let account = |name: &str, namespace: &str| Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
        api_group: None,
    };
    Children {
        namespace: namespace(project),
        sync_account: ServiceAccount {
            metadata: metadata(project, labels::TENANT_SYNC_ACCOUNT),
            ..ServiceAccount::default()
        },
        sync_role: sync_role(project),
        sync_binding: binding(
            project,
            labels::TENANT_SYNC_ACCOUNT,
            role_ref("Role", labels::TENANT_SYNC_ACCOUNT),
            account(labels::TENANT_SYNC_ACCOUNT, &name),
        ),
        group_bindings: project
            .spec
            .group_access
            .iter()
            .map(|access| group_binding(project, access))
            .collect(),
        quota: project.spec.quota.as_ref().map(|quota| resource_quota(project, quota)),
        limits: limit_range(project),
        broker_role: broker_role(project, settings),
        broker_binding: binding(
            project,
            labels::BROKER_ACCOUNT,
            role_ref("Role", labels::BROKER_ACCOUNT),
            account(labels::BROKER_ACCOUNT, labels::SYSTEM_NAMESPACE),
        ),
        network: network::policy(metadata(project, "ambient-runners"), has_broker),
    }
}

/// Labels by which a project's children are found, so that bindings no longer wanted can be removed.
#[must_use]
pub(super) fn child_labels(project: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (labels::PROJECT.to_owned(), project.to_owned()),
        (labels::MANAGED_BY.to_owned(), labels::MANAGED_BY_AMBIENT.to_owned()),
    ])
}

fn metadata(project: &Project, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(child_labels(&project.name_any())),
        ..ObjectMeta::default()
    }
}

/// The namespace has no owner: it must outlive a Project that is deleted with `deletionPolicy: Orphan`.
fn namespace(project: &Project) -> Namespace {
    let mut metadata = metadata(project, &project.name_any());
    let found = metadata.labels.get_or_insert_default();
    found.insert(labels::MANAGED.to_owned(), "true".to_owned());
    found.insert("pod-security.kubernetes.io/enforce".to_owned(), "restricted".to_owned());
    Namespace { metadata, ..Namespace::default() }
}

fn sync_role(project: &Project) -> Role {
    // What there is, the sync reads in its own name; but for a project's Secrets, which it has no business with
    // unless a source of that project names one.
    let verbs = ["create", "patch", "delete"].map(str::to_owned).to_vec();
    let rule = |group: &str, resources: &[&str]| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources.iter().map(|one| (*one).to_owned()).collect()),
        verbs: verbs.clone(),
        ..PolicyRule::default()
    };
    let mut ours = vec!["agenticsessions", "scheduledsessions", "rfeworkflows"];
    if project.spec.allow_project_settings == Some(true) {
        ours.push("projectsettings");
    }
    let credentials = PolicyRule { verbs: vec!["get".to_owned()], ..rule("", &["secrets"]) };
    Role {
        metadata: metadata(project, labels::TENANT_SYNC_ACCOUNT),
        rules: Some(vec![rule(labels::GROUP, &ours), rule("", &["configmaps"]), credentials]),
    }
}

/// The model keys of the project's runs, and what opens its repositories: these Secrets by name, and no others.
fn broker_role(project: &Project, settings: Option<&ProjectSettings>) -> Role {
    let own = settings.and_then(|settings| settings.spec.runner_secrets_name.as_deref());
    let results = project.spec.results.as_ref().and_then(|results| results.secret_ref.as_ref());
    let names: BTreeSet<&str> =
        [RUNNER_SECRET].into_iter().chain(own).chain(results.map(|secret| secret.name.as_str())).collect();
    let rule = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["secrets".to_owned()]),
        resource_names: Some(names.into_iter().map(str::to_owned).collect()),
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    };
    Role { metadata: metadata(project, labels::BROKER_ACCOUNT), rules: Some(vec![rule]) }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

fn binding(project: &Project, name: &str, role_ref: RoleRef, subject: Subject) -> RoleBinding {
    RoleBinding { metadata: metadata(project, name), role_ref, subjects: Some(vec![subject]) }
}

/// A binding's name cannot hold any group name, so it holds a digest of it.
pub(crate) fn group_binding_name(access: &GroupAccess) -> String {
    let digest = ambient_crds::names::digest(access.group_name.as_bytes());
    let short = digest.strip_prefix("sha256:").unwrap_or(&digest).chars().take(10).collect::<String>();
    format!("ambient-{}-{short}", access.role)
}

fn group_binding(project: &Project, access: &GroupAccess) -> RoleBinding {
    let role = match access.role {
        AccessRole::Admin => "ambient-project-admin",
        AccessRole::Edit => "ambient-project-edit",
        AccessRole::View => "ambient-project-view",
    };
    let subject = Subject {
        kind: "Group".to_owned(),
        name: access.group_name.clone(),
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        namespace: None,
    };
    binding(project, &group_binding_name(access), role_ref("ClusterRole", role), subject)
}

fn resource_quota(project: &Project, quota: &ProjectQuota) -> ResourceQuota {
    let mut hard = BTreeMap::new();
    let mut set = |name: &str, amount: Option<String>| {
        hard.extend(amount.map(|amount| (name.to_owned(), Quantity(amount))));
    };
    set("limits.cpu", quota.cpu.as_ref().map(ToString::to_string));
    set("limits.memory", quota.memory.as_ref().map(ToString::to_string));
    set("requests.storage", quota.storage.as_ref().map(ToString::to_string));
    set("pods", quota.pods.as_ref().map(ToString::to_string));
    ResourceQuota {
        metadata: metadata(project, "ambient-project"),
        spec: Some(ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() }),
        status: None,
    }
}

/// The origin platform's defaults for containers that ask for nothing.
fn limit_range(project: &Project) -> LimitRange {
    let amounts = |cpu: &str, memory: &str| {
        BTreeMap::from([
            ("cpu".to_owned(), Quantity(cpu.to_owned())),
            ("memory".to_owned(), Quantity(memory.to_owned())),
        ])
    };
    LimitRange {
        metadata: metadata(project, "ambient-default-limits"),
        spec: Some(LimitRangeSpec {
            limits: vec![LimitRangeItem {
                type_: "Container".to_owned(),
                default: Some(amounts("2", "4Gi")),
                default_request: Some(amounts("250m", "256Mi")),
                ..LimitRangeItem::default()
            }],
        }),
    }
}

/// Whether an object was made for a project: for objects found by label.
#[must_use]
pub(super) fn belongs_to(binding: &RoleBinding, project: &str) -> bool {
    binding
        .meta()
        .labels
        .as_ref()
        .is_some_and(|found| found.get(labels::PROJECT).is_some_and(|name| name == project))
}

#[cfg(test)]
mod tests;
