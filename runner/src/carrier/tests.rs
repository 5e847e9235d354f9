//! What holds for an agent whatever carries it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::agent_shim::tests::InThisProcess;
use crate::wire::{Control, Line, VERSION};

/// Generous: only a deadlock reaches it.
const PATIENCE: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_millis(300);

#[test]
fn a_program_that_is_not_there_has_a_way_out_that_fits_it() {
    let error = |program: &str, kind: std::io::ErrorKind| {
        let (program, directory) = (program.to_owned(), "/w".to_owned());
        StartError { program, directory, cause: kind.into() }.to_string()
    };
    let missing = std::io::ErrorKind::NotFound;
    for (program, way) in
        [("claude", "--claude-bin"), ("/opt/gemini", "--gemini-bin"), ("acp-agent", "ACP_COMMAND")]
    {
        assert!(error(program, missing).contains(way), "{}", error(program, missing));
    }
    assert!(!error("claude", std::io::ErrorKind::PermissionDenied).contains("--claude-bin"));
}

/// Each carrier, and what has to live as long as it.
fn carriers() -> Vec<(&'static str, Box<dyn Carrier>, Option<InThisProcess>)> {
    let shim = InThisProcess::start();
    let socket = SocketCarrier::new(shim.socket(), shim.workspace());
    vec![("child", Box::new(ChildProcess), None), ("socket", Box::new(socket), Some(shim))]
}

fn shell(script: &str) -> AgentCommand {
    AgentCommand {
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), script.into()],
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".into())]),
        directory: std::env::temp_dir(),
        input: Vec::new(),
        files: Vec::new(),
    }
}

async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

#[tokio::test]
async fn every_end_is_told() {
    let cases = [
        ("exit 0", AgentExit::Code(0)),
        ("exit 3", AgentExit::Code(3)),
        ("kill -9 $$", AgentExit::Signal(9)),
        ("kill -15 $$", AgentExit::Signal(15)),
    ];
    for (name, carrier, _shim) in carriers() {
        for (script, expected) in cases {
            let (_streams, mut process) = carrier.start(&shell(script), "ends").await.unwrap();
            assert_eq!(bounded(process.wait()).await, expected, "{name}: {script}");
            bounded(process.stop(GRACE)).await;
            assert_eq!(bounded(process.wait()).await, expected, "{name}: {script}, asked again");
        }
        carrier.farewell().await;
    }
}

#[tokio::test]
async fn megabytes_pass_on_all_three_streams() {
    let input: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_be_bytes).collect();
    for (name, carrier, _shim) in carriers() {
        let (streams, mut process) = carrier.start(&shell("tee /dev/stderr"), "streams").await.unwrap();
        let Streams { mut stdin, mut stdout, mut stderr } = streams;
        let (mut said, mut complained) = (Vec::new(), Vec::new());
        let feeding = async {
            stdin.write_all(&input).await.unwrap();
            stdin.shutdown().await.unwrap();
            drop(stdin);
        };
        let (reading, listening) = (stdout.read_to_end(&mut said), stderr.read_to_end(&mut complained));
        let ((), out, err) = bounded(async { tokio::join!(feeding, reading, listening) }).await;
        assert_eq!((out.unwrap(), err.unwrap()), (input.len(), input.len()), "{name}");
        assert!(said == input && complained == input, "{name}");
        assert_eq!(bounded(process.wait()).await, AgentExit::Code(0), "{name}");
        bounded(process.stop(GRACE)).await;
    }
}

#[tokio::test]
async fn a_stop_passes_streams_that_nobody_reads_and_processes_that_do_not_listen() {
    let script = "trap '' TERM; setsid sh -c \"trap '' TERM; while :; do sleep 1; done\" & echo deaf; yes; yes >&2; while :; do sleep 1; done";
    for (name, carrier, _shim) in carriers() {
        let (streams, mut process) = carrier.start(&shell(script), "deaf").await.unwrap();
        let Streams { mut stdout, mut stderr, .. } = streams;
        // Before it has said so, it would still hear.
        bounded(stdout.read_exact(&mut [0; 5])).await.unwrap();
        bounded(process.stop(GRACE)).await;
        assert_eq!(bounded(process.wait()).await, AgentExit::Signal(9), "{name}");
        let mut rest = Vec::new();
        // Every writer is gone: both streams end.
        bounded(stdout.read_to_end(&mut rest)).await.unwrap();
        bounded(stderr.read_to_end(&mut rest)).await.unwrap();
    }
}

#[tokio::test]
async fn files_are_there_before_the_agent_starts() {
    for (name, carrier, _shim) in carriers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home/settings.json");
        let files = vec![AgentFile { path: path.clone(), content: "{}".to_owned() }];
        let script = format!("grep -q '{{}}' {} && exit 7", path.display());
        let command = AgentCommand { files, ..shell(&script) };
        let (_streams, mut process) = carrier.start(&command, "files").await.unwrap();
        assert_eq!(bounded(process.wait()).await, AgentExit::Code(7), "{name}");
        bounded(process.stop(GRACE)).await;
        drop(process);
        let files = vec![AgentFile { path: "/dev/null/x".into(), content: String::new() }];
        let error = carrier.start(&AgentCommand { files, ..shell("") }, "files").await.err().unwrap();
        assert!(error.to_string().contains("cannot write /dev/null/x"), "{name}: {error}");
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_named_with_its_cause() {
    for (name, carrier, _shim) in carriers() {
        let command = AgentCommand { program: "/nowhere/agent".into(), ..shell("") };
        let error = carrier.start(&command, "nowhere").await.err().unwrap();
        assert_eq!(error.cause.kind(), std::io::ErrorKind::NotFound, "{name}");
        assert!(error.to_string().contains("/nowhere/agent"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_shim_of_another_version_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let mut lines = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            let line = Line::new(connection);
            line.sender().send(Control::Hello { version: VERSION + 1 }).await.unwrap();
            lines.push(line);
        }
    });
    let carrier = SocketCarrier::new(socket, folder.path().to_owned());
    let error = bounded(carrier.start(&shell(""), "mark")).await.err().unwrap().to_string();
    assert!(error.contains("speaks version 2, this runner 1") && !error.contains("installed"), "{error}");
}
