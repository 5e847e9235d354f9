//! Behaviour of the redactor as its users see it.

mod chunks;
mod known;
mod tokens;
