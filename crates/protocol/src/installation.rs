//! Which installation owns a results branch (rule 12).
//!
//! Two clusters that write one ledger would run sessions twice. The branch therefore names its owner in
//! `installation.yaml`; every push checks it, and an epoch fences off the one that was replaced.

use serde::{Deserialize, Serialize};

use crate::documents::API_VERSION;

/// Path of the owner's document on a results branch.
pub const INSTALLATION_PATH: &str = "installation.yaml";

/// An installation, as it presents itself and as a results branch names its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Installation {
    /// [`API_VERSION`].
    pub api_version: String,
    /// `Installation`.
    pub kind: String,
    /// The name a person chose.
    pub name: String,
    /// The random id of the cluster; it lives with the cluster's data.
    pub cluster: String,
    /// Raised by one each time the same name comes back with another cluster.
    pub epoch: u64,
}

impl Installation {
    /// An installation at the first epoch.
    #[must_use]
    pub fn new(name: &str, cluster: &str) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "Installation".to_owned(),
            name: name.to_owned(),
            cluster: cluster.to_owned(),
            epoch: 1,
        }
    }

    /// Decides what this installation may do with a branch whose owner is `owner`. `has_held` says whether this cluster
    /// has held the branch before: one that has is replaced by whoever comes after it under its name, one that has not
    /// is itself the one that comes after.
    #[must_use]
    pub fn claim(&self, owner: Option<&Self>, has_held: bool, take_over: bool) -> Ownership {
        let Some(owner) = owner else {
            return Ownership::Take(self.clone());
        };
        let same_name = owner.name == self.name;
        if same_name && owner.cluster == self.cluster {
            return match owner.epoch.cmp(&self.epoch) {
                std::cmp::Ordering::Greater => Ownership::Adopt(owner.clone()),
                _ => Ownership::Held,
            };
        }
        match (same_name, has_held, take_over) {
            (_, _, true) | (true, false, _) => {
                Ownership::Take(Self { epoch: owner.epoch.max(self.epoch) + 1, ..self.clone() })
            }
            (true, true, false) => Ownership::Fenced { owner: owner.clone() },
            (false, _, false) => Ownership::Foreign { owner: owner.clone() },
        }
    }
}

/// What an installation may do with a results branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// The branch is ours.
    Held,
    /// The branch is ours at a later epoch, recorded before a restart: go on with that.
    Adopt(Installation),
    /// Write this document, then the branch is ours.
    Take(Installation),
    /// Another cluster under our name has taken over since: start nothing more.
    Fenced {
        /// The new owner.
        owner: Installation,
    },
    /// Another installation's branch: start nothing until told to take over, or given another branch.
    Foreign {
        /// The owner.
        owner: Installation,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(name: &str, cluster: &str, epoch: u64) -> Installation {
        Installation { epoch, ..Installation::new(name, cluster) }
    }

    #[test]
    fn ownership_table() {
        let me = at("prod", "c2", 1);
        let (new, held, told) = ((false, false), (true, false), (false, true));
        let cases = [
            ("a new branch is taken", None, new, Ownership::Take(me.clone())),
            ("our own is held", Some(at("prod", "c2", 1)), held, Ownership::Held),
            ("our own, later epoch", Some(at("prod", "c2", 3)), held, Ownership::Adopt(at("prod", "c2", 3))),
            ("rebuilt cluster goes on", Some(at("prod", "c1", 1)), new, Ownership::Take(at("prod", "c2", 2))),
            ("rebuilt once more", Some(at("prod", "c1", 2)), new, Ownership::Take(at("prod", "c2", 3))),
            (
                "whoever came after fences us",
                Some(at("prod", "c3", 2)),
                held,
                Ownership::Fenced { owner: at("prod", "c3", 2) },
            ),
            (
                "told to take over",
                Some(at("prod", "c3", 2)),
                (true, true),
                Ownership::Take(at("prod", "c2", 3)),
            ),
            (
                "a stranger's branch",
                Some(at("stage", "c9", 1)),
                new,
                Ownership::Foreign { owner: at("stage", "c9", 1) },
            ),
            (
                "a stranger's branch, told so",
                Some(at("stage", "c9", 4)),
                told,
                Ownership::Take(at("prod", "c2", 5)),
            ),
        ];
        for (name, owner, (has_held, take_over), expected) in cases {
            assert_eq!(me.claim(owner.as_ref(), has_held, take_over), expected, "{name}");
        }
    }
}
