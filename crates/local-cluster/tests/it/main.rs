//! The embedded cluster as its clients see it.

mod objects;
mod watches;
