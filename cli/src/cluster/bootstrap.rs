//! `ambient bootstrap`: from an empty cluster to a root source that is applied. Repeated, it changes what differs.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use ambient_crds::GitSource;
use ambient_crds::labels::{self, SYSTEM_NAMESPACE};
use ambient_git::{LocalRepositories, RepositoryUrl};
use ambient_kit::apply::apply;
use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, Patch};
use kube::{Client, ResourceExt as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::git_credentials::{self, GitCredentials};
use super::manifests::{self, MANAGER, SETTINGS, control_plane};
use super::{check, keys, readiness};
use crate::arguments::BootstrapArguments;
use crate::output::Progress;

/// The root source's name.
const SOURCE: &str = "root";
/// The parts, in the order in which they are waited for.
const PARTS: [&str; 4] = ["ambient-broker", "ambient-operator", "ambient-reconciler-git", "ambient-backend"];

/// Installs, and waits until the root source is ready.
pub(crate) async fn bootstrap(arguments: BootstrapArguments) -> anyhow::Result<ExitCode> {
    let progress = Progress::start();
    let repository = RepositoryUrl::parse(&arguments.repo, LocalRepositories::Refused).context("--repo")?;
    let file = arguments.git_credentials.as_deref();
    let credentials = file.map(|file| GitCredentials::read(file, &repository)).transpose()?;
    let client = Client::try_default().await.context("no cluster: is there a kubeconfig?")?;
    let missing = check::missing(&client).await?;
    if !missing.is_empty() {
        bail!("the cluster lacks:\n  {}", missing.join("\n  "));
    }
    check_name(&client, &arguments.installation).await?;
    if credentials.is_none() {
        // A Secret of before that does not fit is told before anything is changed.
        git_credentials::secret_name(&client, &repository).await?;
    }
    install(&client, &arguments, &progress).await?;
    let limit = Duration::from_secs(arguments.timeout);
    for part in PARTS {
        readiness::part(&client, &progress, part, limit).await?;
    }
    if let Some(credentials) = credentials {
        credentials.apply(&client).await?;
        progress.step("the Git credentials are in the Secret that the root source names");
    }
    declare_source(&client, &arguments, &repository).await?;
    readiness::source(&client, &progress, SOURCE, limit).await?;
    progress.line(&format!(
        "\nCommit a Project and an AgenticSession under {}/ to start a run. The dashboard:\n  \
         kubectl -n {SYSTEM_NAMESPACE} port-forward service/ambient-backend 8080:80\n\
         and sign in with a token of the cluster's, for example: kubectl create token NAME",
        arguments.path
    ));
    Ok(ExitCode::SUCCESS)
}

/// Another name would own no results branch of this installation: its runs would not be known any more.
async fn check_name(client: &Client, wanted: &str) -> anyhow::Result<()> {
    let settings = maps(client).get_opt(SETTINGS).await.context("cannot read the settings")?;
    let name = settings.and_then(|settings| settings.data?.remove("INSTALLATION"));
    if let Some(name) = name.filter(|name| name != wanted) {
        bail!(
            "this cluster's installation is named {name}, and its results branches are kept under that name: use \
             --installation {name}, or delete ConfigMap {SETTINGS} in {SYSTEM_NAMESPACE} first to give it up"
        );
    }
    Ok(())
}

async fn install(client: &Client, arguments: &BootstrapArguments, progress: &Progress) -> anyhow::Result<()> {
    let kinds = Api::all(client.clone());
    for kind in ambient_crds::crd::all() {
        apply(&kinds, MANAGER, &kind.name_any(), &kind).await.context("cannot install a kind")?;
        readiness::established(client, &kind.name_any()).await?;
    }
    progress.step("the kinds are installed");
    let settings = settings_of(arguments);
    let objects = control_plane(&arguments.image, &digest(&settings))?;
    let (namespaces, others): (Vec<_>, Vec<_>) = objects
        .iter()
        .partition(|object| object.types.as_ref().is_some_and(|types| types.kind == "Namespace"));
    for namespace in namespaces {
        manifests::apply(client, namespace).await?;
    }
    if keys::ensure(client).await? {
        progress.step("keys are made");
    }
    apply(&maps(client), MANAGER, SETTINGS, &settings).await?;
    for object in others {
        manifests::apply(client, object).await?;
    }
    progress.step("the control plane is installed");
    Ok(())
}

/// What the files of the control plane leave open.
fn settings_of(arguments: &BootstrapArguments) -> ConfigMap {
    let data = [
        ("INSTALLATION", &arguments.installation),
        ("RUNNER_IMAGE", &arguments.runner_image),
        ("AGENT_IMAGE", arguments.agent_image.as_ref().unwrap_or(&arguments.runner_image)),
        ("PUBLIC_URL", &arguments.public_url),
    ];
    let data: BTreeMap<_, _> = data.map(|(name, value)| (name.to_owned(), value.clone())).into();
    ConfigMap {
        metadata: ObjectMeta { name: Some(SETTINGS.to_owned()), ..ObjectMeta::default() },
        data: Some(data),
        ..ConfigMap::default()
    }
}

/// Tells settings from others.
fn digest(settings: &ConfigMap) -> String {
    let text = serde_json::to_vec(&settings.data).unwrap_or_default();
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), SYSTEM_NAMESPACE)
}

async fn declare_source(
    client: &Client,
    arguments: &BootstrapArguments,
    repository: &RepositoryUrl,
) -> anyhow::Result<()> {
    let sources: Api<GitSource> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let secret = git_credentials::secret_name(client, repository).await?;
    let mut wanted = json!({
        "apiVersion": labels::API_VERSION,
        "kind": "GitSource",
        "metadata": {"name": SOURCE, "namespace": SYSTEM_NAMESPACE},
        "spec": {
            "url": arguments.repo,
            "ref": {"branch": arguments.branch},
            "path": arguments.path,
            "results": {"branch": labels::DEFAULT_RESULTS_BRANCH},
        },
    });
    if let Some(name) = secret {
        wanted["spec"]["secretRef"] = json!({"name": name});
    }
    let applied = sources.patch(SOURCE, &MANAGER.params(), &Patch::Apply(wanted)).await;
    applied.map(drop).context("cannot declare the root source")
}
