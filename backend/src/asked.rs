//! The query of an address, read into a type; what cannot be read is answered in the form of the asked-for kind.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// A query as `T`; one that is none is an error of the form `E` (a page, or JSON).
pub(crate) struct Asked<T, E>(pub(crate) T, pub(crate) PhantomData<E>);

impl<T, E, S> FromRequestParts<S> for Asked<T, E>
where
    T: DeserializeOwned,
    E: From<Error> + IntoResponse,
    S: Send + Sync,
{
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, E> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query, PhantomData)),
            Err(rejection) => Err(Error::Invalid(rejection.body_text()).into()),
        }
    }
}
