//! What people and programs see of Ambient: HTML pages, REST and event streams.
//!
//! Everything is read with the asking user's own token (rule 24). The backend's own account lists and watches Ambient's
//! kinds, so that pages are fast and live, and asks for reviews; it writes nothing. Whatever an agent or a manifest
//! says is untrusted: it is shown as escaped text, and only by templates.

mod asked;
mod auth;
mod error;
mod live;
mod pages;
mod recent;
mod rest;
mod routes;
mod runs;
mod security;
mod server;
mod sse;
mod state;
mod view;
mod watch;

pub use server::{Backend, Config, serve};
