//! `ambient serve operator`: cluster to Jobs, ledger and results.

use ambient_git::LocalRepositories;
use ambient_kit::Clock;
use ambient_operator::{Config, Operator, PodShape};
use ambient_protocol::installation::Installation;
use ambient_protocol::registry::AgentRegistry;
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::read;
use crate::arguments::OperatorArguments;
use crate::local::cluster_id;

pub(super) async fn run(
    client: Client,
    arguments: OperatorArguments,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listener = arguments.part.listener().await?;
    let config = Config {
        installation: Installation::new(&arguments.installation, &cluster_id(&client).await?),
        take_over: arguments.take_over,
        local_repositories: LocalRepositories::Refused,
        pod_shape: PodShape::TwoContainers { runner_image: arguments.runner_image.clone() },
        registry: registry(arguments.agent_image.as_ref().unwrap_or(&arguments.runner_image)),
        broker_url: arguments.broker_url.clone(),
        slots: arguments.slots,
        signer: arguments.part.signer("operator")?,
        public_keys: read(&arguments.public_keys)?,
        clock: Clock::system(),
        data_directory: arguments.data_dir,
    };
    Ok(Operator::new(client, config).run(listener, shutdown).await?)
}

/// The built-in registry with this installation's image of agents.
fn registry(image: &str) -> AgentRegistry {
    let mut registry = AgentRegistry::built_in();
    registry.agents.values_mut().for_each(|agent| image.clone_into(&mut agent.image));
    registry
}
