//! Volumes as folders: pure, which folder stands for a volume and which files are in it at the start.
//!
//! Contents of ConfigMaps and Secrets are those of the pod's start; a kubelet would follow later changes.

use std::{collections::BTreeMap, path::PathBuf};

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, PodSpec, ProjectedVolumeSource, Volume};

use super::{
    downward::SelfKnowledge,
    folders::Folders,
    hindrance::{Hindrance, HindranceKind},
    sources::{Content, Sources},
};
use crate::shim::PodFiles;

/// Mode of files where nobody says otherwise.
const USUAL_MODE: u32 = 0o644;

/// What stands for a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VolumePlan {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// Whether it is made where it is not there.
    pub(crate) is_made: bool,
    /// Files that are in it from the start.
    pub(crate) files: Vec<VolumeFile>,
}

/// A file in a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VolumeFile {
    /// Its path within the volume, which stays within it.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) content: Vec<u8>,
    /// Its mode. Only the owner's bits can count here.
    pub(crate) mode: u32,
}

/// What volumes are planned from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VolumeInputs<'a> {
    pub(crate) knowledge: SelfKnowledge<'a>,
    pub(crate) sources: &'a Sources,
    pub(crate) files: &'a PodFiles,
    pub(crate) folders: &'a Folders,
}

/// What of a volume's source decides its files.
struct Selection<'a> {
    items: Option<&'a [KeyToPath]>,
    optional: bool,
    mode: u32,
}

impl VolumeInputs<'_> {
    /// Plans all volumes of a pod, by name.
    pub(crate) fn plan(&self, spec: &PodSpec) -> Result<BTreeMap<String, VolumePlan>, Hindrance> {
        let mut plans = BTreeMap::new();
        for volume in spec.volumes.iter().flatten() {
            plans.insert(volume.name.clone(), self.plan_one(volume)?);
        }
        Ok(plans)
    }

    fn plan_one(&self, volume: &Volume) -> Result<VolumePlan, Hindrance> {
        if let Some(claim) = &volume.persistent_volume_claim {
            let uid =
                self.sources.claims.get(&claim.claim_name).ok_or_else(|| no_claim(&claim.claim_name))?;
            return Ok(VolumePlan { folder: self.folders.volume(uid), is_made: true, files: Vec::new() });
        }
        if let Some(host) = &volume.host_path {
            let is_made = host.type_.as_deref() == Some("DirectoryOrCreate");
            return Ok(VolumePlan { folder: PathBuf::from(&host.path), is_made, files: Vec::new() });
        }
        let files = self.files_of(volume).and_then(check_paths).map_err(|why| {
            let message = format!("MountVolume.SetUp failed for volume \"{}\" : {why}", volume.name);
            Hindrance::of_pod(HindranceKind::Volume, message)
        })?;
        Ok(VolumePlan { folder: self.files.volume(&volume.name), is_made: true, files })
    }

    fn files_of(&self, volume: &Volume) -> Result<Vec<VolumeFile>, String> {
        if let Some(source) = &volume.config_map {
            let selection = Selection::new(
                source.items.as_deref(),
                source.optional,
                mode(source.default_mode, USUAL_MODE),
            );
            return self.config_map(&source.name, &selection);
        }
        if let Some(source) = &volume.secret {
            let selection = Selection::new(
                source.items.as_deref(),
                source.optional,
                mode(source.default_mode, USUAL_MODE),
            );
            return self.secret(source.secret_name.as_deref().unwrap_or_default(), &selection);
        }
        if let Some(source) = &volume.downward_api {
            return self.downward(source.items.as_deref(), mode(source.default_mode, USUAL_MODE));
        }
        if let Some(source) = &volume.projected {
            return self.projected(source);
        }
        if volume.empty_dir.is_some() {
            return Ok(Vec::new());
        }
        Err("this node does not have volumes of this kind".to_owned())
    }

    fn projected(&self, source: &ProjectedVolumeSource) -> Result<Vec<VolumeFile>, String> {
        let usual = mode(source.default_mode, USUAL_MODE);
        let mut files = Vec::new();
        for part in source.sources.iter().flatten() {
            if let Some(map) = &part.config_map {
                let selection = Selection::new(map.items.as_deref(), map.optional, usual);
                files.extend(self.config_map(&map.name, &selection)?);
            } else if let Some(secret) = &part.secret {
                let selection = Selection::new(secret.items.as_deref(), secret.optional, usual);
                files.extend(self.secret(&secret.name, &selection)?);
            } else if let Some(downward) = &part.downward_api {
                files.extend(self.downward(downward.items.as_deref(), usual)?);
            } else {
                return Err("this node projects ConfigMaps, Secrets and the downward API only".to_owned());
            }
        }
        Ok(files)
    }

    fn config_map(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<VolumeFile>, String> {
        selection.choose("configmap", "config", name, self.sources.config_maps.get(name))
    }

    fn secret(&self, name: &str, selection: &Selection<'_>) -> Result<Vec<VolumeFile>, String> {
        selection.choose("secret", "secret", name, self.sources.secrets.get(name))
    }

    fn downward(
        &self,
        items: Option<&[DownwardAPIVolumeFile]>,
        usual: u32,
    ) -> Result<Vec<VolumeFile>, String> {
        let file = |item: &DownwardAPIVolumeFile| {
            let path = item.field_ref.as_ref().map(|field| field.field_path.as_str()).unwrap_or_default();
            let value = self.knowledge.field(path).ok_or_else(|| format!("unsupported fieldPath: {path}"))?;
            let (content, mode) = (value.into_bytes(), mode(item.mode, usual));
            Ok(VolumeFile { path: item.path.clone(), content, mode })
        };
        items.into_iter().flatten().map(file).collect()
    }
}

impl<'a> Selection<'a> {
    fn new(items: Option<&'a [KeyToPath]>, optional: Option<bool>, mode: u32) -> Self {
        Self { items, optional: optional == Some(true), mode }
    }

    /// The files for the chosen keys of a ConfigMap or Secret.
    fn choose(
        &self,
        kind: &str,
        key_kind: &str,
        name: &str,
        content: Option<&Content>,
    ) -> Result<Vec<VolumeFile>, String> {
        let Some(content) = content else {
            return if self.optional { Ok(Vec::new()) } else { Err(format!("{kind} \"{name}\" not found")) };
        };
        let Some(items) = self.items else {
            let file = |(key, value): (&String, &Vec<u8>)| VolumeFile {
                path: key.clone(),
                content: value.clone(),
                mode: self.mode,
            };
            return Ok(content.iter().map(file).collect());
        };
        let mut files = Vec::new();
        for item in items {
            match content.get(&item.key) {
                Some(value) => files.push(VolumeFile {
                    path: item.path.clone(),
                    content: value.clone(),
                    mode: mode(item.mode, self.mode),
                }),
                None if self.optional => {}
                None => return Err(format!("references non-existent {key_kind} key: {}", item.key)),
            }
        }
        Ok(files)
    }
}

fn no_claim(name: &str) -> Hindrance {
    let message =
        format!("0/1 nodes are available: 1 persistentvolumeclaim \"{name}\" not found or being deleted.");
    Hindrance::of_pod(HindranceKind::Scheduling, message)
}

fn mode(asked: Option<i32>, usual: u32) -> u32 {
    asked.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(usual)
}

/// Whether a path leads to a place below where it starts.
pub(crate) fn stays_within(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| part != "..")
}

fn check_paths(files: Vec<VolumeFile>) -> Result<Vec<VolumeFile>, String> {
    match files.iter().find(|file| !stays_within(&file.path)) {
        Some(file) => Err(format!("path \"{}\" must stay within the volume", file.path)),
        None => Ok(files),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    use super::*;

    /// Path, content and mode of a file.
    type File = (String, String, u32);

    /// Folder and files of a pod's only volume.
    fn plan(mut volume: Value) -> Result<(String, Vec<File>), String> {
        volume["name"] = "v".into();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p", "labels": { "a": "1" } },
            "spec": { "containers": [], "volumes": [volume] },
        }))
        .unwrap();
        let content = |key: &str, value: &str| Content::from([(key.to_owned(), value.as_bytes().to_vec())]);
        let sources = Sources {
            config_maps: [("map".to_owned(), content("k", "m"))].into(),
            secrets: [("keys".to_owned(), content("k", "s"))].into(),
            claims: [("claim".to_owned(), "uid-1".to_owned())].into(),
        };
        let (files, folders) = (PodFiles::new("/d/pods/u"), Folders::new("/d".as_ref()));
        let knowledge = SelfKnowledge { pod: &pod, address: "127.1.2.3", node: "local" };
        let inputs = VolumeInputs { knowledge, sources: &sources, files: &files, folders: &folders };
        let mut plans = inputs.plan(pod.spec.as_ref().unwrap()).map_err(|hindrance| hindrance.message)?;
        let plan = plans.remove("v").unwrap();
        let text = |file: VolumeFile| (file.path, String::from_utf8(file.content).unwrap(), file.mode);
        Ok((plan.folder.display().to_string(), plan.files.into_iter().map(text).collect()))
    }

    fn check(volume: &Value, folder: &str, files: &[(&str, &str, u32)]) {
        let files =
            files.iter().map(|(path, content, mode)| ((*path).to_owned(), (*content).to_owned(), *mode));
        assert_eq!(plan(volume.clone()), Ok((folder.to_owned(), files.collect())), "{volume}");
    }

    #[test]
    fn each_kind_of_volume() {
        let own = "/d/pods/u/volumes/v";
        check(&json!({ "emptyDir": {} }), own, &[]);
        check(&json!({ "persistentVolumeClaim": { "claimName": "claim" } }), "/d/volumes/pvc-uid-1", &[]);
        check(&json!({ "hostPath": { "path": "/srv" } }), "/srv", &[]);
        check(&json!({ "configMap": { "name": "map" } }), own, &[("k", "m", 0o644)]);
        check(&json!({ "configMap": { "name": "none", "optional": true } }), own, &[]);
        check(
            &json!({ "secret": { "secretName": "keys", "defaultMode": 0o400, "items": [{ "key": "k", "path": "a/b" }] } }),
            own,
            &[("a/b", "s", 0o400)],
        );
        check(
            &json!({ "downwardAPI": { "items": [{ "path": "l", "fieldRef": { "fieldPath": "metadata.labels" } }] } }),
            own,
            &[("l", "a=\"1\"", 0o644)],
        );
        check(
            &json!({ "projected": { "sources": [
                { "configMap": { "name": "map", "items": [{ "key": "k", "path": "m", "mode": 0o600 }] } },
                { "secret": { "name": "keys" } },
                { "downwardAPI": { "items": [{ "path": "n", "fieldRef": { "fieldPath": "metadata.name" } }] } },
            ] } }),
            own,
            &[("m", "m", 0o600), ("k", "s", 0o644), ("n", "p", 0o644)],
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let failed = |why: &str| Err(format!("MountVolume.SetUp failed for volume \"v\" : {why}"));
        assert_eq!(plan(json!({ "configMap": { "name": "x" } })), failed("configmap \"x\" not found"));
        assert_eq!(plan(json!({ "secret": { "secretName": "x" } })), failed("secret \"x\" not found"));
        let item = json!({ "configMap": { "name": "map", "items": [{ "key": "x", "path": "p" }] } });
        assert_eq!(plan(item), failed("references non-existent config key: x"));
        let outside = json!({ "configMap": { "name": "map", "items": [{ "key": "k", "path": "../p" }] } });
        assert_eq!(plan(outside), failed("path \"../p\" must stay within the volume"));
        assert_eq!(
            plan(json!({ "nfs": { "server": "s", "path": "/" } })),
            failed("this node does not have volumes of this kind")
        );
        let claim = plan(json!({ "persistentVolumeClaim": { "claimName": "x" } })).unwrap_err();
        assert!(claim.contains("persistentvolumeclaim \"x\" not found"), "{claim}");
    }
}
