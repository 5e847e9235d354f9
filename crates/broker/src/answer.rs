//! An answer on its way to the agent: each chunk goes on when it comes; counting looks on, the mask blanks what must not
//! be seen.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ambient_protocol::broker::TokenCounts;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

use crate::account::Charge;
use crate::body::BodyError;
use crate::mask::MaskedBody;
use crate::meter::Meter;
use crate::unasked::WithoutUsage;

/// What is said of a request when it has ended.
pub(crate) struct Entry {
    pub(crate) run: String,
    pub(crate) upstream: String,
    pub(crate) model: String,
    pub(crate) status: StatusCode,
    pub(crate) started: Instant,
}

/// Counts one answer.
pub(crate) struct Counting {
    /// Absent where the service charges nothing: it answered with an error.
    pub(crate) meter: Option<Meter>,
    pub(crate) charge: Charge,
}

/// The body of an answer that is passed on.
pub(crate) struct PassedOn {
    inner: Incoming,
    /// Where the agent is not to see what it has not asked for.
    without: Option<WithoutUsage>,
    masked: MaskedBody,
    counting: Option<Counting>,
    entry: Entry,
    bytes: u64,
    silence: Duration,
    timer: Pin<Box<Sleep>>,
    has_ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl PassedOn {
    pub(crate) fn new(
        inner: Incoming,
        (without, masked): (Option<WithoutUsage>, MaskedBody),
        counting: Option<Counting>,
        (entry, silence, permit): (Entry, Duration, OwnedSemaphorePermit),
    ) -> Self {
        let timer = Box::pin(tokio::time::sleep(silence));
        let (bytes, has_ended) = (0, false);
        Self { inner, without, masked, counting, entry, bytes, silence, timer, has_ended, _permit: permit }
    }

    /// Takes a chunk from the upstream and gives what goes on.
    fn pass(&mut self, chunk: Bytes) -> Bytes {
        self.bytes = self.bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if let Some(Counting { meter: Some(meter), charge }) = &mut self.counting
            && meter.push(&chunk)
        {
            let (tokens, is_estimate) = meter.tokens(charge.elapsed());
            charge.note(tokens, is_estimate);
        }
        match &mut self.without {
            Some(without) => self.masked.push(without.push(&chunk)),
            None => self.masked.push(chunk),
        }
    }

    /// What was held back to be looked at.
    fn rest(&mut self) -> Bytes {
        let Some(mut without) = self.without.take() else { return self.masked.finish() };
        let held = self.masked.push(without.finish());
        [held, self.masked.finish()].concat().into()
    }

    fn end(&mut self) {
        let Some(Counting { meter, charge }) = self.counting.take() else { return };
        let (tokens, is_estimate) =
            meter.map_or((TokenCounts::default(), false), |meter| meter.finish(charge.elapsed()));
        let cost = charge.cost(&tokens).map(|cost| cost.to_string()).unwrap_or_default();
        let (entry, duration) = (&self.entry, self.entry.started.elapsed());
        tracing::info!(
            run = entry.run,
            upstream = entry.upstream,
            model = entry.model,
            status = entry.status.as_u16(),
            tokens.input = tokens.all_input(),
            tokens.output = tokens.output,
            cost.usd = cost,
            estimate = is_estimate,
            bytes = self.bytes,
            duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            "a model has answered"
        );
        charge.end(tokens, is_estimate);
    }
}

impl http_body::Body for PassedOn {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        loop {
            let frame = match Pin::new(&mut self.inner).poll_frame(context) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    return self.timer.as_mut().poll(context).map(|()| {
                        let silence = self.silence;
                        Some(Err(format!("the upstream was silent for {silence:?}").into()))
                    });
                }
            };
            let deadline = tokio::time::Instant::now() + self.silence;
            self.timer.as_mut().reset(deadline);
            match frame {
                Some(Ok(frame)) => {
                    let Ok(chunk) = frame.into_data() else { continue };
                    let chunk = self.pass(chunk);
                    if self.inner.is_end_stream() {
                        // The agent has the whole answer with this chunk, and may ask for the count at once.
                        self.end();
                    }
                    if !chunk.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(chunk))));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => {
                    self.has_ended = true;
                    self.end();
                    let rest = self.rest();
                    return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    fn size_hint(&self) -> SizeHint {
        // Blanking keeps the length; what is held back is still to come.
        if self.has_ended || self.without.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}

impl Drop for PassedOn {
    /// Also where either side has broken off.
    fn drop(&mut self) {
        self.end();
    }
}
