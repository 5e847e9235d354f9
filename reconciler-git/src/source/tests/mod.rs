//! The deciding steps as tables: what Git holds and what the cluster has go in, a plan in words comes out.

mod guards;
mod plans;
mod reports;
mod validates;
mod world;
