//! Fights: another writer undoes what the sync does, and the sync does it again, without end.
//!
//! An object that was corrected five times within a minute is left alone for ten minutes. The same rate as Config Sync's
//! detector (KNV2005): people are slower, loops are faster.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use ambient_crds::names::ObjectIdentity;
use tokio::time::Instant;

const MOST_CORRECTIONS: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
const TRUCE: Duration = Duration::from_secs(600);

/// The corrections of the objects of a source.
#[derive(Debug, Default)]
pub(crate) struct Fights {
    corrections: HashMap<ObjectIdentity, VecDeque<Instant>>,
}

impl Fights {
    /// Notes that an object was brought back to what Git says.
    pub(crate) fn corrected(&mut self, identity: &ObjectIdentity, now: Instant) {
        self.corrections.retain(|_, times| times.back().is_some_and(|last| now - *last < TRUCE));
        let times = self.corrections.entry(identity.clone()).or_default();
        times.push_back(now);
        if times.len() > MOST_CORRECTIONS {
            times.pop_front();
        }
    }

    /// Whether an object is fought over, and left alone.
    pub(crate) fn is_on(&self, identity: &ObjectIdentity, now: Instant) -> bool {
        self.end(identity).is_some_and(|end| now < end)
    }

    /// When the next truce is over.
    pub(crate) fn next_end(&self, now: Instant) -> Option<Instant> {
        self.corrections.keys().filter_map(|identity| self.end(identity)).filter(|end| *end > now).min()
    }

    fn end(&self, identity: &ObjectIdentity) -> Option<Instant> {
        let times = self.corrections.get(identity)?;
        let (first, last) = (times.front()?, times.back()?);
        (times.len() == MOST_CORRECTIONS && *last - *first < WINDOW).then(|| *last + TRUCE)
    }
}

#[cfg(test)]
mod tests {
    use ambient_crds::names::ObjectName;

    use super::*;

    #[test]
    fn five_corrections_in_a_minute_are_a_fight_and_a_truce_follows() {
        let identity = ObjectIdentity {
            group: String::new(),
            kind: "ConfigMap".into(),
            object: ObjectName { namespace: Some("a".into()), name: "b".into() },
        };
        let start = Instant::now();
        let second = Duration::from_secs(1);
        for (step, expected) in [(20, false), (10, true)] {
            let mut fights = Fights::default();
            for count in 0..5 {
                assert!(!fights.is_on(&identity, start + second * step * count));
                fights.corrected(&identity, start + second * step * count);
            }
            let now = start + second * step * 4;
            assert_eq!(fights.is_on(&identity, now), expected, "every {step} s");
            assert_eq!(fights.next_end(now), expected.then(|| now + TRUCE));
            assert!(!fights.is_on(&identity, now + TRUCE));
        }
    }
}
