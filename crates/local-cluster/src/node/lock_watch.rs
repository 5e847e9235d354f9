//! Noticing that a shim is gone: the kernel gives its lock to whoever waits for it.

use std::{fs::File, io::ErrorKind, thread};

use tokio::sync::oneshot;

use crate::shim::PodFiles;

/// A thread that only waits needs no more.
const STACK_BYTES: usize = 64 * 1024;

/// Completes when no shim holds the folder. The thread is not one of the runtime's, which would wait for it at its end.
pub(crate) fn released(files: &PodFiles) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    let path = files.lock();
    let wait = move || {
        let waited = File::open(&path).and_then(|lock| {
            loop {
                match lock.lock_shared() {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    result => return result,
                }
            }
        });
        if let Err(error) = waited {
            tracing::warn!(lock = %path.display(), %error, "the lock of a pod cannot be waited for");
        }
        // Nobody waits any more if the node has ended.
        let _ = sender.send(());
    };
    // Without a thread the sender is dropped, which completes the receiver too: the pod is looked at again.
    if let Err(error) = thread::Builder::new().name("pod-lock".to_owned()).stack_size(STACK_BYTES).spawn(wait)
    {
        tracing::warn!(%error, "no thread for the lock of a pod");
    }
    receiver
}
