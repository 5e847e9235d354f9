//! What was checked out, kept in the state folder: a later attempt finds the workspace of the one before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::guidance::Guidance;
use super::workflow::WorkflowCheckout;
use crate::durable;

/// The repositories that have been checked out whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkspaceRecord {
    pub(crate) repositories: Vec<Checkout>,
    /// The active workflow, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workflow: Option<WorkflowCheckout>,
}

/// One repository as it was when the agent first saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checkout {
    /// Its name within the run, which is also its folder.
    pub(crate) name: String,
    /// Where it came from.
    pub(crate) url: String,
    /// The branch that was asked for; absent for the remote's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    /// The commit the agent starts from.
    pub(crate) base: String,
    /// Whether commits older than some are not there.
    #[serde(default)]
    pub(crate) is_shallow: bool,
    /// The repository's configuration before the agent could change it.
    pub(crate) configuration: String,
    /// What it said to agents then.
    #[serde(default)]
    pub(crate) guidance: Guidance,
}

impl Checkout {
    /// The checkout's folder.
    pub(crate) fn folder(&self, workspace: &Path) -> PathBuf {
        workspace.join(&self.name)
    }
}

impl WorkspaceRecord {
    /// Reads the record; none has been written before the first checkout.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        durable::replace(path, &serde_json::to_vec_pretty(self)?)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Checkout> {
        self.repositories.iter().find(|checkout| checkout.name == name)
    }

    /// Names of the repositories of which older commits are not there.
    pub(crate) fn with_short_history(&self) -> impl Iterator<Item = &str> {
        self.repositories.iter().filter(|checkout| checkout.is_shallow).map(|checkout| checkout.name.as_str())
    }
}
