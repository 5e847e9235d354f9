//! Starts what runs side by side: the watches, and one task for each source.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use ambient_crds::kinds::CarriedKind;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::hints::Hints;
use crate::live::LiveObject;
use crate::live::sources::Moved;
use crate::live::watch::{Change, follow, resource, selection};
use crate::shared::Shared;
use crate::source;
use crate::wake::Topic;

/// Why the sync cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder for mirrors cannot be made.
    #[error("the folder for mirrors {} cannot be made: {source}; check its permissions", path.display())]
    DataDirectory {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs the sync until `shutdown`: follows every `GitSource` of the cluster.
///
/// Trouble with the cluster, a repository or a source is reported where it belongs and tried again; it does not end this.
///
/// # Errors
/// Fails if the data directory cannot be made.
pub async fn run(
    client: Client,
    config: Config,
    hints: Hints,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let path = config.data_directory.clone();
    tokio::fs::create_dir_all(&path).await.map_err(|source| Error::DataDirectory { path, source })?;
    let shared = Arc::new(Shared::new(client, config, hints));
    let tasks = TaskTracker::new();
    let (moves, moved) = mpsc::unbounded_channel();
    for kind in CarriedKind::ALL {
        tasks.spawn(watch_kind(Arc::clone(&shared), *kind, moves.clone(), shutdown.clone()));
    }
    tasks.spawn(watch_namespaces(Arc::clone(&shared), shutdown.clone()));
    supervise(&shared, moved, &tasks, &shutdown).await;
    tasks.close();
    tasks.wait().await;
    shared.repositories.close().await;
    Ok(())
}

/// Keeps one task for each source that exists.
async fn supervise(
    shared: &Arc<Shared>,
    mut moved: mpsc::UnboundedReceiver<Moved>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let mut running: HashMap<String, CancellationToken> = HashMap::new();
    loop {
        let moved = tokio::select! {
            () = shutdown.cancelled() => return,
            moved = moved.recv() => moved,
        };
        let Some(Moved { changed, gone }) = moved else { return };
        for uid in changed {
            shared.wakers.wake(&uid);
            running.entry(uid.clone()).or_insert_with(|| {
                let end = shutdown.child_token();
                tasks.spawn(source::follow(Arc::clone(shared), uid, end.clone()));
                end
            });
        }
        for uid in &gone {
            if let Some(end) = running.remove(uid) {
                end.cancel();
            }
        }
        if !gone.is_empty() {
            shared.wakers.wake_topic(&Topic::Sources);
        }
    }
}

async fn watch_kind(
    shared: Arc<Shared>,
    kind: CarriedKind,
    moves: mpsc::UnboundedSender<Moved>,
    shutdown: CancellationToken,
) {
    let api: Api<DynamicObject> = Api::all_with(shared.client.clone(), &resource(kind));
    follow(api, kind.as_str(), selection(kind), shutdown, |change| {
        if kind == CarriedKind::GitSource {
            // The supervisor only goes when everything ends.
            let _ = moves.send(shared.sources.observe(&change));
        }
        show(&shared, kind, change);
    })
    .await;
}

/// Takes a change into the cache and wakes whom it concerns.
fn show(shared: &Shared, kind: CarriedKind, change: Change) {
    let touched = match change {
        Change::Listed(objects) => {
            let objects = objects.into_iter().filter_map(|object| LiveObject::read(kind, object)).collect();
            let touched = shared.live.replace(kind, objects);
            shared.wakers.wake_touched(&touched);
            shared.wakers.wake_topic(&Topic::Kind(kind));
            return;
        }
        Change::Applied(object) => LiveObject::read(kind, object).map(|object| shared.live.observe(object)),
        Change::Deleted(object) => LiveObject::read(kind, object).map(|object| shared.live.forget(&object)),
    };
    touched
        .iter()
        .filter(|touched| !touched.is_empty())
        .for_each(|touched| shared.wakers.wake_touched(touched));
}

async fn watch_namespaces(shared: Arc<Shared>, shutdown: CancellationToken) {
    let namespaces =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Namespace"), "namespaces");
    let api: Api<DynamicObject> = Api::all_with(shared.client.clone(), &namespaces);
    follow(api, "Namespace", watcher::Config::default(), shutdown, |change| {
        for name in shared.namespaces.observe(change) {
            shared.wakers.wake_topic(&Topic::Namespace(name));
        }
    })
    .await;
}
