//! Kubernetes structural schemas: defaults, pruning, validation, CEL.
