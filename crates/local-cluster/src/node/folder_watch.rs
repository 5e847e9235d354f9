//! One watch for all files that a node waits for: a system gives out few of them.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;

/// Tells of changes of files.
#[derive(Clone, Default)]
pub(crate) struct FolderWatch {
    /// Made when the first file is waited for.
    watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
    files: Arc<Mutex<Files>>,
}

/// Those who wait, by the file.
type Files = HashMap<PathBuf, watch::Sender<()>>;

/// Waits for changes of one file.
pub(crate) struct FileChanges {
    path: PathBuf,
    receiver: watch::Receiver<()>,
    owner: FolderWatch,
}

impl FolderWatch {
    /// Waits for a file in a folder that is there. Changes from now on are noticed.
    pub(crate) fn file(&self, path: &Path) -> notify::Result<FileChanges> {
        let mut files = locked(&self.files);
        let is_new = !files.keys().any(|known| known.parent() == path.parent());
        let sender = files.entry(path.to_owned()).or_insert_with(|| watch::Sender::new(()));
        let changes =
            FileChanges { path: path.to_owned(), receiver: sender.subscribe(), owner: self.clone() };
        drop(files);
        if let Some(folder) = path.parent().filter(|_| is_new) {
            self.watch_folder(folder)?;
        }
        Ok(changes)
    }

    fn watch_folder(&self, folder: &Path) -> notify::Result<()> {
        let mut watcher = locked(&self.watcher);
        if let Some(watcher) = watcher.as_mut() {
            return watcher.watch(folder, RecursiveMode::NonRecursive);
        }
        let listeners = self.files.clone();
        let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            announce(&locked(&listeners), event);
        })?;
        watcher.insert(made).watch(folder, RecursiveMode::NonRecursive)
    }

    fn forget(&self, path: &Path) {
        let mut files = locked(&self.files);
        // This listener is still one of them.
        if files.get(path).is_some_and(|sender| sender.receiver_count() <= 1) {
            files.remove(path);
        }
        let is_last = !files.keys().any(|known| known.parent() == path.parent());
        drop(files);
        let folder = path.parent().filter(|_| is_last);
        if let (Some(folder), Some(watcher)) = (folder, locked(&self.watcher).as_mut()) {
            // The folder may be gone, and the watch with it.
            let _ = watcher.unwatch(folder);
        }
    }
}

impl FileChanges {
    /// Waits for the next change.
    pub(crate) async fn changed(&mut self) {
        // The sender lives as long as this listener is in the table.
        let _ = self.receiver.changed().await;
    }
}

impl Drop for FileChanges {
    fn drop(&mut self) {
        self.owner.forget(&self.path);
    }
}

fn announce(files: &Files, event: notify::Result<notify::Event>) {
    match event {
        Ok(event) if event.need_rescan() => files.values().for_each(wake),
        Ok(event) if !matches!(event.kind, EventKind::Access(_)) => {
            for sender in event.paths.iter().filter_map(|path| files.get(path)) {
                wake(sender);
            }
        }
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(%error, "changes of files may have been missed");
            files.values().for_each(wake);
        }
    }
}

fn wake(sender: &watch::Sender<()>) {
    sender.send_replace(());
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    #[tokio::test]
    async fn changes_of_a_file_are_noticed_by_all_who_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("report.json");
        let watch = FolderWatch::default();
        let (mut one, mut other) = (watch.file(&path).unwrap(), watch.file(&path).unwrap());
        fs::write(path.with_extension("new"), "1").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        let both = async { tokio::join!(one.changed(), other.changed()) };
        tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
        drop(one);
        fs::write(&path, "2").unwrap();
        tokio::time::timeout(Duration::from_secs(30), other.changed()).await.unwrap();
        drop(other);
        assert!(locked(&watch.files).is_empty());
    }
}
