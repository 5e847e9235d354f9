use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use ambient_protocol::{Event, RunAgentInput};
use ambient_redaction::Redactor;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn open(path: &Path) -> (EventLog, Vec<String>) {
    let mut lines = Vec::new();
    let log = EventLog::open(path, |line| lines.push(line.to_owned())).unwrap();
    (log, lines)
}

async fn read(log: &EventLog, after: u64) -> Vec<(u64, String)> {
    let mut reader = log.read_after(after).await.unwrap();
    let mut all = Vec::new();
    loop {
        match reader.next(PATIENCE).await.unwrap() {
            Next::Lines(lines) => all.extend(lines),
            Next::Sealed(_) => return all,
            Next::Quiet => panic!("the log went quiet"),
        }
    }
}

#[tokio::test]
async fn a_reader_may_join_anywhere_and_sees_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(&folder.path().join("events.jsonl"));
    for number in 1..=600 {
        assert_eq!(log.append(&Event::text_content("m", &number.to_string())).unwrap(), number);
    }
    log.seal();
    let all = read(&log, 0).await;
    assert_eq!(all.len(), 600);
    for after in [1, 255, 256, 257, 511, 512, 599, 600] {
        assert_eq!(read(&log, after).await, all[usize::try_from(after).unwrap()..], "after {after}");
    }
    assert!(matches!(log.append(&Event::text_end("m")), Err(LogError::Sealed)));
}

#[tokio::test]
async fn a_reader_follows_what_is_appended_later() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(&folder.path().join("events.jsonl"));
    let following = tokio::spawn({
        let log = log.clone();
        async move { read(&log, 0).await }
    });
    for _ in 0..50 {
        log.append(&Event::text_start("m")).unwrap();
        tokio::task::yield_now().await;
    }
    log.seal();
    assert_eq!(following.await.unwrap().len(), 50);
}

#[test]
fn a_torn_last_line_is_cut_and_the_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let (log, _) = open(&path);
    log.append(&Event::text_start("m")).unwrap();
    log.append(&Event::text_end("m")).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    for cut in 1..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (log, lines) = open(&path);
        let kept = whole[..cut].matches('\n').count();
        assert_eq!(lines.len(), kept, "cut {cut}");
        let expected = u64::try_from(kept).unwrap() + 1;
        assert_eq!(log.append(&Event::text_end("again")).unwrap(), expected, "cut {cut}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.lines().all(|line| Event::parse(line).is_ok()), "cut {cut}: {text}");
    }
}

#[test]
fn the_digest_covers_the_file_also_after_opening_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let (log, _) = open(&path);
    log.append(&Event::text_start("m")).unwrap();
    let (again, _) = open(&path);
    assert_eq!(log.digest(), again.digest());
    again.append(&Event::text_end("m")).unwrap();
    assert_ne!(log.digest(), again.digest());
}

#[test]
fn a_recorder_takes_up_an_interrupted_turn_and_can_close_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut recorder = Recorder::open(&path, Redactor::default()).unwrap();
    recorder.record(Event::run_started(RunAgentInput::prompt("t", "r", "hi"))).unwrap();
    recorder.record(Event::text_start("m")).unwrap();
    recorder.record(Event::text_content("m", "half")).unwrap();
    drop(recorder);
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"type\":\"TEXT_").unwrap();

    let mut recorder = Recorder::open(&path, Redactor::default()).unwrap();
    assert!(
        recorder.is_active()
            && recorder.facts().ending().is_none()
            && recorder.facts().started_at().is_some()
    );
    assert_eq!(recorder.facts().last_text(), "half");
    recorder.close_open().unwrap();
    recorder.record(Event::run_error("AgentCrashed", "cut off", vec![])).unwrap();
    assert!(!recorder.is_active() && recorder.facts().ending().is_some());
    let text = fs::read_to_string(&path).unwrap();
    let mut verifier = ambient_protocol::Verifier::default();
    text.lines().for_each(|line| verifier.accept(&Event::parse(line).unwrap()).unwrap());
    assert_eq!(text.lines().count(), 5);
}

#[test]
fn an_event_that_breaks_the_rules_is_kept_as_raw() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut recorder = Recorder::open(&path, Redactor::default()).unwrap();
    recorder.record(Event::run_started(RunAgentInput::prompt("t", "r", "hi"))).unwrap();
    recorder.record(Event::text_end("never-opened")).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().last().unwrap().contains("never-opened"));
    assert!(text.lines().last().unwrap().starts_with("{\"type\":\"RAW\""), "{text}");
}
