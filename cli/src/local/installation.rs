//! Who this installation is on results branches.

use ambient_protocol::installation::Installation;
use anyhow::Context as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt as _};

/// The installation of a user on this machine. The cluster's id is the UID of `kube-system`: random, and as lasting as
/// the cluster's data.
pub(crate) async fn installation(client: &Client, user: Option<&str>) -> anyhow::Result<Installation> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let cluster = namespaces.get("kube-system").await.context("cannot read the cluster's id")?.uid();
    let user = user.map_or_else(user_name, str::to_owned);
    let name = format!("local-{user}@{}", host_name());
    Ok(Installation::new(&name, &cluster.context("the cluster has no id")?))
}

/// The name of the user whose process this is; the number where there is no name.
fn user_name() -> String {
    let id = nix::unistd::getuid();
    let user = nix::unistd::User::from_uid(id).ok().flatten();
    user.map_or_else(|| id.to_string(), |user| user.name)
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}
