//! What a user may do: one question, put to the API server in the user's own name.

use ambient_crds::labels::GROUP;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, ObjectMeta, PostParams};

use super::user::{TokenDigest, User};
use crate::error::Error;
use crate::recent::Recent;

/// What is wanted of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    /// Read one.
    Get,
    /// Read all of a project, or of every project.
    List,
    /// Say something to the agent of one, or for a person to it.
    Update,
}

impl Verb {
    /// The verb as the API server knows it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Update => "update",
        }
    }
}

type Question = (TokenDigest, Verb, Option<String>, Option<String>);

/// Answers by SelfSubjectAccessReview, believed for 30 seconds.
#[derive(Default)]
pub(crate) struct Access {
    answers: Recent<Question, bool>,
}

impl Access {
    /// Whether the user may do this with sessions in the namespace (none: in all of them), or with the named one.
    ///
    /// # Errors
    /// The API server's; an unanswered question is never a yes.
    pub(crate) async fn may(
        &self,
        user: &User,
        verb: Verb,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Result<bool, Error> {
        let question = (user.digest, verb, namespace.map(str::to_owned), name.map(str::to_owned));
        if let Some(answer) = self.answers.get(&question) {
            return Ok(answer);
        }
        let answer = ask(user, verb, namespace, name).await?;
        self.answers.put(question, answer);
        Ok(answer)
    }
}

async fn ask(user: &User, verb: Verb, namespace: Option<&str>, name: Option<&str>) -> Result<bool, Error> {
    let attributes = ResourceAttributes {
        group: Some(GROUP.to_owned()),
        resource: Some("agenticsessions".to_owned()),
        verb: Some(verb.as_str().to_owned()),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        metadata: ObjectMeta::default(),
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            non_resource_attributes: None,
        },
        status: None,
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(user.client.clone());
    let status = reviews.create(&PostParams::default(), &review).await?.status;
    Ok(status.is_some_and(|status| status.allowed))
}
