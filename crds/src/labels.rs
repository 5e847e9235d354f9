//! Labels, annotations, finalizers, field managers: every key and name that Ambient writes or reads.
//!
//! The domain `ambient-code.io` and the keys of the origin platform are kept.

/// The API group of all kinds.
pub const GROUP: &str = "vteam.ambient-code";
/// The served and stored version of all kinds.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of a manifest of ours.
pub const API_VERSION: &str = "vteam.ambient-code/v1alpha1";
/// The printer category: `kubectl get ambient` lists all kinds.
pub const CATEGORY: &str = "ambient";

/// The namespace of the platform itself and of root sources.
pub const SYSTEM_NAMESPACE: &str = "ambient-system";
/// The one name a `ProjectSettings` may have.
pub const PROJECT_SETTINGS_NAME: &str = "projectsettings";
/// The ConfigMap in `SYSTEM_NAMESPACE` that overrides the agent registry.
pub const AGENT_REGISTRY_NAME: &str = "ambient-agents";
/// The service account of a project's source (rule 8).
pub const TENANT_SYNC_ACCOUNT: &str = "ambient-sync";
/// The service account of root sources (rule 8).
pub const ROOT_SYNC_ACCOUNT: &str = "ambient-root-sync";
/// The broker: its service account and its pods' label `app`; in a project's namespace, the role by which it reads Secrets.
pub const BROKER_ACCOUNT: &str = "ambient-broker";
/// Where results go when nothing else is said.
pub const DEFAULT_RESULTS_BRANCH: &str = "ambient-results";

/// On a Namespace: `true` if it belongs to a Project, or may be adopted by the Project of its name.
pub const MANAGED: &str = "ambient-code.io/managed";
/// The common label for the tool that manages an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub const MANAGED_BY_AMBIENT: &str = "ambient-code";
/// The common label for the role of an object in the platform.
pub const COMPONENT: &str = "app.kubernetes.io/component";

/// Tracking (rule 2): UID of the `GitSource` that applied the object.
pub const SOURCE_UID: &str = "ambient-code.io/source-uid";
/// Tracking (rule 2): [`crate::names::ObjectIdentity::digest`] of the object it was written for. A copy under another
/// name keeps the label but not the identity, so it is never pruned.
pub const OBJECT_IDENTITY: &str = "ambient-code.io/object-identity";
/// Provenance annotation: path of the file in the repository.
pub const SOURCE_PATH: &str = "ambient-code.io/source-path";
/// Provenance annotation: the commit by which the document came to be as it is. Like all provenance it changes only with
/// the document.
pub const SOURCE_COMMIT: &str = "ambient-code.io/source-commit";
/// Provenance annotation: digest of the document the object was applied from.
pub const DOCUMENT_DIGEST: &str = "ambient-code.io/document-digest";
/// Provenance annotation: the `namespace/name` of the source.
pub const SOURCE_NAME: &str = "ambient-code.io/source";

/// Annotation on a `GitSource`: digest of the held plan that a person approves (rule 4).
pub const APPROVED_PLAN: &str = "ambient-code.io/approved-plan";
/// Annotation on a `GitSource`: any new value asks for a fetch now.
pub const REQUESTED_AT: &str = "ambient-code.io/requested-at";

/// On children of a session: its name.
pub const SESSION: &str = "ambient-code.io/session";
/// On children of a session: its UID.
pub const SESSION_UID: &str = "ambient-code.io/session-uid";
/// On children of a session: the number of the run.
pub const RUN: &str = "ambient-code.io/run";
/// On children of a session: the number of the attempt.
pub const ATTEMPT: &str = "ambient-code.io/attempt";
/// Annotation on a run's volume: the attempts that ended because nobody spoke, comma-separated (docs/adr/0017).
pub const SLEPT: &str = "ambient-code.io/slept-attempts";
/// Annotation on a run's volume: the attempt that was lost, and how, where another one only takes what it left
/// (docs/adr/0022).
pub const LOST: &str = "ambient-code.io/lost-attempt";
/// On children of a project: its name.
pub const PROJECT: &str = "ambient-code.io/project";
/// Annotation on a session: who made it through the backend (display and metrics only, never an identity).
pub const CREATED_BY: &str = "ambient-code.io/created-by";
/// Annotation on a session: the session it continues.
pub const PARENT_SESSION: &str = "vteam.ambient-code/parent-session-id";
/// On runner pods; the value is [`RUNNER_APP`].
pub const APP: &str = "app";
/// The value of [`APP`] on runner pods; network policies select it.
pub const RUNNER_APP: &str = "ambient-code-runner";

/// Keeps a session until its run has let go (rule 17).
pub const SESSION_FINALIZER: &str = "ambient-code.io/session";
/// Keeps a source until its `deletionPolicy` has been carried out.
pub const SOURCE_FINALIZER: &str = "ambient-code.io/source";
/// Keeps a project until its `deletionPolicy` has been carried out.
pub const PROJECT_FINALIZER: &str = "ambient-code.io/project";

/// The controllers' names for server-side apply, one per controller.
pub mod field_managers {
    /// Applies what Git holds; owns `spec` of what it applied.
    pub const SYNC: &str = "ambient-sync";
    /// Makes children and writes statuses of projects, settings and sessions.
    pub const OPERATOR: &str = "ambient-operator";
    /// Writes statuses of sources.
    pub const SYNC_STATUS: &str = "ambient-sync-status";
    /// A user's live operations through the backend (`stop`, `wake`).
    pub const BACKEND: &str = "ambient-backend";
    /// A user's live operations through the command line.
    pub const CLI: &str = "ambient-cli";
}

/// Prefixes of Kubernetes' and OpenShift's own namespaces, which no Project may take.
pub const RESERVED_PROJECT_PREFIXES: &[&str] = &["kube-", "openshift-"];
/// Namespaces that no Project may take.
pub const RESERVED_PROJECT_NAMES: &[&str] = &["default", SYSTEM_NAMESPACE];

/// Labels and annotations that only the platform writes: a manifest that sets one is refused.
pub const CONTROL_KEYS: &[&str] = &[
    MANAGED,
    SOURCE_UID,
    OBJECT_IDENTITY,
    SOURCE_PATH,
    SOURCE_COMMIT,
    DOCUMENT_DIGEST,
    SOURCE_NAME,
    SESSION,
    SESSION_UID,
    RUN,
    ATTEMPT,
    PROJECT,
    CREATED_BY,
];

/// Finalizers that only the platform sets.
pub const CONTROL_FINALIZERS: &[&str] = &[SESSION_FINALIZER, SOURCE_FINALIZER, PROJECT_FINALIZER];
