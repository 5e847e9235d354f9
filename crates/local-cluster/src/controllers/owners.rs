//! Owner references of one object, judged against the owners that are there. Pure.

use serde_json::Value;

/// How an owner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnerState {
    /// It is there.
    Present,
    /// It is gone, or another object has its name.
    Absent,
    /// It is being deleted and waits for its dependents.
    WaitsForDependents,
    /// Its kind is not known: nothing can be said.
    Unknown,
}

/// What is to happen to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It stays as it is.
    Keep,
    /// It stays, without the references to these UIDs.
    DropReferences(Vec<String>),
    /// It goes; its own dependents are waited for if `foreground`.
    Delete { foreground: bool },
}

/// Judges an object by the state of its owners. An object without references stays.
pub(crate) fn judge(
    references: &[Value],
    state: impl Fn(&Value) -> OwnerState,
    has_dependents: bool,
) -> Verdict {
    let states: Vec<(OwnerState, &Value)> =
        references.iter().map(|reference| (state(reference), reference)).collect();
    let is = |wanted: OwnerState| states.iter().any(|(state, _)| *state == wanted);
    if states.is_empty() || is(OwnerState::Unknown) {
        return Verdict::Keep;
    }
    let waiting = states.iter().any(|(state, reference)| {
        *state == OwnerState::WaitsForDependents && reference["blockOwnerDeletion"] == true
    });
    let holds = |(state, reference): &(OwnerState, &Value)| match state {
        OwnerState::Present => true,
        OwnerState::WaitsForDependents => reference["blockOwnerDeletion"] != true,
        OwnerState::Absent | OwnerState::Unknown => false,
    };
    if states.iter().any(holds) {
        let lost: Vec<String> = states
            .iter()
            .filter(|entry| !holds(entry))
            .map(|(_, reference)| reference["uid"].as_str().unwrap_or_default().to_owned())
            .collect();
        return if lost.is_empty() { Verdict::Keep } else { Verdict::DropReferences(lost) };
    }
    Verdict::Delete { foreground: waiting && has_dependents }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn verdicts() {
        let reference = |uid: &str, blocks: bool| json!({ "uid": uid, "blockOwnerDeletion": blocks });
        let state = |reference: &Value| match reference["uid"].as_str().unwrap() {
            "here" => OwnerState::Present,
            "gone" => OwnerState::Absent,
            "going" => OwnerState::WaitsForDependents,
            _ => OwnerState::Unknown,
        };
        for (references, has_dependents, wanted) in [
            (vec![], false, Verdict::Keep),
            (vec![reference("here", false)], false, Verdict::Keep),
            (vec![reference("gone", false)], false, Verdict::Delete { foreground: false }),
            (
                vec![reference("here", false), reference("gone", false)],
                false,
                Verdict::DropReferences(vec!["gone".into()]),
            ),
            (vec![reference("going", true)], true, Verdict::Delete { foreground: true }),
            (vec![reference("going", true)], false, Verdict::Delete { foreground: false }),
            (vec![reference("going", false)], false, Verdict::Keep),
            (
                vec![reference("here", false), reference("going", true)],
                false,
                Verdict::DropReferences(vec!["going".into()]),
            ),
            (vec![reference("?", false), reference("gone", false)], false, Verdict::Keep),
        ] {
            assert_eq!(judge(&references, state, has_dependents), wanted, "{references:?}");
        }
    }
}
