//! The embedded cluster as its clients see it.

mod applies;
mod objects;
mod watches;
