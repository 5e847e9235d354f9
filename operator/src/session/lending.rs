//! What runs are lent (ADR 0018): bound at the broker before their pod is made, and let go of when they have ended. The
//! broker reads the keys itself; here only their names are known.

use std::sync::Arc;

use ambient_crds::names::{RunNumber, attempt_name};
use ambient_kit::clock::precise_now;
use ambient_kit::retry::ErrorClass;
use ambient_protocol::broker::{
    AUDIENCE, Binding, Budget, CredentialReference, InvalidAmount, MicroDollars, RunUsage, upstreams,
};
use ambient_protocol::client::{BrokerClient, ClientError};
use ambient_protocol::effective::EffectiveSession;
use ambient_protocol::run::RunKey;
use ambient_protocol::token::{Scope, Signer, TokenError};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams};

use super::count::is_counted;
use super::progress::RunId;
use crate::context::Context;

/// How long a binding outlives an attempt that takes its time and waits for a person once: it may wait for more.
const SLACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The broker, as the operator reaches it.
pub(crate) struct Broker {
    /// Its address, for operator and runners.
    url: String,
    client: BrokerClient,
}

/// Why a run cannot be bound.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    /// It does not answer.
    #[error(
        "the broker, which lends keys and counts what they cost, cannot be reached: {0}; it is asked again"
    )]
    Unreachable(ClientError),
    /// It does not take the binding.
    #[error("the broker refuses the run: {0}")]
    Refused(String),
    /// An amount that is none.
    #[error("spec.budget.maxCostUsd: {0}")]
    Budget(#[from] InvalidAmount),
    /// No token can be made.
    #[error("no token for the run: {0}")]
    Token(#[from] TokenError),
}

impl BindError {
    /// When to try again: soon, as nobody tells that a broker is back.
    #[must_use]
    pub(super) fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable(_) => ErrorClass::NotYet,
            Self::Refused(_) | Self::Budget(_) | Self::Token(_) => ErrorClass::Outside,
        }
    }
}

impl Broker {
    /// The broker at `http://host:port`.
    pub(crate) fn new(url: String, signer: Arc<Signer>) -> Self {
        let token = move || {
            let signed = signer.sign(AUDIENCE, "operator", &[Scope::Bind], precise_now());
            signed.map_err(|error| ClientError::Token(error.to_string()))
        };
        Self { client: BrokerClient::new(&url, Arc::new(token)), url }
    }

    /// Its address, for a run that is lent anything.
    #[must_use]
    pub(super) fn url_for(&self, session: &EffectiveSession) -> Option<&str> {
        is_lent(session).then_some(self.url.as_str())
    }

    /// Binds a run and gives the token by which its requests are known; nothing for one that is lent nothing.
    ///
    /// # Errors
    /// See [`BindError`].
    pub(super) async fn bind(
        &self,
        session: &EffectiveSession,
        signer: &Signer,
    ) -> Result<Option<String>, BindError> {
        if !is_lent(session) {
            return Ok(None);
        }
        let now = precise_now();
        let expires = expires_at(session, now);
        self.client.bind(&binding(session, expires)?).await.map_err(|error| match error {
            ClientError::Status { status: 400..500, message } => BindError::Refused(message),
            error => BindError::Unreachable(error),
        })?;
        let subject = session.key.to_string();
        Ok(Some(signer.sign_until(&session.session_uid, &subject, &[Scope::Broker], (now, expires))?))
    }

    /// What it has counted of a run whose models are all asked through it.
    ///
    /// # Errors
    /// Fails where it does not answer.
    pub(super) async fn usage(&self, session: &EffectiveSession) -> Result<Option<RunUsage>, ClientError> {
        if is_counted(session) { self.client.usage(&session.key).await } else { Ok(None) }
    }
}

/// Whether a run is lent anything at all.
#[must_use]
pub(super) fn is_lent(session: &EffectiveSession) -> bool {
    !session.allowed.egress.is_empty() || !upstreams(session, None).is_empty()
}

/// What a run may use.
fn binding(session: &EffectiveSession, expires_at: Timestamp) -> Result<Binding, InvalidAmount> {
    // That of a root source is not its projects' to use.
    let own = session.results.secret.as_ref().filter(|secret| secret.namespace == session.key.project());
    let git = own.map(|secret| CredentialReference {
        namespace: secret.namespace.clone(),
        name: secret.name.clone(),
        key: None,
        address_entry: None,
    });
    let limits = &session.limits;
    Ok(Binding {
        run: session.key.clone(),
        session_uid: session.session_uid.clone(),
        upstreams: upstreams(session, git.as_ref()),
        budget: Budget {
            max_cost: limits.max_cost_usd.map(MicroDollars::from_dollars).transpose()?,
            max_tokens: limits.max_tokens,
        },
        egress: session.allowed.egress.clone(),
        expires_at,
    })
}

fn expires_at(session: &EffectiveSession, now: Timestamp) -> Timestamp {
    let limits = &session.limits;
    let seconds = limits.timeout_seconds.saturating_add(limits.inactivity_timeout_seconds);
    let longest = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    now.checked_add(longest.saturating_add(SLACK)).unwrap_or(Timestamp::MAX)
}

/// Ends what an ended run may use, once: what fails here ends by itself when the binding expires.
pub(super) fn let_go(context: &Arc<Context>, pinned: Option<&EffectiveSession>, id: &RunId, attempt: u32) {
    let (Some(_), Some(session)) = (&context.broker, pinned.filter(|session| is_lent(session))) else {
        return;
    };
    if !context.board.take(id, |progress| !std::mem::replace(&mut progress.let_go, true)) {
        return;
    }
    let (context, key) = (Arc::clone(context), session.key.clone());
    tokio::spawn(async move {
        let Some(broker) = &context.broker else { return };
        match broker.client.release(&key).await {
            Ok(()) => {}
            // It may be ending as we are. It is told again by the next process, and knows by itself when it is over.
            Err(error @ (ClientError::Unreachable(_) | ClientError::Broken(_))) => {
                tracing::debug!(run = %key, %error, "the broker does not hear that the run has ended");
            }
            Err(error) => {
                tracing::warn!(run = %key, %error, "the broker does not take it that the run has ended");
            }
        }
        for attempt in 1..=attempt.max(1) {
            if let Err(error) = remove_token(&context, &key, attempt).await {
                tracing::warn!(run = %key, %error, "a token of the run stays until its session goes");
            }
        }
    });
}

async fn remove_token(context: &Context, run: &RunKey, attempt: u32) -> Result<(), kube::Error> {
    let number = RunNumber::try_from(run.run()).unwrap_or_default();
    let secrets: Api<Secret> = Api::namespaced(context.client.clone(), run.project());
    let name = attempt_name(run.session(), number, attempt);
    match secrets.delete(&name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => deleted.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use ambient_protocol::effective::ResultsSecret;
    use serde_json::json;

    use super::super::effective::tests::merged;
    use super::*;

    #[test]
    fn a_binding_is_what_the_effective_session_allows() {
        let spec = json!({"budget": {"maxCostUsd": 1.5, "maxTokens": 9}, "llmSettings": {"model": "m"},
            "repos": [{"url": "https://forge.example/team/app.git"}]});
        let ceilings = json!({"models": ["m", "n-*"], "egress": ["pypi.org", "*.example.com:8443"]});
        let mut session = merged(&spec, &json!({"runnerSecretsName": "own"}), &ceilings).unwrap();
        let secret =
            |namespace: &str| ResultsSecret { namespace: namespace.to_owned(), name: "git".to_owned() };
        session.results.secret = Some(secret("demo"));
        let bound = binding(&session, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(bound.check(), Ok(()));
        let budget = (bound.budget.max_cost.map(|cost| cost.to_string()), bound.budget.max_tokens);
        assert_eq!(budget, (Some("1.50".to_owned()), Some(9)));
        let egress: Vec<_> = bound.egress.iter().map(ToString::to_string).collect();
        assert_eq!(egress, ["pypi.org:443", "*.example.com:8443"]);
        let [model, git] = bound.upstreams.as_slice() else { panic!("{bound:?}") };
        let name = |upstream: &ambient_protocol::broker::Upstream| {
            upstream.credential.as_ref().map(|credential| credential.name.clone())
        };
        assert_eq!((name(model).as_deref(), name(git).as_deref()), (Some("own"), Some("git")));
        assert_eq!(model.models, ["m", "n-*"]);
        session.results.secret = Some(secret("ambient-system"));
        assert_eq!(name(&binding(&session, Timestamp::UNIX_EPOCH).unwrap().upstreams[1]), None);
    }

    #[test]
    fn who_needs_nothing_is_lent_nothing() {
        for (spec, ceilings, lent) in [
            (json!({"runnerType": "replay"}), json!({}), false),
            (json!({"runnerType": "replay", "repos": [{"url": "/srv/app.git"}]}), json!({}), false),
            (json!({"runnerType": "replay"}), json!({"egress": ["pypi.org"]}), true),
            (json!({"runnerType": "replay", "repos": [{"url": "https://a.example/b"}]}), json!({}), true),
            (json!({}), json!({}), true),
        ] {
            assert_eq!(is_lent(&merged(&spec, &json!({}), &ceilings).unwrap()), lent, "{spec}");
        }
    }
}
