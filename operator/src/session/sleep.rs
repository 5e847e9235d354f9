//! Runs that sleep: an attempt has ended because nobody spoke, and the run has not.
//!
//! Which attempts did is written on the run's volume, before their runner is let go: with the volume goes what could be
//! woken.

use std::collections::BTreeSet;

use ambient_crds::labels;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;

/// The attempts of a run that ended because nobody spoke.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Slept(BTreeSet<u32>);

impl Slept {
    fn of(volume: &PersistentVolumeClaim) -> Self {
        let text = volume.annotations().get(labels::SLEPT).map_or("", String::as_str);
        Self(text.split(',').filter_map(|number| number.trim().parse().ok()).collect())
    }

    /// Those, for tests.
    #[cfg(test)]
    pub(super) fn attempts(attempts: impl IntoIterator<Item = u32>) -> Self {
        Self(attempts.into_iter().collect())
    }

    /// How many there were; they do not count as failed ones.
    #[must_use]
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Whether this attempt ended so.
    #[must_use]
    pub(super) fn has(&self, attempt: u32) -> bool {
        self.0.contains(&attempt)
    }

    /// Whether an attempt comes after a sleep: it goes on with a conversation, and is asked nothing by the platform.
    #[must_use]
    pub(super) fn precedes(&self, attempt: u32) -> bool {
        self.0.first().is_some_and(|first| *first < attempt)
    }

    fn to_text(&self) -> String {
        self.0.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
    }
}

/// Reads which attempts of a run slept. A volume that is not there is one without any.
///
/// # Errors
/// The API server's.
pub(super) async fn read(client: &Client, namespace: &str, volume: &str) -> Result<Slept, kube::Error> {
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    Ok(volumes.get_opt(volume).await?.as_ref().map(Slept::of).unwrap_or_default())
}

/// Notes that an attempt sleeps. Repeated, it changes nothing.
///
/// # Errors
/// The API server's; a conflict where somebody else changed the volume at the same time.
pub(super) async fn note(
    client: &Client,
    namespace: &str,
    volume: &str,
    attempt: u32,
) -> Result<(), kube::Error> {
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let found = volumes.get(volume).await?;
    let mut slept = Slept::of(&found);
    if !slept.0.insert(attempt) {
        return Ok(());
    }
    let annotations = json!({labels::SLEPT: slept.to_text()});
    let patch =
        json!({"metadata": {"resourceVersion": found.resource_version(), "annotations": annotations}});
    volumes.patch(volume, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_kept_as_text() {
        let volume = |text: &str| -> PersistentVolumeClaim {
            serde_json::from_value(json!({"metadata": {"annotations": {labels::SLEPT: text}}})).unwrap()
        };
        for (text, count, precedes) in [("", 0, false), ("1", 1, true), ("3,1", 2, true), ("2", 1, false)] {
            let slept = Slept::of(&volume(text));
            assert_eq!((slept.count(), slept.precedes(2)), (count, precedes), "{text}");
            assert_eq!(Slept::of(&volume(&slept.to_text())), slept);
        }
    }
}
