//! The keys by which the parts know each other: made once, in the cluster alone.

use std::collections::BTreeMap;

use ambient_crds::labels::SYSTEM_NAMESPACE;
use ambient_protocol::token::Signer;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

/// The Secret that holds them.
const NAME: &str = "ambient-keys";
/// Who signs tokens.
const PARTS: [&str; 3] = ["operator", "backend", "reconciler-git"];

/// The operator's public key: the broker obeys nobody else.
const OPERATOR_PUBLIC: &str = "operator-public";

/// Makes the keys unless they are there, and says whether it did.
pub(super) async fn ensure(client: &Client) -> anyhow::Result<bool> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    match secrets.create(&PostParams::default(), &generate()?).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
            complete(&secrets).await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Adds what keys of an earlier version do not have.
async fn complete(secrets: &Api<Secret>) -> anyhow::Result<()> {
    let data = secrets.get(NAME).await?.data.unwrap_or_default();
    let Some(operator) = data.get("operator").filter(|_| !data.contains_key(OPERATOR_PUBLIC)) else {
        return Ok(());
    };
    let signer = Signer::from_paserk("operator", std::str::from_utf8(&operator.0)?.trim())?;
    let added = json!({"stringData": {OPERATOR_PUBLIC: signer.public_paserk()?}});
    secrets.patch(NAME, &PatchParams::default(), &Patch::Merge(added)).await?;
    Ok(())
}

fn generate() -> anyhow::Result<Secret> {
    let mut data = BTreeMap::new();
    let mut public = String::new();
    for part in PARTS {
        let signer = Signer::generate(part)?;
        data.insert(part.to_owned(), signer.secret_paserk()?);
        public.push_str(&format!("{}\n", signer.public_paserk()?));
        if part == "operator" {
            data.insert(OPERATOR_PUBLIC.to_owned(), signer.public_paserk()?);
        }
    }
    data.insert("public-keys".to_owned(), public);
    Ok(Secret {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() },
        string_data: Some(data),
        ..Secret::default()
    })
}
