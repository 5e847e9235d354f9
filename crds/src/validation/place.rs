//! The second step: place decides power. What a source may hold follows from the namespace it stands in.

use super::identity::Identified;
use super::problem::Problem;
use crate::codes::Code;
use crate::kinds::CarriedKind;
use crate::labels::{RESERVED_PROJECT_PREFIXES, SYSTEM_NAMESPACE};

/// What a source may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A root source, in the platform's own namespace: Projects and any project's objects.
    Root,
    /// A source in a project's namespace: only that namespace's objects.
    Tenant {
        /// The project, which is also the namespace.
        project: String,
        /// Whether the Project allows its sources to hold its ProjectSettings.
        allow_settings: bool,
    },
}

impl Scope {
    /// The scope of a source in this namespace.
    pub fn of_namespace(namespace: &str, allow_settings: bool) -> Self {
        if namespace == SYSTEM_NAMESPACE {
            Self::Root
        } else {
            Self::Tenant { project: namespace.to_owned(), allow_settings }
        }
    }
}

/// The namespace the object goes to, and why it may not be there.
pub(super) fn check(object: &Identified, scope: &Scope) -> (Option<String>, Vec<Problem>) {
    if !object.kind.is_namespaced() {
        return (None, cluster_scoped(object, scope).into_iter().collect());
    }
    let namespace = match (scope, &object.namespace) {
        (Scope::Tenant { project, .. }, None) => Some(project.clone()),
        (_, written) => written.clone(),
    };
    let problem = match scope {
        Scope::Root => in_root(namespace.as_deref()),
        Scope::Tenant { project, allow_settings } => {
            in_tenant(object.kind, namespace.as_deref(), project, *allow_settings)
        }
    };
    (namespace, problem.into_iter().collect())
}

fn cluster_scoped(object: &Identified, scope: &Scope) -> Option<Problem> {
    let kind = object.kind;
    if matches!(scope, Scope::Tenant { .. }) {
        return Some(only_root(kind));
    }
    object.namespace.as_ref().map(|_| {
        let message = format!("{kind} has no namespace; remove metadata.namespace");
        Problem::new("metadata.namespace", Code::NamespaceMismatch, message)
    })
}

fn only_root(kind: CarriedKind) -> Problem {
    let message = format!("only a root source, in namespace {SYSTEM_NAMESPACE}, may hold a {kind}");
    Problem::new("kind", Code::KindNotAllowed, message)
}

fn in_root(namespace: Option<&str>) -> Option<Problem> {
    let Some(namespace) = namespace else {
        let message = "metadata.namespace is missing: in a root source each object names its project";
        return Some(Problem::new("metadata", Code::NamespaceMismatch, message));
    };
    let reserved = namespace == "default"
        || RESERVED_PROJECT_PREFIXES.iter().any(|prefix| namespace.starts_with(prefix));
    reserved.then(|| {
        let message = format!("namespace {namespace} belongs to the cluster and can be no project");
        Problem::new("metadata.namespace", Code::OtherNamespace, message)
    })
}

fn in_tenant(
    kind: CarriedKind,
    namespace: Option<&str>,
    project: &str,
    allow_settings: bool,
) -> Option<Problem> {
    match kind {
        CarriedKind::GitSource | CarriedKind::Project => return Some(only_root(kind)),
        CarriedKind::ProjectSettings if !allow_settings => {
            let message = "the Project does not let its sources hold ProjectSettings; an administrator can set \
                           allowProjectSettings";
            return Some(Problem::new("kind", Code::KindNotAllowed, message));
        }
        _ => {}
    }
    (namespace != Some(project)).then(|| {
        let message =
            format!("this source holds objects of namespace {project} only; remove metadata.namespace");
        Problem::new("metadata.namespace", Code::OtherNamespace, message)
    })
}
