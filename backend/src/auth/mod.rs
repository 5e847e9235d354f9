//! Who asks, and what they may: tokens, sign-ins, reviews.

mod access;
mod guard;
mod logins;
mod origin;
mod user;

pub(crate) use access::{Access, Verb};
pub(crate) use guard::{api_user, page_user};
pub(crate) use logins::Logins;
pub(crate) use origin::same_origin;
pub(crate) use user::{Authenticator, User};
