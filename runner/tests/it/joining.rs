//! Clients that come in the middle: what they read keeps the protocol's rules, and says the same as the whole log.

use std::collections::BTreeMap;

use ambient_protocol::conversation::{Entry, TurnStatus};
use ambient_protocol::sse::Frame;
use ambient_protocol::{Conversation, Event, Verifier};

use crate::harness::{World, bounded, frames, outcome, say, start, wait_for};
use crate::interactive::talking;

/// Reads a stream as an AG-UI client does.
fn read(stream: &[Frame]) -> Conversation {
    let (mut verifier, mut conversation) = (Verifier::default(), Conversation::default());
    for frame in stream.iter().filter(|frame| frame.event.is_none()) {
        let event = Event::parse(&frame.data).unwrap();
        verifier.accept(&event).unwrap_or_else(|broken| panic!("{broken}: {}", frame.data));
        conversation.apply(&event);
    }
    conversation
}

/// What was said and done, by id.
fn said(conversation: Conversation) -> BTreeMap<String, String> {
    let entries = conversation.entries.into_iter().filter_map(|entry| match entry {
        Entry::User { id, text } | Entry::Assistant { id, text, .. } | Entry::Reasoning { id, text, .. } => {
            Some((id, text))
        }
        Entry::Tool { id, name, arguments, result, .. } => {
            Some((id, format!("{name} {arguments} {result:?}")))
        }
        _ => None,
    });
    entries.collect()
}

#[tokio::test]
async fn a_run_can_be_joined_after_any_of_its_events() {
    let world = World::new(None);
    let runner = world.runner().await;
    let last = runner.run(&world).await.events;
    let whole = said(read(&frames(runner.client.events(0).await.unwrap()).await));
    for after in 0..=last {
        let stream = frames(runner.client.join(Some(after)).await.unwrap()).await;
        assert_eq!(said(read(&stream)), whole, "joined after {after}");
        let ids: Vec<_> = stream.iter().filter_map(|frame| frame.id).collect();
        let expected: Vec<_> = (after.max(1)..=last).collect();
        assert_eq!(ids, expected, "whoever comes back goes on behind the prelude's last frame");
    }
    let now = frames(runner.client.join(None).await.unwrap()).await;
    assert_eq!(
        (now.last().unwrap().event.as_deref(), read(&now).status),
        (Some("sealed"), TurnStatus::Finished)
    );
}

#[tokio::test]
async fn who_steers_or_joins_within_a_turn_is_told_its_beginning() {
    for world in talking() {
        let runner = world.runner().await;
        let client = &runner.client;
        bounded(frames(start(client, &world).await)).await;
        let mut turn = say(client, &world, "m1", "again").await.unwrap();
        wait_for(&mut turn, |frame| frame.data.contains("second:")).await;
        let joined = client.join(None).await.unwrap();
        let steered = frames(say(client, &world, "m2", "by the way").await.unwrap()).await;
        let read_by_steerer = read(&steered);
        assert_eq!(read_by_steerer.status, TurnStatus::Finished);
        client.stop().await.unwrap();
        outcome(client).await;
        let joined = read(&bounded(frames(joined)).await);
        let mut whole = Conversation::default();
        world.log().iter().for_each(|event| whole.apply(event));
        assert_eq!(said(read_by_steerer), said(whole.clone()));
        assert_eq!(said(joined), said(whole));
    }
}
