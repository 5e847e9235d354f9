//! A platform whose runs are lent what they need of a model: a project with its Secret, and a model that answers from a
//! script.

use std::path::PathBuf;

use ambient_crds::{AgenticSession, ProjectSettings};
use ambient_model_server::{ModelServer, Script};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::ambient::{Up, World, git, wait_for};
use crate::up::{commit, repository};

/// The Secret that runs are lent from.
const SECRET: &str = "ambient-runner-secrets";

/// A platform with a project, and a model.
pub(crate) struct Lending {
    pub(crate) world: World,
    pub(crate) path: PathBuf,
    /// The model's address.
    pub(crate) model: String,
    arguments: Vec<String>,
}

impl Lending {
    pub(crate) fn new(script: &Script) -> Self {
        let world = World::new();
        let path = repository(&world, "pace: 0\nsteps: []\n");
        Self { world, path, model: model(script.clone()), arguments: Vec::new() }
    }

    /// With more arguments of `up`.
    pub(crate) fn telling(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    pub(crate) fn start(&self) -> Up {
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        Up::start_telling(&self.world, &self.path, &arguments)
    }

    /// Puts entries into the project's Secret, and waits until the broker can read them.
    pub(crate) fn put_keys(&self, entries: &Value) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": entries});
        self.with_cluster(async |client| {
            let secrets: Api<Secret> = Api::namespaced(client, "team");
            let params = PatchParams::apply("test").force();
            secrets.patch(SECRET, &params, &Patch::Apply(secret)).await.unwrap();
        });
        // The broker reads the mirror, which follows in a moment.
        let folder = self.world.path("data/broker/credentials/team").join(SECRET);
        let names = entries.as_object().unwrap().keys();
        let mirrored: Vec<_> = names.map(|name| folder.join(name)).collect();
        wait_for("the keys at the broker", || mirrored.iter().all(|file| file.exists()).then_some(()));
    }

    /// Commits the project's settings, and waits until they are in force.
    pub(crate) fn put_settings(&self, spec: &str) {
        let settings = "apiVersion: vteam.ambient-code/v1alpha1\nkind: ProjectSettings\nmetadata:\n  name: projectsettings\n  \
                        namespace: team\nspec:\n";
        self.world.write("repository/ambient/settings.yaml", &format!("{settings}  {spec}\n"));
        commit(&self.path, "settings");
        wait_for("the settings in the cluster", || {
            self.with_cluster(async |client| {
                let settings: Api<ProjectSettings> = Api::namespaced(client, "team");
                settings.get_opt("projectsettings").await.unwrap().map(drop)
            })
        });
    }

    /// Objects that are not made of Secrets, as text: what people of the project can read.
    pub(crate) fn seen_in_cluster(&self) -> String {
        self.with_cluster(async |client| {
            let everything = ListParams::default();
            let sessions: Api<AgenticSession> = Api::namespaced(client.clone(), "team");
            let pods: Api<Pod> = Api::namespaced(client.clone(), "team");
            let maps: Api<ConfigMap> = Api::namespaced(client, "team");
            let sessions = sessions.list(&everything).await.unwrap();
            let (pods, maps) = (pods.list(&everything).await.unwrap(), maps.list(&everything).await.unwrap());
            json!([sessions, pods, maps]).to_string()
        })
    }

    fn with_cluster<T>(&self, work: impl AsyncFnOnce(Client) -> T) -> T {
        let kubeconfig = Kubeconfig::read_from(self.world.path("data/kubeconfig")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            work(Client::try_from(config).unwrap()).await
        })
    }

    /// Commits a session, which `more` says more of: its runner type, unless it is the default.
    pub(crate) fn ask(&self, name: &str, more: &str) {
        let session = crate::up::session(&self.path, name).replace("  runnerType: replay\n", more);
        self.world.write(&format!("repository/ambient/{name}.yaml"), &session);
        commit(&self.path, name);
    }

    /// The result of a run, as Git has it.
    pub(crate) fn result(&self, slug: &str) -> Value {
        let files = git(&self.path, &["ls-tree", "-r", "--name-only", "ambient-results"]);
        let file = files.lines().find(|file| file.ends_with(&format!("/{slug}/result.yaml"))).unwrap();
        serde_yaml::from_str(&git(&self.path, &["show", &format!("ambient-results:{file}")])).unwrap()
    }

    /// What the broker has logged.
    pub(crate) fn brokers_log(&self) -> String {
        std::fs::read_to_string(self.world.path("data/broker/log")).unwrap()
    }
}

/// A scripted model in a thread of its own.
fn model(script: Script) -> String {
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
            ModelServer::new(script).serve(listener, std::future::pending()).await.unwrap();
        });
    });
    address.recv().unwrap()
}
