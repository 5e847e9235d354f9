//! Tokens to users: the API server says who a token is, and every read goes by that token.

use std::sync::Arc;

use ambient_kit::UserClients;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::api::{Api, ObjectMeta, PostParams};
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::recent::Recent;

/// A token's SHA-256: what caches are keyed by, so that they hold no tokens.
pub(crate) type TokenDigest = [u8; 32];

/// A user whose token the API server knows.
#[derive(Clone)]
pub(crate) struct User {
    /// The name, as the cluster's authenticator gives it.
    pub(crate) name: String,
    /// The groups.
    pub(crate) groups: Vec<String>,
    /// Which token it was.
    pub(crate) digest: TokenDigest,
    /// Acts with the user's own token.
    pub(crate) client: kube::Client,
}

/// Tells who a token is, by TokenReview with the backend's own account.
pub(crate) struct Authenticator {
    own: kube::Client,
    clients: UserClients,
    reviewed: Recent<TokenDigest, Option<Arc<UserInfo>>>,
}

impl Authenticator {
    /// An authenticator that asks for reviews with the client `own`.
    pub(crate) fn new(own: kube::Client, clients: UserClients) -> Self {
        Self { own, clients, reviewed: Recent::default() }
    }

    /// The user of a token.
    ///
    /// # Errors
    /// `InvalidToken` where the API server does not know it, and the API server's own errors.
    pub(crate) async fn user(&self, token: &str) -> Result<User, Error> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::InvalidToken);
        }
        let digest: TokenDigest = Sha256::digest(token.as_bytes()).into();
        let reviewed = match self.reviewed.get(&digest) {
            Some(reviewed) => reviewed,
            None => {
                let reviewed = self.review(token).await?.map(Arc::new);
                self.reviewed.put(digest, reviewed.clone());
                reviewed
            }
        };
        let info = reviewed.ok_or(Error::InvalidToken)?;
        Ok(User {
            name: info.username.clone().unwrap_or_default(),
            groups: info.groups.clone().unwrap_or_default(),
            digest,
            client: self.clients.for_token(token)?,
        })
    }

    async fn review(&self, token: &str) -> Result<Option<UserInfo>, Error> {
        let review = TokenReview {
            metadata: ObjectMeta::default(),
            spec: TokenReviewSpec { token: token.to_owned(), audiences: None },
            status: None,
        };
        let reviews: Api<TokenReview> = Api::all(self.own.clone());
        let status = reviews.create(&PostParams::default(), &review).await?.status.unwrap_or_default();
        let named = |user: &UserInfo| user.username.as_deref().is_some_and(|name| !name.is_empty());
        Ok(status.user.filter(|user| status.authenticated == Some(true) && named(user)))
    }
}
