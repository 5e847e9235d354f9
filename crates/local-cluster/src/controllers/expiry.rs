//! Events are kept for an hour, as by an API server's default.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::{api::Server, object, storage::Key};

/// How often old events are looked for.
pub(crate) const INTERVAL: Duration = Duration::from_secs(300);
/// How long an event is kept after it was last seen.
const KEPT: Duration = Duration::from_secs(3600);

/// Deletes events that were last seen too long ago.
pub(crate) fn delete_old_events(server: &Server, now: Timestamp) {
    let Some(resource) = server.registry.find_stored("events") else { return };
    for stored in server.store.list("events", None).items {
        if last_seen(&stored.value).is_none_or(|seen| seen + KEPT > now) {
            continue;
        }
        let key = Key {
            resource: resource.storage.clone(),
            namespace: object::namespace(&stored.value).to_owned(),
            name: object::name(&stored.value).to_owned(),
        };
        if let Err(error) =
            server.delete_as_controller(&resource, &key, object::uid(&stored.value), "Background")
        {
            tracing::warn!(event = ?key, %error, "old event not deleted");
        }
    }
}

/// The latest of the times that an event carries.
fn last_seen(event: &Value) -> Option<Timestamp> {
    let times = [
        &event["series"]["lastObservedTime"],
        &event["lastTimestamp"],
        &event["eventTime"],
        &event["metadata"]["creationTimestamp"],
    ];
    times.into_iter().filter_map(|time| time.as_str()?.parse().ok()).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_latest_time_counts() {
        let event = json!({
            "metadata": { "creationTimestamp": "2026-01-01T00:00:00Z" }, "lastTimestamp": "2026-01-01T00:05:00Z",
            "series": { "lastObservedTime": "2026-01-01T00:09:00.5Z" },
        });
        assert_eq!(last_seen(&event), Some("2026-01-01T00:09:00.5Z".parse().unwrap()));
        assert_eq!(last_seen(&json!({})), None);
    }
}
