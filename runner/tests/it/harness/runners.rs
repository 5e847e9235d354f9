//! Runners, and what a caller of them does.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use ambient_protocol::client::{ClientError, EventStream, RunnerClient, Start};
use ambient_protocol::events::{EventBody, Interrupt, RunOutcome};
use ambient_protocol::sse::Frame;
use ambient_protocol::{Event, Outcome, RunAgentInput};
use ambient_runner::{Ending, RunnerError};
use futures::StreamExt as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, PROGRAM, World};

impl World {
    /// A runner as a process; it is killed when dropped.
    pub(crate) fn process(&self) -> Process {
        self.started(Command::new(PROGRAM))
    }

    /// The same, and no file that it writes may outgrow so many blocks of 512 bytes.
    pub(crate) fn process_with_room(&self, blocks: u32) -> Process {
        let script = format!("ulimit -f {blocks}; trap '' XFSZ; exec {PROGRAM}");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &script]);
        self.started(shell)
    }

    fn started(&self, mut command: Command) -> Process {
        let mut child = command
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let rest = line.split("runner.address=").nth(1)?;
            Some(rest.split(' ').next()?.to_owned())
        });
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        match address {
            Some(address) => Process { client: self.client(&address), child: Some(child) },
            None => panic!("the runner ended without saying where it listens: {}", child.wait().unwrap()),
        }
    }
}

/// A runner in this process.
pub(crate) struct Runner {
    pub(crate) client: RunnerClient,
    pub(crate) address: String,
    pub(crate) shutdown: CancellationToken,
    task: JoinHandle<Result<Ending, RunnerError>>,
}

impl Runner {
    pub(super) fn new(
        client: RunnerClient,
        address: String,
        shutdown: CancellationToken,
        task: JoinHandle<Result<Ending, RunnerError>>,
    ) -> Self {
        Self { client, address, shutdown, task }
    }

    /// Waits until the runner ends by itself.
    pub(crate) async fn ended(self) -> Result<Ending, RunnerError> {
        bounded(self.task).await.unwrap()
    }

    /// Runs the turn to its end and gives the outcome.
    pub(crate) async fn run(&self, world: &World) -> Outcome {
        start(&self.client, world).await;
        outcome(&self.client).await
    }
}

/// A runner as a process of its own.
pub(crate) struct Process {
    pub(crate) client: RunnerClient,
    child: Option<Child>,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Kills it as nothing else can: without a last word.
    pub(crate) fn kill(self) {
        drop(self);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.id()).unwrap()), signal).unwrap();
    }

    /// Its exit code, when it has ended by itself.
    pub(crate) async fn exit_code(mut self) -> Option<i32> {
        let (id, mut child) = (self.id(), self.child.take().unwrap());
        let waiting = tokio::task::spawn_blocking(move || child.wait().unwrap());
        let ended = tokio::time::timeout(PATIENCE, waiting).await;
        let ended = ended.unwrap_or_else(|_| {
            // Whoever waits for it would wait on, and the test with them.
            kill(Pid::from_raw(i32::try_from(id).unwrap()), Signal::SIGKILL).unwrap();
            panic!("the runner does not end");
        });
        ended.unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Starts the turn as soon as the runner is ready, and gives its stream.
pub(crate) async fn start(client: &RunnerClient, world: &World) -> EventStream {
    let input = world.input();
    loop {
        match client.start(&input).await {
            Ok(Start::Started(stream)) => return stream,
            Ok(Start::AlreadyStarted) => panic!("the turn had been started before"),
            Err(error) if error.to_string().contains("503") => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Says something, and gives the stream of the turn.
pub(crate) async fn say(
    client: &RunnerClient,
    world: &World,
    id: &str,
    text: &str,
) -> Result<EventStream, ClientError> {
    let mut input = RunAgentInput::prompt(world.uid(), id, text);
    input.messages[0].id = id.to_owned();
    match client.start(&input).await? {
        Start::Started(stream) => Ok(stream),
        Start::AlreadyStarted => Err(ClientError::Status { status: 409, message: "before".to_owned() }),
    }
}

/// Waits for the questions that the next turn to end leaves open.
pub(crate) async fn questions(stream: &mut EventStream) -> Vec<Interrupt> {
    let frame = wait_for(stream, |frame| frame.data.contains(r#""type":"RUN_FINISHED""#)).await;
    match Event::parse(&frame.data).unwrap().body {
        EventBody::RunFinished { outcome: Some(RunOutcome::Interrupt { interrupts }), .. } => interrupts,
        other => panic!("it asks nothing: {other:?}"),
    }
}

/// All frames up to and with the last one.
pub(crate) async fn frames(stream: EventStream) -> Vec<Frame> {
    bounded(stream.map(Result::unwrap).collect()).await
}

/// Waits for the end of the log, and gives the outcome.
pub(crate) async fn outcome(client: &RunnerClient) -> Outcome {
    let all = frames(client.events(0).await.unwrap()).await;
    assert_eq!(all.last().unwrap().event.as_deref(), Some("sealed"));
    client.outcome().await.unwrap().expect("a sealed log has an outcome")
}

/// Reads frames until one satisfies `is_it`.
pub(crate) async fn wait_for(stream: &mut EventStream, is_it: impl Fn(&Frame) -> bool) -> Frame {
    bounded(async {
        loop {
            let frame = stream.next().await.expect("the stream ended early").unwrap();
            if is_it(&frame) {
                return frame;
            }
        }
    })
    .await
}

pub(crate) async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// The agent's commits, as the runner gives them.
pub(crate) async fn bundle(client: &RunnerClient) -> Vec<u8> {
    let (mut pieces, mut bundle) = (client.bundle("target").await.unwrap(), Vec::new());
    while let Some(piece) = pieces.next().await.unwrap() {
        bundle.extend(piece);
    }
    bundle
}
