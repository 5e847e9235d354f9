//! What kinds there are: a table of built-in ones, and those that CustomResourceDefinitions add.

mod builtin;
mod defaults;
mod events;
mod registry;
mod resource;
mod table;
mod topology;
mod validation;

pub(crate) use self::{
    builtin::Builtin,
    defaults::{CLAIM_PROTECTION, CLEANUP},
    registry::Registry,
    resource::{Behaviour, Custom, Resource, Scope},
};
