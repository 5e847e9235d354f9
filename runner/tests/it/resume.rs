//! Clients that come and go miss nothing and see nothing twice.

use ambient_protocol::sse::Frame;
use futures::StreamExt as _;

use crate::harness::{World, bounded, frames, outcome, start};

#[tokio::test]
async fn a_client_cut_off_at_every_event_ends_with_the_same_bytes() {
    let world = World::new(None);
    let runner = world.runner().await;
    let turn = start(&runner.client, &world).await;
    let mut resuming = runner.client.events(0).await.unwrap();
    let mut live = Vec::new();
    // While the run goes on: cut off after each single event.
    loop {
        let frame = bounded(resuming.next()).await.unwrap().unwrap();
        let Some(id) = frame.id else {
            live.push(frame);
            break;
        };
        live.push(frame);
        resuming = runner.client.events(id).await.unwrap();
    }
    let whole = frames(runner.client.events(0).await.unwrap()).await;
    assert_eq!(bytes(&live), bytes(&whole));
    assert!(bytes(&whole).starts_with(&bytes(&frames(turn).await)));
    // After its end: cut off at every event k.
    let last = outcome(&runner.client).await.events;
    for k in 0..=last {
        let mut first = runner.client.events(0).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..k {
            seen.push(first.next().await.unwrap().unwrap());
        }
        drop(first);
        let cursor = seen.last().and_then(|frame| frame.id).unwrap_or_default();
        seen.extend(frames(runner.client.events(cursor).await.unwrap()).await);
        assert_eq!(bytes(&seen), bytes(&whole), "cut off at {k}");
    }
}

#[tokio::test]
async fn sequence_numbers_are_the_lines_of_the_log() {
    let world = World::new(Some("steps: [{text: a b c d e f g}, {finish: {summary: Done}}]"));
    let runner = world.runner().await;
    runner.run(&world).await;
    let all = frames(runner.client.events(0).await.unwrap()).await;
    let log = world.log();
    for (index, frame) in all[..all.len() - 1].iter().enumerate() {
        assert_eq!(frame.id, Some(u64::try_from(index).unwrap() + 1));
        assert_eq!(frame.data, log[index].to_json());
    }
    assert_eq!(all.last().unwrap(), &Frame::sealed(u64::try_from(log.len()).unwrap()));
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_slow_the_agent() {
    let text = "word ".repeat(60_000);
    let world = World::new(Some(&format!("steps: [{{text: '{text}'}}, {{finish: {{summary: Done}}}}]")));
    let runner = world.runner().await;
    let _idle = runner.client.events(0).await.unwrap();
    let _also_idle = start(&runner.client, &world).await;
    let done = outcome(&runner.client).await;
    assert!(done.events > 10_000);
}

fn bytes(frames: &[Frame]) -> String {
    frames.iter().map(Frame::encode).collect()
}
