//! Runs that sleep: an attempt has ended because nobody spoke, and the run has not. Which attempts did is written on the
//! run's volume before their runner is let go.

use std::collections::BTreeSet;

use ambient_crds::labels;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Client, ResourceExt as _};

use super::volume;

/// The attempts of a run that ended because nobody spoke.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Slept(BTreeSet<u32>);

impl Slept {
    /// What is written on a volume.
    pub(super) fn of(volume: &PersistentVolumeClaim) -> Self {
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

/// Notes that an attempt sleeps. Repeated, it changes nothing.
///
/// # Errors
/// See [`volume::note`].
pub(super) async fn note(
    client: &Client,
    namespace: &str,
    volume: &str,
    attempt: u32,
) -> Result<(), kube::Error> {
    let add = |found: &PersistentVolumeClaim| {
        let mut slept = Slept::of(found);
        slept.0.insert(attempt).then(|| (labels::SLEPT, slept.to_text()))
    };
    volume::note(client, namespace, volume, add).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
