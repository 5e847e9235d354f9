//! Answers that hold for a short while: reviews are asked again after at most 30 seconds (rule 24).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer of a review is believed.
const LIFE: Duration = Duration::from_secs(30);
/// Most answers kept; beyond it the old ones go, and if there are none, all.
const MOST: usize = 10_000;

/// Recent answers by question.
pub(crate) struct Recent<K, V> {
    answers: Mutex<HashMap<K, (Instant, V)>>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { answers: Mutex::new(HashMap::new()) }
    }
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    /// The answer, if it was given within the last 30 seconds.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.get_at(key, Instant::now())
    }

    /// Keeps an answer given just now.
    pub(crate) fn put(&self, key: K, value: V) {
        self.put_at(key, value, Instant::now());
    }

    fn get_at(&self, key: &K, now: Instant) -> Option<V> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (given, value) = answers.get(key)?;
        is_recent(*given, now).then(|| value.clone())
    }

    fn put_at(&self, key: K, value: V, now: Instant) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.retain(|_, (given, _)| is_recent(*given, now));
        }
        if answers.len() >= MOST {
            answers.clear();
        }
        answers.insert(key, (now, value));
    }
}

fn is_recent(given: Instant, now: Instant) -> bool {
    now.saturating_duration_since(given) < LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_for_thirty_seconds() {
        let (recent, start) = (Recent::default(), Instant::now());
        recent.put_at("may jane read", true, start);
        assert_eq!(recent.get_at(&"may jane read", start + Duration::from_secs(29)), Some(true));
        assert_eq!(recent.get_at(&"may jane read", start + Duration::from_secs(30)), None);
    }

    #[test]
    fn questions_without_end_do_not_take_memory_without_end() {
        let recent = Recent::default();
        (0..3 * MOST).for_each(|number| recent.put(number, ()));
        assert!(recent.answers.lock().unwrap().len() <= MOST);
        assert_eq!(recent.get(&(3 * MOST - 1)), Some(()));
    }
}
