//! The Secret by which the root source's repository is got into, made from a file.

use std::collections::BTreeMap;
use std::path::Path;

use ambient_crds::labels::SYSTEM_NAMESPACE;
use ambient_git::{Credentials, RepositoryUrl};
use ambient_kit::apply::apply;
use anyhow::{Context as _, bail};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::Api;

use super::manifests::MANAGER;

/// The Secret.
const NAME: &str = "git-root";
/// What a file may hold; as the Secret has it.
const FIELDS: [&str; 5] = ["url", "username", "password", "token", "plainHttp"];

/// Fields of the Secret, known to open the repository.
pub(super) struct GitCredentials(BTreeMap<String, String>);

impl GitCredentials {
    /// Reads a file of `name=value` lines. Without an `url` they are for the repository alone.
    ///
    /// # Errors
    /// Says which line or field is wrong, and never a value.
    pub(super) fn read(file: &Path, repository: &RepositoryUrl) -> anyhow::Result<Self> {
        let place = || format!("--git-credentials {}", file.display());
        let text = std::fs::read_to_string(file).with_context(place)?;
        parse(&text, repository).with_context(place)
    }

    /// Writes the Secret.
    pub(super) async fn apply(&self, client: &Client) -> anyhow::Result<()> {
        let secret = Secret {
            metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() },
            // Not `stringData`: of that a later apply would take nothing away.
            data: Some(self.0.iter().map(|(name, value)| (name.clone(), bytes(value))).collect()),
            ..Secret::default()
        };
        let secrets = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
        apply(&secrets, MANAGER, NAME, &secret).await.context("cannot write the Git credentials")?;
        Ok(())
    }
}

fn bytes(value: &str) -> ByteString {
    ByteString(value.as_bytes().to_vec())
}

/// The Secret's name, if there is one, from this time or an earlier one.
///
/// # Errors
/// Says so where it is for another repository.
pub(super) async fn secret_name(
    client: &Client,
    repository: &RepositoryUrl,
) -> anyhow::Result<Option<&'static str>> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let found = secrets.get_opt(NAME).await.context("cannot look for Git credentials")?;
    let Some(found) = found else { return Ok(None) };
    let fields: BTreeMap<_, _> =
        found.data.unwrap_or_default().into_iter().map(|(name, value)| (name, value.0)).collect();
    let covers = Credentials::from_fields(&fields).map_err(anyhow::Error::from);
    covers.and_then(|credentials| Ok(credentials.check(repository)?)).with_context(|| {
        format!(
            "Secret {NAME} does not open this repository: give --git-credentials for this one, or, if it needs none, \
             kubectl -n {SYSTEM_NAMESPACE} delete secret {NAME}"
        )
    })?;
    Ok(Some(NAME))
}

fn parse(text: &str, repository: &RepositoryUrl) -> anyhow::Result<GitCredentials> {
    let mut fields = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let field = line.split_once('=').filter(|(name, _)| FIELDS.contains(name));
        let Some((name, value)) = field else {
            bail!("line {number} is not name=value with one of the names {}", FIELDS.join(", "));
        };
        if fields.insert(name.to_owned(), value.to_owned()).is_some() {
            bail!("line {number}: {name} is there already");
        }
    }
    fields.entry("url".to_owned()).or_insert_with(|| repository.to_string());
    Credentials::from_fields(&fields)?.check(repository)?;
    Ok(GitCredentials(fields))
}

#[cfg(test)]
mod tests {
    use ambient_git::LocalRepositories;

    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, String>, String> {
        let url = "https://git.example.com/team/manifests.git";
        let repository = RepositoryUrl::parse(url, LocalRepositories::Refused).unwrap();
        parse(text, &repository).map(|read| read.0).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_token_alone_is_for_the_repository() {
        let fields = read("# of the robot\n\ntoken=secret=1\n").unwrap();
        assert_eq!(fields["url"], "https://git.example.com/team/manifests.git");
        assert_eq!(fields["token"], "secret=1");
    }

    #[test]
    fn an_address_above_several_repositories_may_be_named() {
        let fields = read("url=https://git.example.com/team\nusername=robot\npassword=secret").unwrap();
        assert_eq!(fields["url"], "https://git.example.com/team");
    }

    #[test]
    fn what_is_wrong_is_said_without_its_value() {
        for (text, wanted) in [
            ("secret", "line 1 is not name=value with one of the names url, username"),
            ("token=secret\nhost=secret", "line 2 is not name=value"),
            ("token=secret\ntoken=secret", "line 2: token is there already"),
            ("username=secret", "password is missing; set username and password, or token"),
            ("url=https://other.example.com/team\ntoken=secret", "go nowhere else"),
            ("", "password is missing"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(wanted) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
