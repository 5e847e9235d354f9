//! The two Event APIs as one store: stored in the core form, shown in either.

use serde_json::Value;

/// Fields by their names in the core group and in `events.k8s.io`.
const NAMES: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// Shows a stored event in the form of `events.k8s.io`.
pub(crate) fn present(event: &mut Value) {
    rename(event, |(core, newer)| (core, newer));
}

/// Brings an event of `events.k8s.io` into the stored form.
pub(crate) fn absorb(event: &mut Value) {
    rename(event, |(core, newer)| (newer, core));
    event["apiVersion"] = "v1".into();
}

fn rename(event: &mut Value, direction: fn((&'static str, &'static str)) -> (&'static str, &'static str)) {
    let Some(fields) = event.as_object_mut() else { return };
    for names in NAMES {
        let (from, to) = direction(*names);
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_go_over_into_each_other() {
        let core =
            json!({ "apiVersion": "v1", "involvedObject": { "name": "a" }, "message": "m", "reason": "R" });
        let mut event = core.clone();
        present(&mut event);
        assert_eq!(event["regarding"]["name"], "a");
        assert_eq!(event["note"], "m");
        absorb(&mut event);
        assert_eq!(event, core);
    }
}
