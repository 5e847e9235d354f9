//! When to try again, by the class of an error.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What kind of trouble an error is, and so when a new try makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The object itself is at fault: only an edit helps.
    Invalid,
    /// Somebody else was faster: try at once.
    Conflict,
    /// Something that is awaited is not there yet; a watch will tell, this is a safety net.
    NotYet,
    /// Trouble outside: try again, more and more slowly.
    Outside,
}

/// Classifies an error of the Kubernetes API.
#[must_use]
pub fn classify(error: &kube::Error) -> ErrorClass {
    let kube::Error::Api(status) = error else {
        return ErrorClass::Outside;
    };
    match status.code {
        409 if status.reason != "AlreadyExists" => ErrorClass::Conflict,
        404 => ErrorClass::NotYet,
        400 | 405 | 413 | 415 | 422 => ErrorClass::Invalid,
        403 if status.message.contains("being terminated") => ErrorClass::NotYet,
        _ => ErrorClass::Outside,
    }
}

/// Delays that double for each failure of one key, from a fifth of a second to two minutes, with jitter of up to a
/// quarter so that many objects do not return together.
#[derive(Debug)]
pub struct Backoff<K> {
    failures: Mutex<HashMap<K, u32>>,
}

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(120);
const AT_ONCE: Duration = Duration::from_millis(5);
const SAFETY_NET: Duration = Duration::from_secs(10);

impl<K: Eq + Hash + Clone> Default for Backoff<K> {
    fn default() -> Self {
        Self { failures: Mutex::new(HashMap::new()) }
    }
}

impl<K: Eq + Hash + Clone> Backoff<K> {
    /// The delay before the next try, or none where only an edit helps. Counts the failure.
    pub fn next(&self, key: &K, class: ErrorClass) -> Option<Duration> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(key.clone()).or_insert(0);
        *count = count.saturating_add(1);
        match class {
            ErrorClass::Invalid => None,
            ErrorClass::Conflict if *count <= 5 => Some(AT_ONCE),
            ErrorClass::NotYet => Some(SAFETY_NET.min(delay(*count))),
            ErrorClass::Conflict | ErrorClass::Outside => Some(jittered(delay(*count))),
        }
    }

    /// Forgets a key's failures, after a success or when the object is gone.
    pub fn reset(&self, key: &K) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn delay(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST.saturating_mul(doubled.min(1 << 16)).min(LONGEST)
}

/// Adds up to a quarter, from the hasher's random keys: no better randomness is needed to spread retries.
fn jittered(delay: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = u32::try_from(RandomState::new().hash_one(0_u8) % 1000).unwrap_or_default();
    delay + delay / 4 * random / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound_and_start_anew_after_success() {
        let backoff = Backoff::default();
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            let delay = backoff.next(&"a", ErrorClass::Outside).unwrap();
            assert!(delay >= last.mul_f32(0.7) && delay <= LONGEST.mul_f32(1.26), "{delay:?} after {last:?}");
            last = delay;
        }
        assert!(last >= LONGEST);
        backoff.reset(&"a");
        assert!(backoff.next(&"a", ErrorClass::Outside).unwrap() < Duration::from_millis(300));
    }

    #[test]
    fn the_class_decides() {
        let backoff = Backoff::default();
        assert_eq!(backoff.next(&"i", ErrorClass::Invalid), None);
        assert_eq!(backoff.next(&"c", ErrorClass::Conflict), Some(AT_ONCE));
        (0..9).for_each(|_| {
            backoff.next(&"c", ErrorClass::Conflict);
        });
        assert!(
            backoff.next(&"c", ErrorClass::Conflict) > Some(AT_ONCE),
            "a lasting conflict is not spun on"
        );
        assert!(backoff.next(&"n", ErrorClass::NotYet) <= Some(SAFETY_NET));
    }
}
