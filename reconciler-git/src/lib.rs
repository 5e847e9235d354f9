//! Git to cluster: applies manifests and keeps them applied.
