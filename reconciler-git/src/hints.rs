//! Hints that a repository has news. A hint is never the truth: it only makes the next look at the remote sooner.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ambient_git::RepositoryUrl;
use tokio::sync::Notify;

/// A handle by which others, such as a webhook, say that a repository may have news. Cloning is cheap. Many hints for
/// one repository become one look.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    wakers: Arc<Mutex<HashMap<String, Arc<Notify>>>>,
}

impl Hints {
    /// Asks for a look at a repository now; tells whether any source follows it.
    pub fn wake(&self, repository: &RepositoryUrl) -> bool {
        let waker = self.lock().get(&repository.canonical()).cloned();
        waker.inspect(|waker| waker.notify_one()).is_some()
    }

    pub(crate) fn listen(&self, repository: &RepositoryUrl, waker: &Arc<Notify>) {
        self.lock().insert(repository.canonical(), Arc::clone(waker));
    }

    pub(crate) fn forget(&self, repository: &RepositoryUrl) {
        self.lock().remove(&repository.canonical());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
