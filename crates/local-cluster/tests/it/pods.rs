//! Pods as processes: from a Job to its end, and across the death of the node.

use std::path::Path;
use std::time::Duration;

use ambient_local_cluster::Cluster;
use ambient_local_cluster::node::{ImageCommand, ImageTable, Node, NodeConfig, NodeHandle, ShimCommand};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(super) const BOUND: Duration = Duration::from_secs(30);

/// A cluster with one node whose image `sh` is the shell.
pub(super) struct Machine {
    pub(super) client: Client,
    pub(super) node: NodeHandle,
    stop: CancellationToken,
    work: tokio::task::JoinHandle<()>,
}

/// A node on a folder whose image `sh` is the shell.
pub(super) fn config(folder: &Path) -> NodeConfig {
    let shell = ImageCommand { program: "/bin/sh".into(), arguments: Vec::new(), environment: Vec::new() };
    NodeConfig {
        name: "local".to_owned(),
        data_directory: folder.to_owned(),
        images: ImageTable::from([("sh".to_owned(), shell)]),
        shim: ShimCommand {
            program: env!("CARGO_BIN_EXE_local-cluster").into(),
            arguments: vec!["shim".to_owned()],
        },
        environment_allowlist: vec!["PATH".to_owned()],
    }
}

impl Machine {
    pub(super) async fn start(cluster: &Cluster, folder: &Path) -> Self {
        let config = config(folder);
        let client = cluster.admin();
        let node = Node::open(client.clone(), config).await.unwrap();
        let (handle, stop) = (node.handle(), CancellationToken::new());
        let (cluster, token) = (cluster.clone(), stop.clone());
        let work = tokio::spawn(async move {
            let (node, ()) = tokio::join!(node.run(token.clone()), cluster.run_controllers(token));
            node.unwrap();
        });
        Self { client, node: handle, stop, work }
    }

    /// The node's process dies; pods do not notice.
    pub(super) async fn die(self) {
        self.stop.cancel();
        self.work.await.unwrap();
    }

    pub(super) async fn job(&self, name: &str, spec: Value) {
        let job: Job = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {"spec": spec}},
        }))
        .unwrap();
        let jobs: Api<Job> = Api::default_namespaced(self.client.clone());
        jobs.create(&PostParams::default(), &job).await.unwrap();
    }

    /// Waits until a Job's pod is as wanted, and gives it.
    pub(super) async fn pod(&self, job: &str, wanted: impl Fn(&Pod) -> bool) -> Pod {
        let pods: Api<Pod> = Api::default_namespaced(self.client.clone());
        let selector = ListParams::default().labels(&format!("job-name={job}"));
        let search = async {
            loop {
                let found = pods.list(&selector).await.unwrap();
                if let Some(pod) = found.items.into_iter().find(|pod| wanted(pod)) {
                    return pod;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(BOUND, search).await {
            Ok(pod) => pod,
            Err(_) => panic!("the pod of {job} is {:?}", pods.list(&selector).await.unwrap().items),
        }
    }

    async fn delete(&self, job: &str) {
        let jobs: Api<Job> = Api::default_namespaced(self.client.clone());
        jobs.delete(job, &DeleteParams::background()).await.unwrap();
    }
}

pub(super) fn sh(script: &str) -> Value {
    json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": "sh", "args": ["-c", script]}]})
}

pub(super) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn container(pod: &Pod) -> k8s_openapi::api::core::v1::ContainerState {
    pod.status.clone().unwrap().container_statuses.unwrap()[0].state.clone().unwrap()
}

fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn read_when_there(path: &Path) -> String {
    let search = async {
        loop {
            match std::fs::read_to_string(path) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(BOUND, search).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_to_its_end_and_says_how() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    machine.job("good", sh("exit 0")).await;
    machine.job("bad", sh("exit 3")).await;
    let jobs: Api<Job> = Api::default_namespaced(machine.client.clone());
    let ended = |kind: &'static str| {
        move |job: Option<&Job>| {
            let conditions = job.and_then(|job| job.status.as_ref()?.conditions.as_ref());
            conditions.is_some_and(|all| all.iter().any(|one| one.type_ == kind && one.status == "True"))
        }
    };
    tokio::time::timeout(BOUND, await_condition(jobs.clone(), "good", ended("Complete")))
        .await
        .unwrap()
        .unwrap();
    tokio::time::timeout(BOUND, await_condition(jobs, "bad", ended("Failed"))).await.unwrap().unwrap();
    let pod = machine.pod("bad", |pod| phase(pod) == "Failed").await;
    let state = container(&pod).terminated.unwrap();
    assert_eq!((state.exit_code, state.reason.as_deref()), (3, Some("Error")));
    machine.die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_addresses_reach_a_pod_by_its_environment() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::default_namespaced(machine.client.clone());
    let map = json!({"metadata": {"name": "settings"}, "data": {"word": "hello"}});
    maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
    let mut spec = sh("cat $WORD && test $(cat $WORD)$IP = hello$POD && test -d $DATA && test -z \"$HOME\"");
    let main = &mut spec["containers"][0];
    main["env"] = json!([
        {"name": "WORD", "value": "/settings/word"},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "POD", "value": "$(IP)"},
        {"name": "DATA", "value": "/data/inner"},
    ]);
    main["volumeMounts"] = json!([
        {"name": "settings", "mountPath": "/settings"}, {"name": "data", "mountPath": "/data/inner", "subPath": "x"},
    ]);
    spec["volumes"] =
        json!([{"name": "settings", "configMap": {"name": "settings"}}, {"name": "data", "emptyDir": {}}]);
    machine.job("paths", spec).await;
    let pod = machine.pod("paths", |pod| matches!(phase(pod), "Succeeded" | "Failed")).await;
    assert_eq!(phase(&pod), "Succeeded", "{:?}", pod.status);
    assert!(pod.status.unwrap().pod_ip.unwrap().starts_with("127."));
    machine.die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    let mut unknown = sh("exit 0");
    unknown["containers"][0]["image"] = json!("nope:1");
    machine.job("unknown", unknown).await;
    let mut missing = sh("exit 0");
    missing["containers"][0]["env"] =
        json!([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "a"}}}]);
    machine.job("missing", missing).await;
    let mut program = sh("exit 0");
    program["containers"][0]["command"] = json!(["/no/such/program"]);
    machine.job("program", program).await;
    for (job, reason, part) in [
        ("unknown", "ImagePullBackOff", "known: sh"),
        ("missing", "CreateContainerConfigError", "secret \"none\" not found"),
    ] {
        let pod = machine
            .pod(job, |pod| pod.status.as_ref().is_some_and(|status| status.container_statuses.is_some()))
            .await;
        let waiting = container(&pod).waiting.unwrap();
        assert_eq!(waiting.reason.as_deref(), Some(reason));
        assert!(waiting.message.clone().unwrap().contains(part), "{waiting:?}");
    }
    let pod = machine.pod("program", |pod| phase(pod) == "Failed").await;
    assert_eq!(container(&pod).terminated.unwrap().reason.as_deref(), Some("StartError"));
    machine.die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_pod_takes_every_descendant_with_it() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    let out = folder.path().join("stray");
    let script = format!(
        "setsid sh -c 'trap \"\" TERM; echo $$$$ > {0}.new; mv {0}.new {0}; while :; do sleep 1; done' & \
         trap '' TERM; while :; do sleep 1; done",
        out.display()
    );
    machine.job("stubborn", sh(&script)).await;
    let stray = read_when_there(&out).await;
    assert!(alive(&stray));
    machine.delete("stubborn").await;
    let pods: Api<Pod> = Api::default_namespaced(machine.client.clone());
    let gone = async {
        while !pods.list(&ListParams::default()).await.unwrap().items.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(8), gone).await.is_err() {
        panic!("{}", serde_yaml::to_string(&pods.list(&ListParams::default()).await.unwrap().items).unwrap());
    }
    assert!(!alive(&stray), "a child that made a session of its own and ignores TERM is gone too");
    assert_eq!(machine.node.running_pods(), 0);
    machine.die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_outlives_its_node_and_is_adopted() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    let (go, pid) = (folder.path().join("go"), folder.path().join("pid"));
    let script = format!(
        "echo $$$$ > {0}.new; mv {0}.new {0}; while ! test -e {1}; do sleep 0.05; done; exit 7",
        pid.display(),
        go.display()
    );
    machine.job("long", sh(&script)).await;
    let process = read_when_there(&pid).await;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    assert_eq!(
        (fields[2], fields[3]),
        (process.as_str(), process.as_str()),
        "a group and a session of its own"
    );
    machine.pod("long", |pod| phase(pod) == "Running").await;
    machine.die().await;
    assert!(alive(&process), "the pod goes on without its node");
    let machine = Machine::start(&cluster, folder.path()).await;
    let adopted = async {
        while machine.node.running_pods() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(BOUND, adopted).await.unwrap();
    std::fs::write(&go, "").unwrap();
    let pod = machine.pod("long", |pod| phase(pod) == "Failed").await;
    assert_eq!(container(&pod).terminated.unwrap().exit_code, 7, "the exit status was on disk");
    machine.die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_too_slow_is_ended() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    let mut spec = sh("while :; do sleep 1; done");
    spec["activeDeadlineSeconds"] = json!(1);
    machine.job("slow", spec).await;
    let pod = machine.pod("slow", |pod| phase(pod) == "Failed").await;
    assert_eq!(pod.status.unwrap().reason.as_deref(), Some("DeadlineExceeded"));
    machine.die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_whose_shim_was_killed_leaves_no_process() {
    let (cluster, folder) = (Cluster::in_memory(), tempfile::tempdir().unwrap());
    let machine = Machine::start(&cluster, folder.path()).await;
    let pid = folder.path().join("pid");
    // The child knows nothing of the pod: its environment is empty.
    let child = format!("echo $$$$ > {0}.new; mv {0}.new {0}; exec sleep 600", pid.display());
    machine.job("orphan", sh(&format!("env -i /bin/sh -c '{child}' & wait"))).await;
    let process = read_when_there(&pid).await;
    let parent = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap().to_owned()
    };
    let shim = parent(&parent(&process)).parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(shim), nix::sys::signal::Signal::SIGKILL).unwrap();
    machine.pod("orphan", |pod| phase(pod) == "Failed").await;
    assert!(!alive(&process), "it went with its pod");
    machine.die().await;
}
