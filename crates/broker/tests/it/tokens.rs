//! Whose request it is.

use ambient_broker::{Door, SessionToken};
use ambient_protocol::broker::{Binding, RunUsage, SESSION_TOKEN_HEADER, UpstreamKind};
use ambient_protocol::token::{Scope, Signer};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::upstream::{Service, json as answer, message};
use crate::world::{UID, World, binding, now, run, session_token, start_forwarder_behind, text, upstream};

async fn status_with(world: &World, token: Option<&str>, path: &str) -> StatusCode {
    let mut request = Request::builder().method(if path == "/usage" { "GET" } else { "POST" });
    request = request.uri(format!("http://{}{path}", world.broker));
    if let Some(token) = token {
        request = request.header(SESSION_TOKEN_HEADER, token);
    }
    world.send(request.body(r#"{"model": "m"}"#.into()).unwrap()).await.status()
}

#[tokio::test]
async fn only_the_sessions_own_token_opens_its_binding() {
    let service = Service::start(|_| answer(message(1, 1))).await;
    let world = World::new(binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())])).await;
    let stranger = Signer::generate("operator").unwrap();
    let hour = (now(), now() + SignedDuration::from_hours(1));
    let over = (now() - SignedDuration::from_hours(2), now() - SignedDuration::from_hours(1));
    let name = run().to_string();
    let sign = |audience: &str, subject: &str, scope, times| {
        world.signer.sign_until(audience, subject, &[scope], times).unwrap()
    };
    for (what, token, expected) in [
        ("the session's", Some(session_token(&world.signer)), StatusCode::OK),
        ("none", None, StatusCode::UNAUTHORIZED),
        ("nonsense", Some("v4.public.x".to_owned()), StatusCode::UNAUTHORIZED),
        ("another signer's", Some(session_token(&stranger)), StatusCode::UNAUTHORIZED),
        ("an old one", Some(sign(UID, &name, Scope::Broker, over)), StatusCode::UNAUTHORIZED),
        ("for something else", Some(sign(UID, &name, Scope::Read, hour)), StatusCode::FORBIDDEN),
        ("a former session's", Some(sign("uid-0", &name, Scope::Broker, hour)), StatusCode::FORBIDDEN),
        ("another run's", Some(sign(UID, "demo/other-r1", Scope::Broker, hour)), StatusCode::FORBIDDEN),
        ("no run's", Some(sign(UID, "../../etc", Scope::Broker, hour)), StatusCode::FORBIDDEN),
    ] {
        for path in ["/a/v1/messages", "/usage"] {
            assert_eq!(status_with(&world, token.as_deref(), path).await, expected, "{what} at {path}");
        }
    }
    assert_eq!(service.seen().len(), 1);
}

#[tokio::test]
async fn an_expired_binding_opens_nothing_but_its_count() {
    let service = Service::start(|_| answer(message(1, 1))).await;
    let mut bound = binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())]);
    bound.expires_at = now() - SignedDuration::from_secs(1);
    let world = World::new(bound).await;
    let token = session_token(&world.signer);
    assert_eq!(status_with(&world, Some(&token), "/a/v1/messages").await, StatusCode::FORBIDDEN);
    assert_eq!(status_with(&world, Some(&token), "/usage").await, StatusCode::OK);
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn the_operator_binds_reads_and_releases_runs() {
    let service = Service::start(|_| answer(message(3, 4))).await;
    let world = World::new(binding(Vec::new())).await;
    let operator = world.operator_token();
    let path = ambient_protocol::broker::binding_path(&run());
    let mut bound = binding(vec![upstream("a", UpstreamKind::Anthropic, &service.url())]);
    let body = |bound: &Binding| serde_json::to_string(bound).unwrap();
    let session = session_token(&world.signer);
    let refused = world.operate(Method::PUT, &path, &session, body(&bound)).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "a session binds nothing");
    let put = world.operate(Method::PUT, &path, &operator, body(&bound)).await;
    assert_eq!(put.status(), StatusCode::NO_CONTENT, "{}", text(put).await);
    assert_eq!(status_with(&world, Some(&session), "/a/v1/messages").await, StatusCode::OK);
    for (change, word) in [
        (
            (|bound: &mut Binding| bound.upstreams[0].name = "usage".to_owned()) as fn(&mut Binding),
            "upstream name",
        ),
        (|bound| bound.run = "demo/other-r1".parse().unwrap(), "demo/other-r1"),
        (
            |bound| {
                bound.budget.max_cost = Some("1".parse().unwrap());
                bound.upstreams[0].models = vec!["claude-unheard-of".to_owned()];
            },
            "has no price",
        ),
    ] {
        let mut wrong = bound.clone();
        change(&mut wrong);
        let refused = world.operate(Method::PUT, &path, &operator, body(&wrong)).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert!(text(refused).await.contains(word));
    }
    let read = world.operate(Method::GET, &format!("{path}/usage"), &operator, String::new()).await;
    let usage: RunUsage = serde_json::from_str(&text(read).await).unwrap();
    assert_eq!((usage.run, usage.models[0].tokens.total()), (run(), 7));
    let released = world.operate(Method::DELETE, &path, &operator, String::new()).await;
    assert_eq!(released.status(), StatusCode::NO_CONTENT);
    assert_eq!(status_with(&world, Some(&session), "/a/v1/messages").await, StatusCode::FORBIDDEN);
    // Bound again, for another attempt, it goes on where it was.
    bound.budget.max_tokens = Some(5);
    world.operate(Method::PUT, &path, &operator, body(&bound)).await;
    assert_eq!(status_with(&world, Some(&session), "/a/v1/messages").await, StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test]
async fn a_forwarder_hears_those_alone_who_know_its_word() {
    let world = World::new(binding(Vec::new())).await;
    let (door, token) = (Door::new("w0rd".to_owned()), SessionToken::Fixed(session_token(&world.signer)));
    let forwarder = start_forwarder_behind(Some(door.clone()), world.broker, token, &world.shutdown).await;
    for (address, expected) in [
        (format!("{}/usage", door.address(forwarder)), StatusCode::OK),
        (format!("http://{forwarder}/usage"), StatusCode::FORBIDDEN),
        (format!("http://{forwarder}/other/usage"), StatusCode::FORBIDDEN),
    ] {
        let asked = Request::get(&address).body(Full::default()).unwrap();
        assert_eq!(world.send(asked).await.status(), expected, "{address}");
    }
    for (words, expected) in [("", "407"), ("proxy-authorization: Basic cnVuOncwcmQ=\r\n", "403")] {
        let mut stream = TcpStream::connect(forwarder).await.unwrap();
        let asked = format!("CONNECT pypi.org:443 HTTP/1.1\r\nhost: pypi.org:443\r\n{words}\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        // The word is known: that the run may not go there is the broker's to say.
        assert_eq!(&answer[9..], expected.as_bytes(), "{words}");
    }
}
