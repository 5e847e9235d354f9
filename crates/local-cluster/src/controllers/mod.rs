//! The controllers of a cluster, each a future that runs until shutdown.

use tokio_util::sync::CancellationToken;

use crate::Cluster;

/// Runs every controller until `shutdown`.
pub(crate) async fn run(_cluster: &Cluster, shutdown: CancellationToken) {
    shutdown.cancelled().await;
}
