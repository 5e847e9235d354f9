//! `ambient check`: what a cluster lacks, before anything is installed.

use std::process::ExitCode;

use anyhow::Context as _;
use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams, PostParams};
use kube::{Client, ResourceExt as _};

use crate::output;

/// The oldest Kubernetes that has all that is used: ratcheting and CEL of custom resources.
const OLDEST_MINOR: u32 = 30;
/// Annotation of the class that claims get which name none.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Applying takes both.
const APPLY: &[&str] = &["create", "patch"];
/// What is there already is looked at first.
const LOOK_AND_APPLY: &[&str] = &["get", "create", "patch"];

/// What has to be allowed to whoever installs: verbs, group, resource.
const RIGHTS: [(&[&str], &str, &str); 14] = [
    (LOOK_AND_APPLY, "apiextensions.k8s.io", "customresourcedefinitions"),
    (APPLY, "", "namespaces"),
    (LOOK_AND_APPLY, "", "secrets"),
    (LOOK_AND_APPLY, "", "configmaps"),
    (APPLY, "", "services"),
    (APPLY, "", "serviceaccounts"),
    (APPLY, "", "persistentvolumeclaims"),
    (APPLY, "rbac.authorization.k8s.io", "clusterroles"),
    (APPLY, "rbac.authorization.k8s.io", "clusterrolebindings"),
    (APPLY, "rbac.authorization.k8s.io", "roles"),
    (APPLY, "rbac.authorization.k8s.io", "rolebindings"),
    (APPLY, "networking.k8s.io", "networkpolicies"),
    (LOOK_AND_APPLY, "apps", "deployments"),
    (LOOK_AND_APPLY, "vteam.ambient-code", "gitsources"),
];

/// Checks the current context's cluster: exit code 0 only if nothing is missing.
pub(crate) async fn check() -> anyhow::Result<ExitCode> {
    let client = Client::try_default().await.context("no cluster: is there a kubeconfig?")?;
    let missing = missing(&client).await?;
    for lack in &missing {
        output::data(&format!("missing: {lack}"));
    }
    if missing.is_empty() {
        output::data("the cluster has all that Ambient needs");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// What the cluster lacks, each with the way out.
pub(super) async fn missing(client: &Client) -> anyhow::Result<Vec<String>> {
    let mut missing = Vec::new();
    let version = client.apiserver_version().await.context("the API server does not answer")?;
    missing.extend(too_old(&version.major, &version.minor));
    missing.extend(no_default_class(client).await?);
    let asked = RIGHTS.iter().flat_map(|(verbs, group, resource)| {
        verbs.iter().map(move |verb| right_lacking(client, verb, group, resource))
    });
    missing.extend(try_join_all(asked).await?.into_iter().flatten());
    Ok(missing)
}

async fn right_lacking(
    client: &Client,
    verb: &str,
    group: &str,
    resource: &str,
) -> anyhow::Result<Option<String>> {
    let lack = || format!("the right to {verb} {resource}; ask an administrator of the cluster");
    Ok((!may(client, verb, group, resource).await?).then(lack))
}

fn too_old(major: &str, minor: &str) -> Option<String> {
    // Some servers add a `+` to it.
    let number: u32 =
        minor.trim_end_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap_or_default();
    (major == "1" && number < OLDEST_MINOR)
        .then(|| format!("Kubernetes 1.{OLDEST_MINOR} or newer; this is {major}.{minor}"))
}

async fn no_default_class(client: &Client) -> anyhow::Result<Option<String>> {
    let classes: Api<StorageClass> = Api::all(client.clone());
    let classes = match classes.list(&ListParams::default()).await {
        Err(kube::Error::Api(answer)) if answer.code == 403 => {
            let lack = "the right to list storageclasses, to see whether one is the default";
            return Ok(Some(format!("{lack}; ask an administrator of the cluster")));
        }
        classes => classes.context("cannot list StorageClasses")?,
    };
    let is_default =
        |class: &StorageClass| class.annotations().get(DEFAULT_CLASS).is_some_and(|is| is == "true");
    let lack = "a default StorageClass; workspaces and mirrors are on volumes: annotate one with";
    Ok((!classes.iter().any(is_default)).then(|| format!("{lack} {DEFAULT_CLASS}=true")))
}

async fn may(client: &Client, verb: &str, group: &str, resource: &str) -> anyhow::Result<bool> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let attributes = ResourceAttributes {
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let answer = reviews.create(&PostParams::default(), &review).await.context("cannot ask for rights")?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (minor, is_too_old) in [("29", true), ("30", false), ("35+", false), ("9", true)] {
            assert_eq!(too_old("1", minor).is_some(), is_too_old, "{minor}");
        }
    }
}
