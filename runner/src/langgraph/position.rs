//! Where in a stream one is, so that it can be taken up again without a loss and without a repetition.
//!
//! Ids of frames are times on some servers, and several frames have the same: what is asked for is all since the id
//! before the last, and of those with the last id, as many as were seen are passed over.

/// The id from which a server tells all, as LangGraph's own client asks for it.
const BEGINNING: &str = "-1";

/// A place in a stream.
#[derive(Debug, Default)]
pub(super) struct Position {
    before: Option<String>,
    last: Option<String>,
    /// Frames that were taken under the last id.
    taken: usize,
    /// Of these, how many are still to come again.
    repeated: usize,
}

impl Position {
    /// Whether a frame is new. One without an id always is.
    pub(super) fn take(&mut self, id: Option<&str>) -> bool {
        let Some(id) = id else { return true };
        if self.last.as_deref() != Some(id) {
            self.before = self.last.replace(id.to_owned());
            self.taken = 1;
            self.repeated = 0;
            return true;
        }
        if self.repeated > 0 {
            self.repeated -= 1;
            return false;
        }
        self.taken += 1;
        true
    }

    /// The `Last-Event-ID` by which the stream is taken up.
    pub(super) fn rejoin(&mut self) -> &str {
        self.repeated = self.taken;
        self.before.as_deref().unwrap_or(BEGINNING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server that keeps these ids sends after one of them.
    fn after<'a>(all: &'a [&'a str], id: &str) -> impl Iterator<Item = &'a str> {
        let id = id.to_owned();
        all.iter().copied().filter(move |one| *one > id.as_str())
    }

    #[test]
    fn a_stream_cut_off_anywhere_and_taken_up_has_every_frame_once() {
        for all in [&["1", "2", "3", "4"][..], &["1", "1", "2", "2", "2", "3"], &["1", "1", "1"]] {
            for first in 0..=all.len() {
                for second in 0..=all.len() {
                    let mut position = Position::default();
                    let mut taken = Vec::new();
                    let mut take = |position: &mut Position, id: &'static str| {
                        if position.take(Some(id)) {
                            taken.push(id);
                        }
                    };
                    all[..first].iter().for_each(|id| take(&mut position, id));
                    let rest: Vec<_> = after(all, position.rejoin()).collect();
                    rest.iter().take(second).for_each(|id| take(&mut position, id));
                    let rest: Vec<_> = after(all, position.rejoin()).collect();
                    rest.iter().for_each(|id| take(&mut position, id));
                    assert_eq!(taken, all, "cut after {first}, then after {second}");
                }
            }
        }
    }

    #[test]
    fn frames_without_an_id_are_taken() {
        let mut position = Position::default();
        assert!(position.take(None) && position.take(None));
        assert_eq!(position.rejoin(), BEGINNING);
    }
}
