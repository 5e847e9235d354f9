//! An embedded Kubernetes API and a process node.
