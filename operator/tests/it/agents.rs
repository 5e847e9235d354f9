//! What the installation says of its agents: it counts from the next run on, and whom it kept from starting starts.

use ambient_crds::labels::{AGENT_REGISTRY_NAME, SYSTEM_NAMESPACE};
use ambient_crds::phase::Phase::{Completed, Pending};
use ambient_protocol::outcome::ExitReason;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::world::World;

async fn say(world: &World, entries: Value) {
    let maps: Api<ConfigMap> = world.api(SYSTEM_NAMESPACE);
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": AGENT_REGISTRY_NAME}, "data": entries});
    let apply = PatchParams::apply("a-person").force();
    maps.patch(AGENT_REGISTRY_NAME, &apply, &Patch::Apply(map)).await.unwrap();
}

#[tokio::test]
async fn a_runner_type_of_the_installations_own_can_be_used_once_it_is_there() {
    let world = World::started().await;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    let system = json!({"metadata": {"name": SYSTEM_NAMESPACE}});
    namespaces.create(&PostParams::default(), &serde_json::from_value(system).unwrap()).await.unwrap();
    world.make_session("waits", json!({"runnerType": "player"})).await;
    world
        .is("waits", Pending, "Invalid", "no runner type \"player\"; there are: acp, claude-agent-sdk")
        .await;
    say(&world, json!({"player": "lik: replay"})).await;
    world.is("waits", Pending, "Invalid", "its entry of ConfigMap ambient-agents cannot be used").await;
    say(&world, json!({"player": "like: replay\ncommand: [player]\n"})).await;
    let runner = world.serve("waits-r1-a1").await;
    runner.is_started().await;
    runner.end(ExitReason::Completed);
    world.has_ended("waits", Completed, "Completed").await;
}
