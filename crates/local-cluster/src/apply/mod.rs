//! Server-side apply and the tracking of who set which field.
//!
//! All of it is pure: objects and sets of fields in, objects and sets of fields out. The rules are those of
//! Kubernetes' structured merge: owners are recorded per field, an apply meets conflicts where it changes
//! what another owns, and what an applier no longer lists goes if nobody else owns it.

mod compare;
mod field_set;
mod managers;
mod merge;
mod remove;
mod shape;
mod track;

pub(crate) use self::{
    managers::Conflict,
    shape::{ListShape, Shape},
    track::{Ignored, Writer, apply, update},
};

#[cfg(test)]
mod tests;
