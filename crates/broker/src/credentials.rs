//! Where credentials are read.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ambient_protocol::broker::CredentialReference;
use async_trait::async_trait;

/// The entries of a Secret.
pub type Fields = BTreeMap<String, String>;

/// A place where credentials are kept.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Reads all entries of a Secret.
    ///
    /// # Errors
    /// Says why they cannot be read; never with a value.
    async fn read(&self, reference: &CredentialReference) -> Result<Fields, CredentialError>;
}

/// Why there is no credential. No message holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// It cannot be read.
    #[error("the credential {namespace}/{name} cannot be read: {cause}")]
    Unreadable {
        /// Namespace of the Secret.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        cause: String,
    },
    /// It has no usable entry.
    #[error("the credential {namespace}/{name} has no usable entry {entry}")]
    Missing {
        /// Namespace of the Secret.
        namespace: String,
        /// Its name.
        name: String,
        /// The entry, or entries, of which one is needed.
        entry: String,
    },
    /// No token is given for what is on file there.
    #[error("the entry {entry} of the credential {namespace}/{name}: {cause}")]
    Token {
        /// Namespace of the Secret.
        namespace: String,
        /// Its name.
        name: String,
        /// The entry.
        entry: String,
        /// Why.
        cause: String,
    },
    /// It names a place that is none.
    #[error(
        "the entry {entry} of the credential {namespace}/{name} is no address: write https://host, without user and query"
    )]
    Address {
        /// Namespace of the Secret.
        namespace: String,
        /// Its name.
        name: String,
        /// The entry.
        entry: String,
    },
    /// It would be sent in the clear.
    #[error(
        "the credential {namespace}/{name} is not sent in the clear to {url}: use https, or set its entry plainHttp to true"
    )]
    InTheClear {
        /// Namespace of the Secret.
        namespace: String,
        /// Its name.
        name: String,
        /// Where it would go.
        url: String,
    },
}

/// Credentials as files `<folder>/<namespace>/<name>/<entry>`, as mounted Secrets are. They are read at each use, so
/// that a rotated one counts at once.
#[derive(Debug)]
pub struct FolderCredentials(PathBuf);

impl FolderCredentials {
    /// Reads below a folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }
}

/// Bytes of one entry; service account files have about 2 KiB.
const ENTRY_LIMIT: u64 = 64 * 1024;

#[async_trait]
impl Credentials for FolderCredentials {
    async fn read(&self, reference: &CredentialReference) -> Result<Fields, CredentialError> {
        let folder = self.0.join(&reference.namespace).join(&reference.name);
        // Once to another thread, not once for each file.
        let read = tokio::task::spawn_blocking(move || read_entries(&folder)).await;
        let read = read.map_err(|error| unreadable(reference, error.to_string()))?;
        read.map_err(|error| unreadable(reference, error.to_string()))
    }
}

fn read_entries(folder: &Path) -> std::io::Result<Fields> {
    let mut fields = Fields::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Kubernetes keeps the files of a mounted Secret in folders that begin so, and links to them.
        let data = std::fs::metadata(entry.path());
        if name.starts_with('.') || !data.is_ok_and(|data| data.is_file() && data.len() <= ENTRY_LIMIT) {
            continue;
        }
        if let Ok(text) = std::fs::read_to_string(entry.path()) {
            fields.insert(name, text);
        }
    }
    Ok(fields)
}

/// Remembers what another place gave, for a while.
pub struct Cached<C> {
    inner: C,
    lifetime: Duration,
    known: Mutex<HashMap<(String, String), (Instant, Fields)>>,
}

impl<C> Cached<C> {
    /// Asks `inner` again after `lifetime`.
    pub fn new(inner: C, lifetime: Duration) -> Self {
        Self { inner, lifetime, known: Mutex::default() }
    }
}

#[async_trait]
impl<C: Credentials> Credentials for Cached<C> {
    async fn read(&self, reference: &CredentialReference) -> Result<Fields, CredentialError> {
        let key = (reference.namespace.clone(), reference.name.clone());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some((read, fields)) = known
            && read.elapsed() < self.lifetime
        {
            return Ok(fields);
        }
        let fields = self.inner.read(reference).await?;
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (read, _)| read.elapsed() < self.lifetime);
        all.insert(key, (Instant::now(), fields.clone()));
        Ok(fields)
    }
}

fn unreadable(reference: &CredentialReference, cause: String) -> CredentialError {
    let (namespace, name) = (reference.namespace.clone(), reference.name.clone());
    CredentialError::Unreadable { namespace, name, cause }
}
