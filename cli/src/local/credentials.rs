//! The embedded cluster's Secrets as files, from which the broker reads them: it outlives the cluster's API.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use ambient_crds::labels::SESSION_UID;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use super::data::write_private;

/// Keeps `folder/<namespace>/<name>/<entry>` as the Secrets are, until told to end. The files stay.
pub(super) async fn mirror(
    client: Client,
    folder: PathBuf,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut events = watcher(Api::<Secret>::all(client), watcher::Config::default()).boxed();
    let mut listed = BTreeSet::new();
    while let Some(Some(event)) = shutdown.run_until_cancelled(events.next()).await {
        let written = match event {
            Ok(Event::Init) => {
                listed.clear();
                Ok(())
            }
            // Tokens of runs are no credentials.
            Ok(Event::InitApply(secret) | Event::Apply(secret) | Event::Delete(secret))
                if secret.labels().contains_key(SESSION_UID) =>
            {
                continue;
            }
            Ok(Event::InitApply(secret)) => {
                listed.insert(place(&folder, &secret));
                write(&folder, &secret)
            }
            Ok(Event::InitDone) => remove_others(&folder, &listed),
            Ok(Event::Apply(secret)) => write(&folder, &secret),
            Ok(Event::Delete(secret)) => remove(&place(&folder, &secret)),
            Err(error) => {
                tracing::debug!(%error, "the Secrets are watched anew");
                Ok(())
            }
        };
        if let Err(error) = written {
            tracing::warn!(%error, folder = %folder.display(), "the broker does not see a Secret as it is");
        }
    }
    Ok(())
}

fn place(folder: &Path, secret: &Secret) -> PathBuf {
    folder.join(secret.namespace().unwrap_or_default()).join(secret.name_any())
}

fn write(folder: &Path, secret: &Secret) -> io::Result<()> {
    let place = place(folder, secret);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&place)?;
    let data = secret.data.iter().flatten();
    let mut wanted = BTreeSet::new();
    for (entry, value) in data {
        wanted.insert(place.join(entry));
        write_private(&place.join(entry), &value.0)?;
    }
    for file in entries(&place)?.filter(|file| !wanted.contains(file)) {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

/// Removes Secrets that are not there any more.
fn remove_others(folder: &Path, listed: &BTreeSet<PathBuf>) -> io::Result<()> {
    for namespace in entries(folder)? {
        for secret in entries(&namespace)?.filter(|secret| !listed.contains(secret)) {
            remove(&secret)?;
        }
    }
    Ok(())
}

fn remove(place: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> io::Result<impl Iterator<Item = PathBuf> + use<>> {
    let read = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        read => Some(read?),
    };
    Ok(read.into_iter().flatten().flatten().map(|entry| entry.path()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(name: &str, data: &serde_json::Value) -> Secret {
        serde_json::from_value(json!({"metadata": {"namespace": "demo", "name": name}, "data": data}))
            .unwrap()
    }

    #[test]
    fn files_follow_the_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("credentials");
        let there = |path: &str| std::fs::read_to_string(folder.join("demo").join(path)).ok();
        write(&folder, &secret("keys", &json!({"a": "b25l", "b": "dHdv"}))).unwrap();
        assert_eq!((there("keys/a").as_deref(), there("keys/b").as_deref()), (Some("one"), Some("two")));
        write(&folder, &secret("keys", &json!({"b": "b25l"}))).unwrap();
        assert_eq!((there("keys/a"), there("keys/b").as_deref()), (None, Some("one")));
        write(&folder, &secret("others", &json!({"c": "b25l"}))).unwrap();
        remove_others(&folder, &BTreeSet::from([folder.join("demo/keys")])).unwrap();
        assert_eq!((there("keys/b").as_deref(), there("others/c")), (Some("one"), None));
    }
}
