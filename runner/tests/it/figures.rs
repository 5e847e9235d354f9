//! Figures of the runner for docs/performance.md. Ignored unless asked for:
//!
//! `cargo test --release -p ambient-runner --test it -- --ignored --nocapture --test-threads=1 figures::`

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ambient_protocol::Event;
use ambient_protocol::outcome::ExitReason;
use futures::StreamExt as _;
use serde_json::json;

use crate::harness::{Process, World, outcome, start, wait_for};

/// Events of the long log, each with a kilobyte of text.
const MANY: usize = 100_000;
/// Clients that follow it.
const CLIENTS: usize = 10;
/// How often a start is repeated.
const STARTS: usize = 30;

/// A run of an agent that is a shell script; what it prints are events.
fn world(script: &str) -> World {
    let mut world = World::new(None);
    world.session(|session| session["agent"]["command"] = json!(["/bin/sh", "-c", script]));
    world
}

/// From `/proc/PID/status`, in kilobytes.
fn kilobytes(process: &Process, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_long_log_and_its_readers() {
    let world = world("cat ../lines");
    let mut lines = String::new();
    let text = "x".repeat(1000);
    writeln!(lines, "{}", Event::text_start("m").to_json()).unwrap();
    for _ in 0..MANY {
        writeln!(lines, "{}", Event::text_content("m", &text).to_json()).unwrap();
    }
    writeln!(lines, "{}", Event::text_end("m").to_json()).unwrap();
    writeln!(lines, r#"{{"type":"RUN_FINISHED","threadId":"t","runId":"r"}}"#).unwrap();
    let process = world.process();
    fs::create_dir_all(world.path("volume/workspace")).unwrap();
    fs::write(world.path("volume/workspace/lines"), lines).unwrap();
    let begun = Instant::now();
    drop(start(&process.client, &world).await);
    let readers = (0..CLIENTS).map(|_| {
        let client = process.client.clone();
        tokio::spawn(async move {
            let frames = client.events(0).await.unwrap();
            frames.fold(0_usize, |seen, frame| async move { seen + usize::from(frame.is_ok()) }).await
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut seen = 0;
    for reader in readers {
        seen += reader.await.unwrap();
    }
    let took = begun.elapsed();
    let done = outcome(&process.client).await;
    assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
    assert!(seen > CLIENTS * MANY, "all of it was seen by all: {seen}");
    let size = fs::metadata(world.path("volume/state/events.jsonl")).unwrap().len();
    let rate = |events: usize| events as f64 / took.as_secs_f64();
    println!("log: {} events, {} MB, in {:.1} s", done.events, size / 1_000_000, took.as_secs_f64());
    println!(
        "into the log: {:.0} events/s; out to {CLIENTS} clients: {:.0} events/s",
        rate(MANY),
        rate(seen)
    );
    println!(
        "the runner's memory: {:.1} MiB at most, {:.1} MiB at the end",
        kilobytes(&process, "VmHWM") as f64 / 1024.0,
        kilobytes(&process, "VmRSS") as f64 / 1024.0
    );
    let begun = Instant::now();
    let joined = process.client.join(None).await.unwrap();
    let told =
        joined.fold(0_usize, |told, frame| async move { told + frame.map_or(0, |frame| frame.data.len()) });
    println!("who joins then is told {} KB after {:.1} s", told.await / 1000, begun.elapsed().as_secs_f64());
    println!("the runner's memory: {:.1} MiB at most", kilobytes(&process, "VmHWM") as f64 / 1024.0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn from_the_start_to_the_first_event() {
    let first = Event::text_start("m").to_json();
    let script = format!("echo '{first}'; exec sleep 60");
    let mut through = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..STARTS {
        let world = world(&script);
        let process = world.process();
        // The workspace is ready then.
        while process.client.capabilities().await.is_err() {}
        let ready = || async { process.client.events(0).await.is_ok() };
        assert!(ready().await);
        tokio::time::timeout(Duration::from_secs(30), world.is_prepared()).await.unwrap();
        let begun = Instant::now();
        let mut turn = start(&process.client, &world).await;
        wait_for(&mut turn, |frame| frame.data.contains("TEXT_MESSAGE_START")).await;
        through.push(begun.elapsed());
        bare.push(until_first_line(&script));
    }
    println!("from POST / to the agent's first event: {}", spread(&mut through));
    println!("the same program, started bare, to its first line: {}", spread(&mut bare));
}

fn until_first_line(script: &str) -> Duration {
    let begun = Instant::now();
    let mut child = Command::new("/bin/sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let took = begun.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    took
}

fn spread(times: &mut [Duration]) -> String {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    format!("p50 {:.1} ms, p99 {:.1} ms (n={})", at(50), at(99), times.len())
}
