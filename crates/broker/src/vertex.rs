//! Paths of Vertex AI. They name a place, a project and a region, by which the credential's owner is billed; a run's
//! binding says which.

use std::borrow::Cow;

use ambient_protocol::broker::{Place, Upstream, UpstreamKind};

use crate::endpoint::{Endpoint, NoEndpoint, model_method, version};

/// A path in its parts: version, place, and what follows.
struct Parts<'a> {
    version: &'a str,
    place: Option<(&'a str, &'a str)>,
    rest: &'a str,
}

/// Finds the endpoint of `[/v1][/projects/P/locations/L]/publishers/<publisher>/models/<model>:<method>`.
pub(crate) fn endpoint(upstream: &Upstream, path: &str) -> Result<Endpoint, NoEndpoint> {
    let Parts { place, rest, .. } = parts(path);
    let publisher = if upstream.kind == UpstreamKind::VertexGemini { "google" } else { "anthropic" };
    let model = rest.strip_prefix("/publishers/").and_then(|rest| rest.strip_prefix(publisher));
    let model = model.and_then(|rest| rest.strip_prefix("/models/")).ok_or(NoEndpoint::Unknown)?;
    match (&upstream.place, place) {
        (Some(bound), Some((project, location)))
            if (project, location) != (bound.project.as_str(), bound.location.as_str()) =>
        {
            Err(NoEndpoint::Place(format!("{project}/{location}")))
        }
        _ => model_method(model),
    }
}

/// The path with the run's place in it, where it names none: programs that show an API key leave it out, as the key names
/// its project, and another credential names none.
pub(crate) fn placed<'a>(path: &'a str, place: &Place) -> Cow<'a, str> {
    let Parts { version, place: None, rest } = parts(path) else { return Cow::Borrowed(path) };
    let Place { project, location } = place;
    Cow::Owned(format!("{version}/projects/{project}/locations/{location}{rest}"))
}

fn parts(path: &str) -> Parts<'_> {
    let (version, rest) = match version(path, &["/v1beta1", "/v1"]) {
        Some(rest) => path.split_at(path.len() - rest.len()),
        None => ("", path),
    };
    let place = rest.strip_prefix("/projects/").and_then(|named| {
        let (project, named) = named.split_once("/locations/")?;
        let (location, _) = named.split_once('/')?;
        (!project.contains('/')).then(|| (project, location, project.len() + location.len()))
    });
    let Some((project, location, length)) = place else { return Parts { version, place: None, rest } };
    let rest = &rest["/projects//locations/".len() + length..];
    Parts { version, place: Some((project, location)), rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(kind: UpstreamKind, path: &str) -> Result<Endpoint, NoEndpoint> {
        let upstream = Upstream {
            name: "u".to_owned(),
            kind,
            base_url: "https://a.example".to_owned(),
            credential: None,
            models: Vec::new(),
            repositories: Vec::new(),
            place: Some(place()),
        };
        endpoint(&upstream, path)
    }

    fn place() -> Place {
        Place { project: "p1".to_owned(), location: "l".to_owned() }
    }

    #[test]
    fn the_runs_place_is_let_through_and_no_other() {
        use UpstreamKind::{VertexAnthropic, VertexGemini};
        let generate = |model: &str| Ok(Endpoint::Generate { model: Some(model.to_owned()) });
        let elsewhere = |place: &str| Err(NoEndpoint::Place(place.to_owned()));
        for (kind, path, expected) in [
            (
                VertexAnthropic,
                "/projects/p1/locations/l/publishers/anthropic/models/m@1:streamRawPredict",
                generate("m@1"),
            ),
            (
                VertexAnthropic,
                "/v1/projects/p1/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
                Ok(Endpoint::CountTokens { model: None }),
            ),
            (
                VertexGemini,
                "/v1beta1/projects/p1/locations/l/publishers/google/models/g:streamGenerateContent",
                generate("g"),
            ),
            (VertexGemini, "/v1beta1/publishers/google/models/g:generateContent", generate("g")),
            (
                VertexAnthropic,
                "/projects/p2/locations/l/publishers/anthropic/models/m:rawPredict",
                elsewhere("p2/l"),
            ),
            (
                VertexAnthropic,
                "/projects/p1/locations/m/publishers/anthropic/models/m:rawPredict",
                elsewhere("p1/m"),
            ),
            (
                VertexAnthropic,
                "/projects/p1/locations/l/publishers/google/models/m:rawPredict",
                Err(NoEndpoint::Unknown),
            ),
            (
                VertexGemini,
                "/v1/projects/p1/x/locations/l/publishers/google/models/m:generateContent",
                Err(NoEndpoint::Unknown),
            ),
            (
                VertexGemini,
                "/v1/projects/p1/locations/l/endpoints/e:generateContent",
                Err(NoEndpoint::Unknown),
            ),
            (VertexGemini, "/v1/projects/p1/locations/l", Err(NoEndpoint::Unknown)),
        ] {
            assert_eq!(find(kind, path), expected, "{kind:?} {path}");
        }
    }

    #[test]
    fn a_path_without_place_gets_the_runs() {
        for (path, expected) in [
            ("/v1/publishers/google/models/m:x", "/v1/projects/p1/locations/l/publishers/google/models/m:x"),
            ("/publishers/google/models/m:x", "/projects/p1/locations/l/publishers/google/models/m:x"),
            ("/v1/projects/p1/locations/l/rest", "/v1/projects/p1/locations/l/rest"),
        ] {
            assert_eq!(placed(path, &place()), expected);
        }
    }
}
