//! A real broker that a run is bound at.

use std::fs;
use std::sync::Arc;

use ambient_broker::{Broker, Config, FolderCredentials, Limits};
use ambient_protocol::EffectiveSession;
use ambient_protocol::broker::{AUDIENCE, Binding, Budget, CredentialReference, RunUsage, upstreams};
use ambient_protocol::client::BrokerClient;
use ambient_protocol::models::ModelTable;
use ambient_protocol::token::Scope;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{World, now};

/// The name of the project's Git Secret.
const GIT: &str = "git";

/// Has a broker lend the run what its session asks for, out of a Secret of this name; it works until the token is cancelled.
pub(crate) async fn lend(world: &mut World, secret: &str, entries: &[(&str, &str)]) -> CancellationToken {
    let folder = world.path("secrets/demo").join(secret);
    fs::create_dir_all(&folder).unwrap();
    entries.iter().for_each(|(entry, value)| fs::write(folder.join(entry), value).unwrap());
    let ended = CancellationToken::new();
    let address = start(world, ended.clone()).await;
    fs::write(world.path("token"), format!("{}\n", world.broker_token())).unwrap();
    let file = world.path("token").to_str().unwrap().to_owned();
    world.variable("AMBIENT_BROKER_URL", &address);
    world.variable("AMBIENT_BROKER_TOKEN_FILE", &file);
    ended
}

/// What the broker that lends to this world has counted.
pub(crate) async fn counted(world: &World) -> RunUsage {
    let session: EffectiveSession = serde_json::from_value(world.effective()).unwrap();
    let signer = Arc::clone(&world.signer);
    let token = move || Ok(signer.sign(AUDIENCE, "operator", &[Scope::Bind], now()).unwrap());
    let client = BrokerClient::new(&world.extra["AMBIENT_BROKER_URL"], Arc::new(token));
    client.usage(&session.key).await.unwrap().unwrap()
}

async fn start(world: &World, ended: CancellationToken) -> String {
    let session: EffectiveSession = serde_json::from_value(world.effective()).unwrap();
    let git = CredentialReference {
        namespace: "demo".to_owned(),
        name: GIT.to_owned(),
        key: None,
        address_entry: None,
    };
    let binding = Binding {
        run: session.key.clone(),
        session_uid: session.session_uid.clone(),
        upstreams: upstreams(&session, Some(&git)),
        budget: Budget::default(),
        egress: Vec::new(),
        expires_at: "2999-01-01T00:00:00Z".parse().unwrap(),
    };
    let config = Config {
        state_directory: world.path("broker"),
        public_keys: fs::read_to_string(world.path("keys")).unwrap(),
        credentials: Arc::new(FolderCredentials::new(world.path("secrets"))),
        models: ModelTable::built_in().clone(),
        bindings: vec![binding],
        limits: Limits::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(Broker::new(config).unwrap().serve(listener, ended));
    address
}
