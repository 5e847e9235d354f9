//! Volumes as folders: what each kind of volume puts into its folder.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{ConfigMap, KeyToPath, Pod, ProjectedVolumeSource, Secret, Volume};
use kube::ResourceExt;
use kube::api::Api;

use super::Shared;
use super::environment::Mounts;
use super::prepare::{NotYet, field_value};

/// Files of a volume: path within it, content, mode.
type Files = Vec<(String, Vec<u8>, u32)>;

/// Makes the folders of all of a pod's volumes, by name.
pub(super) async fn make(
    shared: &Shared,
    pod: &Pod,
    folder: &Path,
    address: &str,
) -> Result<BTreeMap<String, PathBuf>, NotYet> {
    let mut made = BTreeMap::new();
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        made.insert(volume.name.clone(), make_one(shared, pod, volume, folder, address).await?);
    }
    Ok(made)
}

/// The mounts of one container: each mount path and the folder that stands for it.
pub(super) fn mounts(
    volumes: &BTreeMap<String, PathBuf>,
    mounts: Option<&Vec<k8s_openapi::api::core::v1::VolumeMount>>,
) -> Result<Mounts, NotYet> {
    let mut table = Mounts::default();
    for mount in mounts.into_iter().flatten() {
        let folder = volumes
            .get(&mount.name)
            .ok_or_else(|| NotYet::config(format!("volume \"{}\" is mounted but not defined", mount.name)))?;
        let folder = match &mount.sub_path {
            Some(sub) if sub.split('/').any(|part| part == "..") || sub.starts_with('/') => {
                return Err(NotYet::config(format!("subPath \"{sub}\" must stay within its volume")));
            }
            Some(sub) => folder.join(sub),
            None => folder.clone(),
        };
        if !folder.exists() {
            fs::create_dir_all(&folder)
                .map_err(|error| NotYet::config(format!("{}: {error}", folder.display())))?;
        }
        table.insert(&mount.mount_path, folder);
    }
    Ok(table)
}

async fn make_one(
    shared: &Shared,
    pod: &Pod,
    volume: &Volume,
    folder: &Path,
    address: &str,
) -> Result<PathBuf, NotYet> {
    let namespace = pod.namespace().unwrap_or_default();
    if let Some(claim) = &volume.persistent_volume_claim {
        return claim_folder(shared, &namespace, &claim.claim_name).await;
    }
    let target = folder.join("volumes").join(&volume.name);
    fs::create_dir_all(&target).map_err(|error| NotYet::config(format!("{}: {error}", target.display())))?;
    let files = if let Some(source) = &volume.config_map {
        config_map(
            shared,
            &namespace,
            &source.name,
            source.items.as_deref(),
            source.optional,
            source.default_mode,
        )
        .await?
    } else if let Some(source) = &volume.secret {
        let name = source.secret_name.clone().unwrap_or_default();
        secret(shared, &namespace, &name, source.items.as_deref(), source.optional, source.default_mode)
            .await?
    } else if let Some(source) = &volume.downward_api {
        downward(
            pod,
            address,
            source.items.iter().flatten().map(|item| (item.path.as_str(), item.field_ref.as_ref())),
        )
    } else if let Some(source) = &volume.projected {
        projected(shared, pod, source, address).await?
    } else if volume.empty_dir.is_some() {
        Files::new()
    } else {
        return Err(NotYet::config(format!(
            "volume \"{}\" is of a kind this node does not have",
            volume.name
        )));
    };
    write_files(&target, &files).map_err(|error| NotYet::config(format!("{}: {error}", target.display())))?;
    Ok(target)
}

async fn claim_folder(shared: &Shared, namespace: &str, name: &str) -> Result<PathBuf, NotYet> {
    use k8s_openapi::api::core::v1::PersistentVolumeClaim;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(shared.client.clone(), namespace);
    let found = claims.get_opt(name).await.map_err(NotYet::api)?;
    if found.is_none() {
        return Err(NotYet::scheduling(format!("persistentvolumeclaim \"{name}\" not found")));
    }
    let folder = shared.folders.claim(namespace, name);
    fs::create_dir_all(&folder).map_err(|error| NotYet::config(format!("{}: {error}", folder.display())))?;
    Ok(folder)
}

async fn config_map(
    shared: &Shared,
    namespace: &str,
    name: &str,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
    mode: Option<i32>,
) -> Result<Files, NotYet> {
    let maps: Api<ConfigMap> = Api::namespaced(shared.client.clone(), namespace);
    let Some(map) = maps.get_opt(name).await.map_err(NotYet::api)? else {
        return missing("configmap", name, optional);
    };
    let mut data: BTreeMap<String, Vec<u8>> =
        map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
    data.extend(map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)));
    select("configmap", name, data, items, optional, mode)
}

async fn secret(
    shared: &Shared,
    namespace: &str,
    name: &str,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
    mode: Option<i32>,
) -> Result<Files, NotYet> {
    let secrets: Api<Secret> = Api::namespaced(shared.client.clone(), namespace);
    let Some(secret) = secrets.get_opt(name).await.map_err(NotYet::api)? else {
        return missing("secret", name, optional);
    };
    let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
    select("secret", name, data, items, optional, mode)
}

fn missing(kind: &str, name: &str, optional: Option<bool>) -> Result<Files, NotYet> {
    if optional == Some(true) {
        Ok(Files::new())
    } else {
        Err(NotYet::config(format!("{kind} \"{name}\" not found")))
    }
}

fn select(
    kind: &str,
    name: &str,
    data: BTreeMap<String, Vec<u8>>,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
    mode: Option<i32>,
) -> Result<Files, NotYet> {
    let usual = mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o644);
    let Some(items) = items else {
        return Ok(data.into_iter().map(|(key, value)| (key, value, usual)).collect());
    };
    let mut files = Files::new();
    for item in items {
        match data.get(&item.key) {
            Some(value) => {
                let mode = item.mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(usual);
                files.push((item.path.clone(), value.clone(), mode));
            }
            None if optional == Some(true) => {}
            None => {
                let key = &item.key;
                return Err(NotYet::config(format!("references non-existent {kind} key: {name}/{key}")));
            }
        }
    }
    Ok(files)
}

fn downward<'a>(
    pod: &Pod,
    address: &str,
    items: impl Iterator<Item = (&'a str, Option<&'a k8s_openapi::api::core::v1::ObjectFieldSelector>)>,
) -> Files {
    let value = |field: &k8s_openapi::api::core::v1::ObjectFieldSelector| {
        field_value(pod, &field.field_path, address)
    };
    items.filter_map(|(path, field)| Some((path.to_owned(), value(field?)?.into_bytes(), 0o644))).collect()
}

async fn projected(
    shared: &Shared,
    pod: &Pod,
    source: &ProjectedVolumeSource,
    address: &str,
) -> Result<Files, NotYet> {
    let namespace = pod.namespace().unwrap_or_default();
    let mode = source.default_mode;
    let mut files = Files::new();
    for part in source.sources.iter().flatten() {
        if let Some(map) = &part.config_map {
            files.extend(
                config_map(shared, &namespace, &map.name, map.items.as_deref(), map.optional, mode).await?,
            );
        } else if let Some(one) = &part.secret {
            files.extend(
                secret(shared, &namespace, &one.name, one.items.as_deref(), one.optional, mode).await?,
            );
        } else if let Some(api) = &part.downward_api {
            let items = api.items.iter().flatten().map(|item| (item.path.as_str(), item.field_ref.as_ref()));
            files.extend(downward(pod, address, items));
        } else {
            return Err(NotYet::config("a projected volume has a source this node does not have".to_owned()));
        }
    }
    Ok(files)
}

fn write_files(folder: &Path, files: &Files) -> std::io::Result<()> {
    use std::io::Write as _;
    for (path, content, mode) in files {
        if path.split('/').any(|part| matches!(part, ".." | "")) {
            return Err(std::io::Error::other(format!("path \"{path}\" must stay within its volume")));
        }
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        // Only this user's processes run here, and other users must not read secrets: the group and others get nothing.
        let mode = mode & 0o700;
        let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o400))?;
    }
    Ok(())
}
