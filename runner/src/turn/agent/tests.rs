use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ambient_protocol::{RunAgentInput, RunKey};
use ambient_redaction::Redactor;
use async_trait::async_trait;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::bridge::Report;
use crate::carrier::{AgentCommand, AgentProcess, Carrier};
use crate::life::ConversationName;
use crate::orders::{Order, Wish};
use crate::state::StateFolder;

/// It may take long on a loaded machine; an agent that is heard for ever takes longer.
const BOUND: Duration = Duration::from_secs(60);

/// An agent that says one line after the other, as fast as it is heard, and never ends.
struct Flooding;

struct Flood;

/// Its process, which ends when it is made to.
struct Endless(CancellationToken);

/// Makes an event of each line.
struct Parrot;

#[async_trait]
impl Carrier for Flooding {
    async fn start(&self, _: &AgentCommand, _: &str) -> Result<(Streams, Box<dyn AgentProcess>), StartError> {
        let streams = Streams {
            stdin: Box::new(tokio::io::sink()),
            stdout: Box::new(Flood),
            stderr: Box::new(tokio::io::empty()),
        };
        Ok((streams, Box::new(Endless(CancellationToken::new()))))
    }

    async fn sweep(&self, _: &str) {}

    async fn farewell(&self) {}
}

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let lines = buffer.remaining() / 6;
        buffer.put_slice(&b"again\n".repeat(lines));
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl AgentProcess for Endless {
    async fn wait(&mut self) -> AgentExit {
        self.0.cancelled().await;
        AgentExit::Signal(15)
    }

    fn reap(&mut self) {}

    async fn stop(&mut self, _: Duration) {
        self.0.cancel();
    }
}

impl Translator for Parrot {
    fn line(&mut self, line: &str) -> Translation {
        Translation::of(vec![Event::custom("test.line", line.into())])
    }

    fn finish(&mut self, _: AgentExit) -> Report {
        Report::default()
    }
}

/// A turn of the flooding agent.
struct World {
    _folder: tempfile::TempDir,
    agent: Agent,
    recorder: Recorder,
    conversation: ConversationName,
    stop: CancellationToken,
    wishes: mpsc::Sender<Order>,
    orders: mpsc::Receiver<Order>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let run = RunKey::new("demo", "first", 1).unwrap();
        let state = StateFolder::open(folder.path(), &run.attempt(1)).unwrap();
        let mut recorder = Recorder::open(&folder.path().join("events.jsonl"), Redactor::default()).unwrap();
        recorder.record(Event::run_started(RunAgentInput::prompt("t", "r", "hi"))).unwrap();
        let command = AgentCommand {
            program: "flood".into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            directory: folder.path().to_owned(),
            input: Vec::new(),
            files: Vec::new(),
        };
        let stop = CancellationToken::new();
        let job = Job {
            carrier: &Flooding,
            command: &command,
            mark: "mark",
            redactor: &Redactor::default(),
            translator: Box::new(Parrot),
            watchdogs: Watchdogs { drain: Duration::from_millis(50), ..Watchdogs::default() },
            stop: &stop,
        };
        let agent = Agent::start(job).await.unwrap();
        let conversation = ConversationName::read(state).unwrap();
        let (wishes, orders) = mpsc::channel(1);
        Self { _folder: folder, agent, recorder, conversation, stop, wishes, orders }
    }

    async fn follow(&mut self, deadline: Instant) -> Pause {
        let mut turn = Turn {
            recorder: &mut self.recorder,
            stop: &self.stop,
            orders: &mut self.orders,
            conversation: &mut self.conversation,
            deadline,
            stays: false,
        };
        tokio::time::timeout(BOUND, self.agent.follow(&mut turn)).await.expect("it is not heard for ever")
    }
}

fn later() -> Instant {
    Instant::now() + 100 * BOUND
}

#[tokio::test]
async fn an_agent_without_a_pause_is_stopped_in_time() {
    let mut world = World::new().await;
    let soon = Instant::now() + Duration::from_millis(50);
    assert!(matches!(world.follow(soon).await, Pause::Over(Cause::TimedOut)));
    assert!(world.recorder.log().progress().last > 1, "it was heard");
    world.agent.call_off();
    assert!(matches!(world.follow(later()).await, Pause::Over(Cause::BrokenOff)));
    world.stop.cancel();
    assert!(matches!(world.follow(later()).await, Pause::Over(Cause::Stopped)));
}

#[tokio::test]
async fn people_get_through_to_an_agent_without_a_pause() {
    let mut world = World::new().await;
    let (order, _answer) = Order::new(Wish::BreakOff, "jane");
    world.wishes.try_send(order).unwrap();
    let pause = world.follow(later()).await;
    assert!(matches!(pause, Pause::Wanted(order) if order.wish == Wish::BreakOff));
}

#[tokio::test]
async fn an_agent_without_a_pause_is_ended_when_it_has_said_too_much() {
    let mut world = World::new().await;
    world.recorder = world.recorder.bounded(100_000);
    let Pause::Over(cause) = world.follow(later()).await else { panic!("it has to end") };
    assert!(matches!(&cause, Cause::Unrecorded(message) if message.contains("100000 bytes")), "{cause:?}");
    let end = world.agent.end(Cause::Stopped, BOUND, &mut world.recorder).await;
    assert_eq!(end.exit(), ExitReason::Stopped);
    world.recorder.close_open().unwrap();
    world.recorder.record(Event::run_error("AgentFailed", "too much", vec![])).unwrap();
    let bytes = world.recorder.log().progress().bytes;
    assert!((100_000..101_000).contains(&bytes), "what the platform says goes in still: {bytes}");
}
