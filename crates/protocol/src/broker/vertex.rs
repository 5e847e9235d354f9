//! Models by way of Vertex AI. A project that has them there says so in its settings; the agents' programs that can ask
//! there are told to, with an address on loopback and without a key, and the broker adds the project's own credential.

use super::lending::{LENT_KEY, ModelService};
use super::{Place, UpstreamKind};
use crate::effective::{EffectiveSession, Vertex};
use crate::registry::{ACP, DEFAULT_RUNNER_TYPE, GEMINI_CLI};

/// Where the service is for all regions at once.
const GLOBAL: &str = "aiplatform.googleapis.com";

/// What takes the place of a model's own service. Claude Code expects the version in the address, Gemini CLI does not.
const SERVICES: [ModelService; 2] = [
    ModelService {
        name: "vertex-anthropic",
        kind: UpstreamKind::VertexAnthropic,
        key: "ANTHROPIC_API_KEY",
        address_entry: "ANTHROPIC_VERTEX_BASE_URL",
        address: "https://aiplatform.googleapis.com/v1",
    },
    ModelService {
        name: "vertex-gemini",
        kind: UpstreamKind::VertexGemini,
        key: "GEMINI_API_KEY",
        address_entry: "GOOGLE_VERTEX_BASE_URL",
        address: "https://aiplatform.googleapis.com",
    },
];

/// Whether a session's agent can be told to ask Vertex AI. Graphs would need other classes in their code.
#[must_use]
pub fn can_ask_vertex(session: &EffectiveSession) -> bool {
    matches!(session.framework(), DEFAULT_RUNNER_TYPE | GEMINI_CLI | ACP)
}

/// Whether a session's agent asks for any model there.
#[must_use]
pub fn asks_vertex(session: &EffectiveSession) -> bool {
    super::services(session).any(|service| publisher(service.kind).is_some())
}

/// The service of Vertex AI that a session's agent asks in place of another.
pub(super) fn in_place_of(
    service: &ModelService,
    session: &EffectiveSession,
) -> Option<&'static ModelService> {
    let vertex = session.vertex.as_ref().filter(|_| can_ask_vertex(session))?;
    let other = SERVICES.iter().find(|other| other.key == service.key)?;
    let publisher = publisher(other.kind)?;
    vertex.publishers.iter().any(|one| one == publisher).then_some(other)
}

/// Where a service is, if the Secret says nothing else.
pub(super) fn address(service: &ModelService, session: &EffectiveSession) -> String {
    match at(service, session) {
        Some(vertex) => service.address.replace(GLOBAL, &host(&vertex.region)),
        None => service.address.to_owned(),
    }
}

/// The place that requests to a service must name.
pub(super) fn place(service: &ModelService, session: &EffectiveSession) -> Option<Place> {
    let Vertex { project, region, .. } = at(service, session)?;
    Some(Place { project: project.clone(), location: region.clone() })
}

/// What programs are told beside the address; nothing for a service that is not at Vertex AI.
pub(super) fn variables(
    service: &ModelService,
    session: &EffectiveSession,
) -> Option<Vec<(&'static str, String)>> {
    let vertex = at(service, session)?;
    let yes = || "1".to_owned();
    Some(match service.kind {
        UpstreamKind::VertexAnthropic => vec![
            ("CLAUDE_CODE_USE_VERTEX", yes()),
            ("CLAUDE_CODE_SKIP_VERTEX_AUTH", yes()),
            ("ANTHROPIC_VERTEX_PROJECT_ID", vertex.project.clone()),
            ("CLOUD_ML_REGION", vertex.region.clone()),
        ],
        // With a key it asks without a place, which the broker puts in: with a place it would want a credential.
        _ => vec![("GOOGLE_GENAI_USE_VERTEXAI", "true".to_owned()), ("GOOGLE_API_KEY", LENT_KEY.to_owned())],
    })
}

fn at<'a>(service: &ModelService, session: &'a EffectiveSession) -> Option<&'a Vertex> {
    session.vertex.as_ref().filter(|_| publisher(service.kind).is_some())
}

/// Whose models a service has, in the words of Vertex AI.
fn publisher(kind: UpstreamKind) -> Option<&'static str> {
    match kind {
        UpstreamKind::VertexAnthropic => Some("anthropic"),
        UpstreamKind::VertexGemini => Some("google"),
        _ => None,
    }
}

/// <https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations>
fn host(region: &str) -> String {
    match region {
        "global" => GLOBAL.to_owned(),
        "us" | "eu" => format!("aiplatform.{region}.rep.googleapis.com"),
        region => format!("{region}-{GLOBAL}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lending::tests::session;
    use super::super::{services, upstreams, variables};
    use super::*;

    fn at_vertex(framework: &str, region: &str, publishers: &[&str]) -> EffectiveSession {
        let mut session = session(&["ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY"], &[]);
        framework.clone_into(&mut session.agent.capabilities.framework);
        let publishers = publishers.iter().map(|&name| name.to_owned()).collect();
        session.vertex = Some(Vertex { project: "p-1".to_owned(), region: region.to_owned(), publishers });
        session
    }

    #[test]
    fn programs_that_can_are_sent_there_and_others_are_not() {
        for (framework, publishers, expected) in [
            (ACP, &["anthropic", "google"][..], ["vertex-anthropic", "vertex-gemini", "openai"]),
            (DEFAULT_RUNNER_TYPE, &["anthropic"], ["vertex-anthropic", "gemini", "openai"]),
            (GEMINI_CLI, &["google"], ["anthropic", "vertex-gemini", "openai"]),
            ("langgraph", &["anthropic", "google"], ["anthropic", "gemini", "openai"]),
        ] {
            let session = at_vertex(framework, "global", publishers);
            let names: Vec<_> = services(&session).map(|service| service.name).collect();
            assert_eq!(names, expected, "{framework}");
            assert_eq!(asks_vertex(&session), framework != "langgraph");
        }
        assert!(!asks_vertex(&session(&["ANTHROPIC_API_KEY"], &[])));
    }

    #[test]
    fn a_region_has_its_own_address() {
        for (region, host) in [
            ("global", "aiplatform.googleapis.com"),
            ("us-east5", "us-east5-aiplatform.googleapis.com"),
            ("eu", "aiplatform.eu.rep.googleapis.com"),
        ] {
            let session = at_vertex(ACP, region, &["anthropic", "google"]);
            let upstreams = upstreams(&session, None);
            let addresses: Vec<_> = upstreams.iter().map(|one| one.base_url.as_str()).collect();
            let (anthropic, google) = (format!("https://{host}/v1"), format!("https://{host}"));
            assert_eq!(addresses, [&anthropic, &google, "https://api.openai.com/v1"]);
            let places: Vec<_> = upstreams.iter().map(|one| one.place.as_ref()).collect();
            let place = Place { project: "p-1".to_owned(), location: region.to_owned() };
            assert_eq!(places, [Some(&place), Some(&place), None]);
        }
    }

    #[test]
    fn programs_are_told_in_their_own_words() {
        let told = variables(&at_vertex(ACP, "us-east5", &["anthropic", "google"]), "http://127.0.0.1:1");
        let told: Vec<_> = told.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = [
            "ANTHROPIC_VERTEX_BASE_URL=http://127.0.0.1:1/vertex-anthropic",
            "ANTHROPIC_VERTEX_PROJECT_ID=p-1",
            "CLAUDE_CODE_SKIP_VERTEX_AUTH=1",
            "CLAUDE_CODE_USE_VERTEX=1",
            "CLOUD_ML_REGION=us-east5",
            "GOOGLE_API_KEY=lent-by-the-broker",
            "GOOGLE_GENAI_USE_VERTEXAI=true",
            "GOOGLE_VERTEX_BASE_URL=http://127.0.0.1:1/vertex-gemini",
            "OPENAI_API_KEY=lent-by-the-broker",
            "OPENAI_BASE_URL=http://127.0.0.1:1/openai",
        ];
        assert_eq!(told, expected);
    }
}
