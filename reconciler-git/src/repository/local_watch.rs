//! Sees a commit in a repository of this machine as soon as its ref is written.

use std::path::Path;
use std::sync::Arc;

use ambient_git::WatchPaths;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// A watch on the files that move with a repository's refs. It ends when dropped.
pub(super) struct LocalWatch {
    _watcher: RecommendedWatcher,
}

impl LocalWatch {
    /// Starts to watch a repository; `moved` is told of every change. Without a watch, the interval of the sources still
    /// finds what is new, so a failure is only logged.
    pub(super) fn start(path: &Path, moved: &Arc<Notify>) -> Option<Self> {
        let paths = WatchPaths::of(path).ok()?;
        match watch(&paths, Arc::clone(moved)) {
            Ok(watcher) => Some(Self { _watcher: watcher }),
            Err(error) => {
                tracing::warn!(repo.path = %path.display(), %error, "a repository cannot be watched; it is polled");
                None
            }
        }
    }
}

fn watch(paths: &WatchPaths, moved: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    // No debounce: a look costs a few small reads, and those that come while one is under way become one.
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.map_or(true, |event| writes(&event)) {
            moved.notify_one();
        }
    })?;
    for path in &paths.recursive {
        watcher.watch(path, RecursiveMode::Recursive)?;
    }
    for path in &paths.flat {
        watcher.watch(path, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Reading is an event too, ours included: to look at those would never end.
fn writes(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}
