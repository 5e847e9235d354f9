//! The embedded cluster as its clients see it.

mod applies;
mod controllers;
mod objects;
mod watches;
