//! Frames of a server's stream, as they arrive.

use std::collections::VecDeque;
use std::time::Duration;

use ambient_protocol::causes::with_causes;
use ambient_protocol::sse::{ForeignDecoder, ForeignFrame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// Most bytes of one frame.
const FRAME_LIMIT: usize = 64 * 1024 * 1024;

/// A stream of frames.
pub(super) struct FrameStream {
    body: Incoming,
    silence: Duration,
    decoder: ForeignDecoder,
    ready: VecDeque<ForeignFrame>,
}

impl FrameStream {
    pub(super) fn new(body: Incoming, silence: Duration) -> Self {
        Self { body, silence, decoder: ForeignDecoder::default(), ready: VecDeque::new() }
    }

    /// The next frame; none where the server has closed the stream. An error says how the stream broke.
    pub(super) async fn next(&mut self) -> Result<Option<ForeignFrame>, String> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(Some(frame));
            }
            let silent = |_| format!("the server was silent for {} s", self.silence.as_secs());
            let chunk = tokio::time::timeout(self.silence, self.body.frame()).await.map_err(silent)?;
            let Some(chunk) = chunk else { return Ok(None) };
            let chunk = chunk.map_err(|error| with_causes(&error))?;
            if let Ok(data) = chunk.into_data() {
                self.ready.extend(self.decoder.push(&data));
            }
            if self.decoder.held() > FRAME_LIMIT {
                return Err(format!("the server sent a frame of more than {FRAME_LIMIT} bytes"));
            }
        }
    }
}
