//! Cluster to Jobs, and outcomes to the ledger and results in Git.
