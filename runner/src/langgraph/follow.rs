//! Follows one run to its end, over broken connections.

use serde_json::Value;
use tokio::io::{self, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::api::{Api, ApiError, RunPath};
use super::frames::FrameStream;
use super::patience::Patience;
use super::position::Position;
use super::words::{Line, Told};

/// How often more a run is asked for. Nothing is lost yet: an address that is wrong is told soon.
const STARTS: usize = 4;

/// How a run is known to have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// The server has said so.
    Ended,
    /// This process was told to end, and has had the server cancel it.
    Cancelled,
}

/// Lines of standard output.
pub(super) struct Output<W>(Mutex<W>);

impl<W: AsyncWrite + Unpin> Output<W> {
    pub(super) fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }

    pub(super) async fn say(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        let mut writer = self.0.lock().await;
        writer.write_all(text.as_bytes()).await?;
        writer.flush().await
    }
}

/// What this process is told while it works.
pub(super) struct Ears {
    /// Further lines of standard input.
    pub(super) told: mpsc::Receiver<Told>,
    /// Whether it is to end.
    pub(super) ending: CancellationToken,
}

/// Asks for a run and says all that comes of it.
pub(super) async fn follow<W: AsyncWrite + Unpin>(
    api: &Api,
    thread_id: &str,
    run: &Value,
    patience: &Patience,
    ears: &mut Ears,
    output: &Output<W>,
) -> Result<Followed, RunError> {
    // What was asked for must be known to be called off: this is not given up half-way.
    let (run, stream) = start(api, thread_id, run, patience).await?;
    let course = Course { api, run: &run, patience, output, position: Position::default(), failures: 0 };
    let mut course = std::pin::pin!(course.complete(stream));
    let mut listens = true;
    loop {
        tokio::select! {
            ended = &mut course => return ended.map(|()| Followed::Ended),
            () = ears.ending.cancelled() => {
                cancel(api, &run, output).await?;
                return Ok(Followed::Cancelled);
            }
            told = ears.told.recv(), if listens => match told {
                // The stream ends when the server has done so.
                Some(Told::Cancel) => cancel(api, &run, output).await?,
                // Another run waits for the end of this one, and nobody asks for it before.
                Some(Told::Run(_)) => {}
                None => listens = false,
            },
        }
    }
}

async fn cancel<W: AsyncWrite + Unpin>(api: &Api, run: &RunPath, output: &Output<W>) -> io::Result<()> {
    match api.cancel(run).await {
        Ok(()) => Ok(()),
        Err(error) => output.say(&Line::NotCancelled { message: error.to_string() }).await,
    }
}

/// Whether the server has a conversation.
pub(super) async fn has_conversation(
    api: &Api,
    thread_id: &str,
    patience: &Patience,
) -> Result<bool, ApiError> {
    for pause in patience.pauses.iter().take(STARTS) {
        match api.has_conversation(thread_id).await {
            Err(error) if error.may_pass() => tokio::time::sleep(*pause).await,
            known => return known,
        }
    }
    api.has_conversation(thread_id).await
}

/// Asks until there is an answer. It is asked for one run all the same: the server ends the one before (see the bridge's
/// `multitask_strategy`).
async fn start(
    api: &Api,
    thread_id: &str,
    run: &Value,
    patience: &Patience,
) -> Result<(RunPath, FrameStream), ApiError> {
    for pause in patience.pauses.iter().take(STARTS) {
        match api.start(thread_id, run).await {
            Err(error) if error.may_pass() => tokio::time::sleep(*pause).await,
            started => return started,
        }
    }
    api.start(thread_id, run).await
}

struct Course<'a, W> {
    api: &'a Api,
    run: &'a RunPath,
    patience: &'a Patience,
    output: &'a Output<W>,
    position: Position,
    /// Breaks since the last frame.
    failures: usize,
}

impl<W: AsyncWrite + Unpin> Course<'_, W> {
    async fn complete(mut self, mut stream: FrameStream) -> Result<(), RunError> {
        let RunPath { thread_id, run_id } = self.run.clone();
        self.output.say(&Line::Started { thread_id, run_id }).await?;
        loop {
            let cause = match self.read(&mut stream).await? {
                // A closed stream is the run's end only if the server says so: proxies close streams too.
                None => match self.api.status(self.run).await {
                    Ok(status) if is_over(&status) => {
                        return Ok(self.output.say(&Line::Ended { status }).await?);
                    }
                    Ok(status) => format!("the server closed the stream of a run that is {status}"),
                    Err(error) => self.bearable(error)?,
                },
                Some(cause) => cause,
            };
            stream = self.rejoin(cause).await?;
        }
    }

    /// Says frames until the stream ends; gives why it broke, if it did.
    async fn read(&mut self, stream: &mut FrameStream) -> io::Result<Option<String>> {
        loop {
            match stream.next().await {
                Err(cause) => return Ok(Some(cause)),
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => {
                    if !self.position.take(frame.id.as_deref()) {
                        continue;
                    }
                    self.failures = 0;
                    let data = serde_json::from_str(&frame.data).unwrap_or_else(|_| frame.data.into());
                    let event = frame.event.unwrap_or_default();
                    self.output.say(&Line::Frame { event, data }).await?;
                }
            }
        }
    }

    async fn rejoin(&mut self, mut cause: String) -> Result<FrameStream, RunError> {
        loop {
            let Some(pause) = self.patience.pauses.get(self.failures).copied() else {
                let url = self.api.stream_url(self.run);
                return Err(RunError::Lost { url, tries: self.failures, cause });
            };
            self.failures += 1;
            tokio::time::sleep(pause).await;
            let after = self.position.rejoin().to_owned();
            match self.api.rejoin(self.run, &after).await {
                Ok(stream) => {
                    self.output.say(&Line::Rejoined { cause }).await?;
                    return Ok(stream);
                }
                Err(error) => cause = self.bearable(error)?,
            }
        }
    }

    /// An error as a cause, if trying again may help.
    fn bearable(&self, error: ApiError) -> Result<String, RunError> {
        if error.may_pass() { Ok(error.to_string()) } else { Err(error.into()) }
    }
}

fn is_over(status: &str) -> bool {
    !matches!(status, "pending" | "running")
}
