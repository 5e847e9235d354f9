//! How an agent is ended: told, heard out, and stopped with all it has started. Each step has its time, however much there
//! still is to hear.

use std::time::Duration;

use tokio::time::Instant;

use super::Agent;
use crate::bridge::Flow;
use crate::log::Recorder;
use crate::turn::cause::note_complaints;
use crate::turn::{Cause, TurnEnd};

impl Agent {
    /// Lets one go that rests: by the end of its standard input it knows that nothing more is asked of it.
    pub(crate) async fn dismiss(mut self) {
        self.voice.close();
        // What it still says is heard, so that it can end; there is nobody to tell it to.
        let hear = async {
            while self.lines.recv().await.is_some() {}
            self.process.wait().await
        };
        let _ = tokio::time::timeout(self.watchdogs.lingering, hear).await;
        self.process.stop(self.watchdogs.grace).await;
    }

    /// Ends it, with every process it has started, and says what its turn amounts to.
    pub(crate) async fn end(&mut self, cause: Cause, timeout: Duration, recorder: &mut Recorder) -> TurnEnd {
        self.hear_out(&cause, recorder).await;
        self.voice.close();
        self.process.stop(self.watchdogs.grace).await;
        let exit = match cause {
            Cause::Ended(exit) => exit,
            _ => self.process.wait().await,
        };
        // Lines that are still under way: with the last process gone, so is the last writer.
        let until = Instant::now() + self.watchdogs.drain;
        while let Ok(Some(line)) = tokio::time::timeout_at(until, self.lines.recv()).await {
            let taken = self.take(&line, recorder);
            if taken.is_err() && cause != Cause::Stopped || Instant::now() >= until {
                break;
            }
        }
        note_complaints(&mut *self.translator, &self.complaints, recorder);
        let report = self.translator.finish(exit);
        cause.judge(report, &self.complaints, timeout)
    }

    /// Tells an agent that can be told so that its turn is over, and hears it out for a moment.
    async fn hear_out(&mut self, cause: &Cause, recorder: &mut Recorder) {
        if !matches!(cause, Cause::Stopped | Cause::TimedOut | Cause::Silent(_)) {
            return;
        }
        let words = self.translator.call_off();
        if words.is_empty() || self.voice.say(words).is_err() {
            return;
        }
        let until = Instant::now() + self.watchdogs.courtesy;
        while Instant::now() < until {
            tokio::select! {
                biased;
                line = self.lines.recv() => match line.as_ref().map(|line| self.take(line, recorder)) {
                    Some(Ok(Flow::Continue)) => {}
                    _ => return,
                },
                _ = self.process.wait() => return,
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }
}
