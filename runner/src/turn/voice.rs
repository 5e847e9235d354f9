//! What an agent is told while it works: its input first, then line by line, in a task of its own, for an agent may
//! talk before it has read all of it.

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;

use crate::bridge::{LateLine, Word};

/// Lines that may wait to be read by the agent.
const WAITING_LINES: usize = 256;
/// Answers that may be worked on at once.
const PENDING_ANSWERS: usize = 64;

/// Speaks to an agent's standard input. Dropped, it gives up what is not said yet.
#[derive(Debug)]
pub(super) struct Voice {
    lines: Option<mpsc::Sender<LateLine>>,
    pending: JoinSet<()>,
}

/// Why the agent cannot be told any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unheard {
    #[error("the agent does not read what it is told: {WAITING_LINES} lines wait for it")]
    Full,
    #[error("the agent asked for more than {PENDING_ANSWERS} things at once")]
    Flooded,
}

impl Voice {
    /// Gives the input; standard input stays open after it for an agent that converses.
    pub(super) fn open(stdin: Box<dyn AsyncWrite + Send + Unpin>, input: Vec<u8>, converses: bool) -> Self {
        let (sender, lines) = mpsc::channel(WAITING_LINES);
        tokio::spawn(write(stdin, input, lines));
        Self { lines: converses.then_some(sender), pending: JoinSet::new() }
    }

    /// Says words, each when it is there. An agent that has ended misses nothing: why it did is told elsewhere.
    pub(super) fn say(&mut self, words: Vec<Word>) -> Result<(), Unheard> {
        let Some(lines) = &self.lines else { return Ok(()) };
        while self.pending.try_join_next().is_some() {}
        for word in words {
            match word {
                Word::Line(line) => {
                    if let Err(TrySendError::Full(_)) = lines.try_send(LateLine { line, place: None }) {
                        return Err(Unheard::Full);
                    }
                }
                Word::Later(_) if self.pending.len() >= PENDING_ANSWERS => return Err(Unheard::Flooded),
                Word::Later(answer) => {
                    let lines = lines.clone();
                    self.pending.spawn(async move {
                        // An agent that has ended does not wait for it.
                        let _ = lines.send(answer.await).await;
                    });
                }
            }
        }
        Ok(())
    }

    /// Ends its standard input, by which an agent learns that nothing more is asked of it.
    pub(super) fn close(&mut self) {
        self.lines = None;
        self.pending.abort_all();
    }
}

async fn write(
    mut stdin: Box<dyn AsyncWrite + Send + Unpin>,
    input: Vec<u8>,
    mut lines: mpsc::Receiver<LateLine>,
) {
    let mut said = stdin.write_all(&input).await;
    while let (Ok(()), Some(LateLine { mut line, place })) = (&said, lines.recv().await) {
        line.push('\n');
        said = stdin.write_all(line.as_bytes()).await;
        drop(place);
    }
    // An agent that ends without reading says why elsewhere.
    let _ = stdin.shutdown().await;
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn line(text: &str) -> Word {
        Word::Line(text.to_owned())
    }

    #[tokio::test]
    async fn input_comes_first_then_lines_then_the_end() {
        let (mut agent, stdin) = tokio::io::duplex(1024);
        let mut voice = Voice::open(Box::new(stdin), b"input\n".to_vec(), true);
        voice.say(vec![line("one"), line("two")]).unwrap();
        let mut heard = vec![0; b"input\none\ntwo\n".len()];
        agent.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, b"input\none\ntwo\n");
        voice
            .say(vec![Word::Later(Box::pin(async { LateLine { line: "later".to_owned(), place: None } }))])
            .unwrap();
        let mut heard = vec![0; b"later\n".len()];
        agent.read_exact(&mut heard).await.unwrap();
        voice.close();
        assert_eq!(agent.read(&mut heard).await.unwrap(), 0, "its standard input has ended");
    }

    #[tokio::test]
    async fn one_that_does_not_converse_gets_its_input_and_the_end() {
        let (mut agent, stdin) = tokio::io::duplex(1024);
        let mut voice = Voice::open(Box::new(stdin), b"input".to_vec(), false);
        voice.say(vec![line("not for it")]).unwrap();
        let mut heard = String::new();
        agent.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "input");
    }

    #[tokio::test]
    async fn what_waits_is_bounded() {
        let (_agent, stdin) = tokio::io::duplex(1);
        let mut voice = Voice::open(Box::new(stdin), Vec::new(), true);
        let said = (0..=WAITING_LINES + 1).map(|_| voice.say(vec![line("unread")]));
        assert!(said.last().unwrap() == Err(Unheard::Full));
        let never = || Word::Later(Box::pin(std::future::pending()));
        let asked = (0..=PENDING_ANSWERS).map(|_| voice.say(vec![never()]));
        assert!(asked.last().unwrap() == Err(Unheard::Flooded));
    }
}
