//! Whose folders a node takes.

use ambient_local_cluster::Cluster;
use ambient_local_cluster::node::{Node, NodeError};

use super::pods::{Machine, config, phase, sh};

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_another_cluster_are_refused_and_left_alone() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    machine.job("quick", sh("true")).await;
    machine.pod("quick", |pod| phase(pod) == "Succeeded").await;
    machine.die().await;
    let pods = || std::fs::read_dir(folder.path().join("pods")).unwrap().count();
    assert_eq!(pods(), 1);

    let refused = Node::open(Cluster::in_memory().admin(), config(folder.path())).await.err().unwrap();
    assert!(matches!(refused, NodeError::OtherCluster { .. }), "{refused}");
    assert_eq!(pods(), 1, "nothing is removed");

    std::fs::remove_dir_all(folder.path().join("pods")).unwrap();
    Machine::start(&Cluster::in_memory(), folder.path()).await.die().await;
}
