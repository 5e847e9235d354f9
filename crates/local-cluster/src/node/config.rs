//! What a node is made with.

use std::{collections::BTreeMap, path::PathBuf};

/// Settings of a node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The node's name.
    pub name: String,
    /// Where pods and volumes are kept.
    pub data_directory: PathBuf,
    /// What each image is on this machine.
    pub images: ImageTable,
    /// How a shim is started.
    pub shim: ShimCommand,
    /// Variables of our own environment that containers get; everything else is cleared.
    pub environment_allowlist: Vec<String>,
}

/// Images by name. A name without a tag stands for all of its tags.
pub type ImageTable = BTreeMap<String, ImageCommand>;

/// What an image is on this machine: its entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageCommand {
    /// The program that runs where a container names no command.
    pub program: PathBuf,
    /// Its arguments where a container names neither command nor arguments.
    pub arguments: Vec<String>,
    /// The image's own environment.
    pub environment: Vec<(String, String)>,
}

/// How a shim is started: a program that calls [`crate::shim_main`] with what follows these arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShimCommand {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<String>,
}
