//! A cluster with a project, a results repository, a repository to work on, and an operator that can be killed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use ambient_crds::labels::API_VERSION;
use ambient_crds::phase::Phase;
use ambient_crds::{AgenticSession, Project};
use ambient_git::LocalRepositories;
use ambient_kit::Clock;
use ambient_local_cluster::Cluster;
use ambient_operator::{Config, Operator, PodShape};
use ambient_protocol::installation::Installation;
use ambient_protocol::registry::AgentRegistry;
use ambient_protocol::sandbox::Sandbox;
use ambient_protocol::token::Signer;
use futures::StreamExt as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::repository::Repository;
pub(crate) use crate::sight::{condition, phase_of, project_condition};

/// The project that most cases live in.
pub(crate) const PROJECT: &str = "demo";
/// The branch for results.
pub(crate) const RESULTS: &str = "ambient-results";
/// The longest any wait may take; far more than is ever needed.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// A cluster, its repositories and its operator.
pub(crate) struct World {
    pub(crate) client: Client,
    /// Where results go.
    pub(crate) results: Arc<Repository>,
    /// What agents work on.
    pub(crate) target: Arc<Repository>,
    cluster: Cluster,
    /// What the operator is started with.
    pub(crate) operator: OperatorSettings,
    running: Option<RunningOperator>,
    pub(crate) phases: Arc<Mutex<BTreeMap<String, Vec<Phase>>>>,
    ended: CancellationToken,
}

/// What an operator is started with.
#[derive(Clone)]
pub(crate) struct OperatorSettings {
    pub(crate) installation: Installation,
    pub(crate) slots: usize,
    pub(crate) take_over: bool,
    pub(crate) broker_url: Option<String>,
    data: Arc<TempDir>,
    signer: Arc<Signer>,
    ahead: Arc<AtomicI64>,
}

struct RunningOperator {
    kill: CancellationToken,
    thread: JoinHandle<()>,
}

impl World {
    /// A cluster with our kinds, the project `demo`, empty results, and a running operator.
    pub(crate) async fn started() -> Self {
        let mut world = Self::new().await;
        world.start();
        world.make_project(PROJECT, json!({})).await;
        world
    }

    /// The same without project and operator.
    pub(crate) async fn new() -> Self {
        let operator = OperatorSettings {
            installation: Installation::new("local-test", "cluster-1"),
            slots: 8,
            take_over: false,
            broker_url: None,
            data: Arc::new(tempfile::tempdir().unwrap()),
            signer: Arc::new(Signer::generate("operator").unwrap()),
            ahead: Arc::default(),
        };
        let repositories = (Arc::new(Repository::empty()), Arc::new(Repository::with_a_commit()));
        Self::over(repositories, operator).await
    }

    /// A new and empty cluster for the same Git, as it is when the old one was lost with all its disks.
    pub(crate) async fn rebuilt(mut self) -> Self {
        self.kill();
        let mut operator = self.operator.clone();
        operator.installation = Installation::new(&operator.installation.name, "cluster-2");
        operator.data = Arc::new(tempfile::tempdir().unwrap());
        let repositories = (Arc::clone(&self.results), Arc::clone(&self.target));
        drop(self);
        let mut world = Self::over(repositories, operator).await;
        world.start();
        world.make_project(PROJECT, json!({})).await;
        world
    }

    async fn over((results, target): (Arc<Repository>, Arc<Repository>), operator: OperatorSettings) -> Self {
        let cluster = Cluster::in_memory();
        let client = cluster.admin();
        let kinds: Api<CustomResourceDefinition> = Api::all(client.clone());
        for kind in ambient_crds::crd::all() {
            kinds.create(&PostParams::default(), &kind).await.unwrap();
        }
        let ended = CancellationToken::new();
        let (controllers, shutdown) = (cluster.clone(), ended.clone());
        tokio::spawn(async move { controllers.run_controllers(shutdown).await });
        let phases = Arc::default();
        tokio::spawn(note_phases(client.clone(), Arc::clone(&phases)));
        Self { client, results, target, cluster, operator, running: None, phases, ended }
    }

    /// Starts an operator: a process of its own, as far as one can be had within a test.
    pub(crate) fn start(&mut self) {
        let (cluster, settings, kill) =
            (self.cluster.clone(), self.operator.clone(), CancellationToken::new());
        let killed = kill.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = run(&cluster, settings) => {}
                    () = killed.cancelled() => {}
                }
            });
            // All tasks go with it, wherever they are.
            runtime.shutdown_timeout(Duration::from_secs(4));
        });
        self.running = Some(RunningOperator { kill, thread });
    }

    /// Kills the operator where it stands.
    pub(crate) fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.kill.cancel();
        running.thread.join().unwrap();
    }

    /// Kills the operator and starts another one.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.start();
    }

    /// Lets time pass for the operator.
    pub(crate) fn advance(&self, seconds: i64) {
        self.operator.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn public_keys(&self) -> String {
        self.operator.signer.public_paserk().unwrap()
    }

    /// Makes a project with the results repository, and waits until sessions can run in it.
    pub(crate) async fn make_project(&self, name: &str, spec: Value) {
        let results = json!({"url": self.results.url(), "branch": RESULTS});
        let mut wanted = json!({"results": results});
        merge(&mut wanted, spec);
        self.create_project(name, wanted).await;
        self.project(name, "is ready", |project| project_condition(project, "Ready").0 == "True").await;
    }

    pub(crate) async fn create_project(&self, name: &str, spec: Value) {
        let project =
            json!({"apiVersion": API_VERSION, "kind": "Project", "metadata": {"name": name}, "spec": spec});
        let projects: Api<Project> = Api::all(self.client.clone());
        projects.create(&PostParams::default(), &serde_json::from_value(project).unwrap()).await.unwrap();
    }

    /// Waits until a project is so.
    pub(crate) async fn project(&self, name: &str, what: &str, holds: impl Fn(&Project) -> bool) -> Project {
        let api: Api<Project> = Api::all(self.client.clone());
        let found = await_condition(api, name, |project: Option<&Project>| project.is_some_and(&holds));
        in_time(&format!("project {name} {what}"), found).await.unwrap().unwrap()
    }

    /// The namespaced objects of a project.
    pub(crate) fn api<K>(&self, project: &str) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), project)
    }

    /// Makes a session that works on the target.
    pub(crate) async fn make_session(&self, name: &str, spec: Value) {
        let (project, name) = place(name);
        let mut wanted =
            json!({"initialPrompt": "hello", "runnerType": "replay", "repos": [{"url": self.target.url()}]});
        merge(&mut wanted, spec);
        let session = json!({"apiVersion": API_VERSION, "kind": "AgenticSession",
            "metadata": {"name": name, "namespace": project}, "spec": wanted});
        let sessions = self.api::<AgenticSession>(project);
        sessions.create(&PostParams::default(), &serde_json::from_value(session).unwrap()).await.unwrap();
    }

    /// Changes the spec of a session.
    pub(crate) async fn edit(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        let (project, name) = place(name);
        self.api::<AgenticSession>(project).patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Has a session looked at again, as the passing of time would, if it is still there.
    pub(crate) async fn touch(&self, name: &str) {
        let at = format!("{:?}", std::time::Instant::now());
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"test/touched": at}}}));
        let (project, name) = place(name);
        match self.api::<AgenticSession>(project).patch(name, &PatchParams::default(), &patch).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            touched => drop(touched.unwrap()),
        }
    }

    pub(crate) async fn delete(&self, name: &str) {
        let (project, name) = place(name);
        self.api::<AgenticSession>(project).delete(name, &DeleteParams::default()).await.unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.ended.cancel();
        if let Some(running) = self.running.take() {
            running.kill.cancel();
            // A test that fails is not to fail twice.
            drop(running.thread.join());
        }
    }
}

async fn run(cluster: &Cluster, settings: OperatorSettings) {
    let ahead = settings.ahead;
    let clock = Clock::new(move || {
        ambient_kit::clock::precise_now() + jiff::SignedDuration::from_secs(ahead.load(Ordering::SeqCst))
    });
    let config = Config {
        data_directory: settings.data.path().to_owned(),
        installation: settings.installation,
        take_over: settings.take_over,
        local_repositories: LocalRepositories::Allowed,
        pod_shape: PodShape::OneContainer { sandbox: Sandbox::Off },
        registry: AgentRegistry::built_in(),
        broker_url: settings.broker_url,
        slots: settings.slots,
        public_keys: settings.signer.public_paserk().unwrap(),
        signer: settings.signer,
        clock,
    };
    let records = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Operator::new(cluster.admin(), config).run(records, CancellationToken::new()).await.unwrap();
}

/// Notes each phase of each session as the watch shows it.
async fn note_phases(client: Client, phases: Arc<Mutex<BTreeMap<String, Vec<Phase>>>>) {
    let mut seen =
        watcher(Api::<AgenticSession>::all(client), watcher::Config::default()).touched_objects().boxed();
    while let Some(session) = seen.next().await {
        let Ok(session) = session else { continue };
        let Some(phase) = phase_of(&session) else { continue };
        let mut phases = phases.lock().unwrap();
        let noted = phases.entry(session.name_any()).or_default();
        if noted.last() != Some(&phase) {
            noted.push(phase);
        }
    }
}

/// Project and name: a name without a project is one of `demo`.
pub(crate) fn place(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or((PROJECT, name))
}

/// Lays one JSON object over another.
fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// Waits for something, within bounds.
pub(crate) async fn in_time<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    match tokio::time::timeout(BOUND, awaited).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain until {what}"),
    }
}
