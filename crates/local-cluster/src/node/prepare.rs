//! From a pod to what its shim runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, EnvVarSource, Pod, Secret};
use kube::ResourceExt;
use kube::api::Api;

use super::Shared;
use super::config::ImageCommand;
use super::environment::{Mounts, expand};
use super::volumes;
use crate::shim::record::{ContainerRecord, PodRecord};

/// Why a pod cannot be started yet, in a kubelet's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotYet {
    /// The reason its containers wait for, or, for scheduling, the condition's.
    pub(super) reason: String,
    /// For people.
    pub(super) message: String,
}

impl NotYet {
    pub(super) fn config(message: String) -> Self {
        Self { reason: "CreateContainerConfigError".to_owned(), message }
    }

    pub(super) fn scheduling(message: String) -> Self {
        Self { reason: "Unschedulable".to_owned(), message }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is the function of a `map_err`")]
    pub(super) fn api(error: kube::Error) -> Self {
        Self::config(error.to_string())
    }

    fn image(image: &str, known: &BTreeMap<String, ImageCommand>) -> Self {
        let known: Vec<_> = known.keys().map(String::as_str).collect();
        let message = format!(
            "Back-off pulling image \"{image}\": not in this node's table of images (known: {})",
            known.join(", ")
        );
        Self { reason: "ImagePullBackOff".to_owned(), message }
    }
}

/// Works out what a pod's shim runs, and makes its volumes.
pub(super) async fn prepare(
    shared: &Shared,
    pod: &Pod,
    folder: &Path,
    address: &str,
) -> Result<PodRecord, NotYet> {
    let Some(spec) = &pod.spec else { return Err(NotYet::config("the pod has no spec".to_owned())) };
    let folders = volumes::make(shared, pod, folder, address).await?;
    let mut init = Vec::new();
    for container in spec.init_containers.iter().flatten() {
        init.push(record(shared, pod, container, &folders, folder, address).await?);
    }
    let mut containers = Vec::new();
    for container in &spec.containers {
        containers.push(record(shared, pod, container, &folders, folder, address).await?);
    }
    Ok(PodRecord {
        uid: pod.uid().unwrap_or_default(),
        init,
        containers,
        deadline_seconds: spec.active_deadline_seconds.and_then(|seconds| u64::try_from(seconds).ok()),
        grace_seconds: grace_seconds(pod),
    })
}

/// Seconds between asking a pod to end and ending it by force: what its deletion says, else its spec.
pub(super) fn grace_seconds(pod: &Pod) -> u64 {
    let asked = pod.metadata.deletion_grace_period_seconds;
    let own = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    asked.or(own).and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(30)
}

/// The value of a field of the pod, as the downward API names it.
pub(super) fn field_value(pod: &Pod, path: &str, address: &str) -> Option<String> {
    let of = |map: &BTreeMap<String, String>, key: &str| map.get(key.trim_matches(['\'', '"'])).cloned();
    let quoted = |map: &BTreeMap<String, String>| {
        let lines =
            map.iter().map(|(key, value)| format!("{key}={}", serde_json::Value::from(value.as_str())));
        lines.collect::<Vec<_>>().join("\n")
    };
    let spec = pod.spec.as_ref();
    match path {
        "metadata.name" => pod.metadata.name.clone(),
        "metadata.namespace" => pod.metadata.namespace.clone(),
        "metadata.uid" => pod.metadata.uid.clone(),
        "metadata.labels" => Some(quoted(pod.labels())),
        "metadata.annotations" => Some(quoted(pod.annotations())),
        "spec.nodeName" => spec.and_then(|spec| spec.node_name.clone()),
        "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()),
        "status.podIP" | "status.hostIP" | "status.podIPs" => Some(address.to_owned()),
        _ => {
            let (map, key) = path.strip_suffix(']')?.split_once('[')?;
            match map {
                "metadata.labels" => Some(of(pod.labels(), key).unwrap_or_default()),
                "metadata.annotations" => Some(of(pod.annotations(), key).unwrap_or_default()),
                _ => None,
            }
        }
    }
}

async fn record(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    folders: &BTreeMap<String, PathBuf>,
    folder: &Path,
    address: &str,
) -> Result<ContainerRecord, NotYet> {
    let image = container.image.clone().unwrap_or_default();
    let known = &shared.config.images;
    let name =
        image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(image.as_str(), |(name, _)| name);
    let entry = known.get(&image).or_else(|| known.get(name)).ok_or_else(|| NotYet::image(&image, known))?;
    let mounts = volumes::mounts(folders, container.volume_mounts.as_ref())?;
    let environment = environment(shared, pod, container, entry, &mounts, address).await?;
    let rewritten = |text: &String| mounts.rewrite(&expand(text, &environment));
    let arguments = container.args.as_ref().filter(|arguments| !arguments.is_empty());
    let command = container.command.as_ref().filter(|command| !command.is_empty());
    let (program, arguments) = match (command, arguments) {
        (Some(command), arguments) => {
            let rest = command[1..].iter().chain(arguments.into_iter().flatten()).map(rewritten);
            (PathBuf::from(rewritten(&command[0])), rest.collect())
        }
        (None, Some(arguments)) => (entry.program.clone(), arguments.iter().map(rewritten).collect()),
        (None, None) => (entry.program.clone(), entry.arguments.clone()),
    };
    let directory = container.working_dir.as_ref().map(|path| PathBuf::from(mounts.rewrite(path)));
    Ok(ContainerRecord {
        name: container.name.clone(),
        program,
        arguments,
        directory: directory.unwrap_or_else(|| folder.to_owned()),
        sidecar: container.restart_policy.as_deref() == Some("Always"),
        environment,
    })
}

async fn environment(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    image: &ImageCommand,
    mounts: &Mounts,
    address: &str,
) -> Result<BTreeMap<String, String>, NotYet> {
    let mut variables = kept(&shared.config.environment_allowlist);
    variables.insert("HOSTNAME".to_owned(), pod.name_any());
    if let Some(folder) = mounts.folder("/tmp") {
        variables.insert("TMPDIR".to_owned(), folder.display().to_string());
    }
    variables.extend(image.environment.iter().cloned());
    variables.extend(from_sources(shared, pod, container).await?);
    for variable in container.env.iter().flatten() {
        if let Some(value) = value_of(shared, pod, variable, &variables, mounts, address).await? {
            variables.insert(variable.name.clone(), value);
        }
    }
    Ok(variables)
}

#[expect(clippy::disallowed_methods, reason = "the node passes a few named variables of its own on")]
fn kept(allowlist: &[String]) -> BTreeMap<String, String> {
    allowlist.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect()
}

async fn value_of(
    shared: &Shared,
    pod: &Pod,
    variable: &EnvVar,
    before: &BTreeMap<String, String>,
    mounts: &Mounts,
    address: &str,
) -> Result<Option<String>, NotYet> {
    match (&variable.value, &variable.value_from) {
        (Some(value), _) => Ok(Some(mounts.rewrite(&expand(value, before)))),
        (None, Some(source)) => from_source(shared, pod, source, address).await,
        (None, None) => Ok(Some(String::new())),
    }
}

async fn from_source(
    shared: &Shared,
    pod: &Pod,
    source: &EnvVarSource,
    address: &str,
) -> Result<Option<String>, NotYet> {
    let namespace = pod.namespace().unwrap_or_default();
    if let Some(field) = &source.field_ref {
        let value = field_value(pod, &field.field_path, address);
        let path = &field.field_path;
        return value.map(Some).ok_or_else(|| NotYet::config(format!("unsupported fieldPath: {path}")));
    }
    if let Some(selector) = &source.config_map_key_ref {
        let data = config_map_data(shared, &namespace, &selector.name).await?;
        return pick("configmap", &selector.name, &selector.key, selector.optional, data);
    }
    if let Some(selector) = &source.secret_key_ref {
        let data = secret_data(shared, &namespace, &selector.name).await?;
        return pick("secret", &selector.name, &selector.key, selector.optional, data);
    }
    Err(NotYet::config("a variable's source is of a kind this node does not have".to_owned()))
}

fn pick(
    kind: &str,
    name: &str,
    key: &str,
    optional: Option<bool>,
    data: Option<BTreeMap<String, String>>,
) -> Result<Option<String>, NotYet> {
    let optional = optional == Some(true);
    match data {
        None if optional => Ok(None),
        None => Err(NotYet::config(format!("{kind} \"{name}\" not found"))),
        Some(data) => match data.get(key) {
            Some(value) => Ok(Some(value.clone())),
            None if optional => Ok(None),
            None => Err(NotYet::config(format!("couldn't find key {key} in {kind} {name}"))),
        },
    }
}

async fn from_sources(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
) -> Result<BTreeMap<String, String>, NotYet> {
    let namespace = pod.namespace().unwrap_or_default();
    let mut variables = BTreeMap::new();
    for source in container.env_from.iter().flatten() {
        let (kind, name, optional, data) = if let Some(map) = &source.config_map_ref {
            ("configmap", &map.name, map.optional, config_map_data(shared, &namespace, &map.name).await?)
        } else if let Some(secret) = &source.secret_ref {
            ("secret", &secret.name, secret.optional, secret_data(shared, &namespace, &secret.name).await?)
        } else {
            continue;
        };
        let prefix = source.prefix.clone().unwrap_or_default();
        match data {
            Some(data) => {
                variables.extend(data.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)));
            }
            None if optional == Some(true) => {}
            None => return Err(NotYet::config(format!("{kind} \"{name}\" not found"))),
        }
    }
    Ok(variables)
}

async fn config_map_data(
    shared: &Shared,
    namespace: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, String>>, NotYet> {
    let maps: Api<ConfigMap> = Api::namespaced(shared.client.clone(), namespace);
    Ok(maps.get_opt(name).await.map_err(NotYet::api)?.map(|map| map.data.unwrap_or_default()))
}

async fn secret_data(
    shared: &Shared,
    namespace: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, String>>, NotYet> {
    let secrets: Api<Secret> = Api::namespaced(shared.client.clone(), namespace);
    let found = secrets.get_opt(name).await.map_err(NotYet::api)?;
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Ok(found.map(|secret| {
        secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, text(&value.0))).collect()
    }))
}
