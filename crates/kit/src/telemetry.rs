//! Logs: one line an event on standard error, in colour on a terminal, filtered by `--log` or `AMBIENT_LOG`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging to standard error with a filter such as `info,ambient_operator=debug`. A filter that cannot be read
/// is replaced by `info`, and said so. A second call changes nothing.
pub fn start(filter: &str) {
    let (parsed, problem) = match EnvFilter::try_new(filter) {
        Ok(parsed) => (parsed, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true);
    let started = tracing_subscriber::registry().with(parsed).with(layer).try_init().is_ok();
    if let (true, Some(error)) = (started, problem) {
        tracing::warn!(filter, %error, "the log filter cannot be read; using info");
    }
}
