//! The lines of a recorded transcript with their sequence numbers.
//!
//! A transcript over the size cap has its middle cut out: an event `ambient.truncated` stands there and tells how many
//! events it stands for, so that the numbers after it are those that the runner's log had.

use ambient_protocol::events::{Event, EventBody};

/// Name of the event that stands for what was cut out.
const CUT: &str = "ambient.truncated";

/// The lines with their numbers; `truncated` is what the ledger says. An agent may write such an event too: only one is
/// taken for what it says, and only in a transcript that was cut.
pub(super) fn numbered(transcript: &str, truncated: bool) -> Vec<(u64, &str)> {
    let mut last = 0_u64;
    let mut cut = truncated;
    let lines = transcript.lines().filter(|line| !line.is_empty());
    let number = |line| {
        let stands_for = if cut { left_out(line) } else { None };
        cut &= stands_for.is_none();
        last = last.saturating_add(stands_for.unwrap_or(1));
        (last, line)
    };
    lines.map(number).collect()
}

/// How many events a line stands for, if it is the mark of a cut.
fn left_out(line: &str) -> Option<u64> {
    if !line.contains(CUT) {
        return None;
    }
    let EventBody::Custom { name, value, .. } = Event::parse(line).ok()?.body else { return None };
    (name == CUT).then(|| value.get("events").and_then(serde_json::Value::as_u64))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSCRIPT: &str = "{\"a\":1}\n{\"type\":\"CUSTOM\",\"name\":\"ambient.truncated\",\"value\":{\"events\":40}}\n\n{\"b\":2}\n";

    #[test]
    fn numbers_after_a_cut_are_those_of_the_log() {
        let numbers = |truncated| -> Vec<u64> {
            numbered(TRANSCRIPT, truncated).into_iter().map(|(number, _)| number).collect()
        };
        assert_eq!(numbers(true), [1, 41, 42]);
        assert_eq!(numbers(false), [1, 2, 3], "nothing was cut: the event is the agent's own");
        let twice = numbered(&TRANSCRIPT.repeat(2), true).last().map(|(number, _)| *number);
        assert_eq!(twice, Some(45), "only the first is the mark");
    }
}
