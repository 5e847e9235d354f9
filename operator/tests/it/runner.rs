//! A runner that speaks the runner protocol and does what the test says.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use ambient_operator::AGUI_PORT;
use ambient_protocol::answers::TOOL_CALL;
use ambient_protocol::effective::ContextItem;
use ambient_protocol::events::{Event, Interrupt, RunOutcome};
use ambient_protocol::input::RunAgentInput;
use ambient_protocol::outcome::{Bundle, DiffStat, ExitReason, Outcome, RepositoryOutcome};
use ambient_protocol::run::RunKey;
use ambient_protocol::sse::Frame;
use ambient_protocol::token::{Scope, Verifier};
use ambient_protocol::usage::Usage;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::node::Manners;
use crate::repository::AgentCommit;
use crate::world::in_time;

/// A runner. It serves until it is acknowledged, or its pod goes.
#[derive(Clone)]
pub(crate) struct Runner {
    pub(crate) address: String,
    pub(crate) gone: CancellationToken,
    desk: Desk,
}

/// What a runner is made for.
pub(crate) struct Assignment {
    pub(crate) key: RunKey,
    pub(crate) attempt: u32,
    pub(crate) session_uid: String,
    pub(crate) public_keys: String,
    pub(crate) manners: Manners,
    /// Whether the claim of the run is on the remote now.
    pub(crate) is_claimed: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// What happened to a runner.
#[derive(Clone, Default)]
pub(crate) struct Story {
    /// Run ids of the turns that were started, each with whether the claim was on the remote.
    pub(crate) starts: Vec<(String, bool)>,
    /// What was asked for, each time a turn was.
    pub(crate) asked: Vec<String>,
    /// What it was told beside that.
    pub(crate) told: Vec<ContextItem>,
    /// How often a stop was asked for.
    pub(crate) stops: usize,
    is_broken_off: bool,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) is_acknowledged: bool,
    lines: Vec<String>,
    bundle: Vec<u8>,
}

#[derive(Clone)]
struct Desk {
    assignment: Arc<Assignment>,
    verifier: Arc<Verifier>,
    story: watch::Sender<Story>,
}

impl Runner {
    /// Starts one on a loopback address of its own: the port is the protocol's, so the address is what is free.
    pub(crate) async fn start(assignment: Assignment) -> Self {
        let listener = free_address().await;
        let address = listener.local_addr().unwrap().ip().to_string();
        let verifier = Verifier::new(&assignment.session_uid, &assignment.public_keys).unwrap();
        let desk = Desk {
            assignment: Arc::new(assignment),
            verifier: Arc::new(verifier),
            story: watch::Sender::new(Story::default()),
        };
        let router = Router::new()
            .route("/", post(start))
            .route("/events", get(events))
            .route("/stop", post(stop))
            .route("/outcome", get(outcome))
            .route("/outcome/bundles/{name}", get(bundle))
            .route("/outcome/ack", post(acknowledge))
            .with_state(desk.clone());
        let gone = CancellationToken::new();
        let ended = gone.clone();
        tokio::spawn(async move {
            // Not graceful: open streams end with the process.
            tokio::select! {
                served = axum::serve(listener, router) => served.unwrap(),
                () = ended.cancelled() => {}
            }
        });
        Self { address, gone, desk }
    }

    /// Waits until the story is so.
    pub(crate) async fn until(&self, what: &str, holds: impl FnMut(&Story) -> bool) -> Story {
        let mut story = self.desk.story.subscribe();
        let story = in_time(&format!("the runner {what}"), story.wait_for(holds)).await;
        story.unwrap().clone()
    }

    /// Waits until its first turn is started.
    pub(crate) async fn is_started(&self) {
        self.until("is started", |story| !story.starts.is_empty()).await;
    }

    /// Waits until it is told that it may go.
    pub(crate) async fn is_acknowledged(&self) {
        self.until("is acknowledged", |story| story.is_acknowledged).await;
    }

    /// The same, however long that takes.
    pub(crate) async fn is_acknowledged_some_day(&self) {
        let mut story = self.desk.story.subscribe();
        // It cannot fail: the sender is ours.
        let _ = story.wait_for(|story| story.is_acknowledged).await;
    }

    pub(crate) fn story(&self) -> Story {
        self.desk.story.borrow().clone()
    }

    /// Ends the agent's work, with nothing left in a repository.
    pub(crate) fn end(&self, exit: ExitReason) {
        self.desk.end(exit, None);
    }

    /// Ends the agent's work as a person does who breaks its turn off.
    pub(crate) fn is_broken_off(&self) {
        self.desk.story.send_modify(|story| story.is_broken_off = true);
        self.desk.end(ExitReason::Stopped, None);
    }

    /// Ends the turn with a question.
    pub(crate) fn asks(&self, question: &str) {
        let interrupt = Interrupt { message: Some(question.to_owned()), ..Interrupt::new("q1", TOOL_CALL) };
        self.desk.finish_turn(RunOutcome::Interrupt { interrupts: vec![interrupt] });
    }

    /// Ends the turn, and not the run.
    pub(crate) fn waits_for_a_message(&self) {
        self.desk.finish_turn(RunOutcome::Success { pending_tool_call_ids: Vec::new() });
    }

    /// Begins the next turn, as an answer or a message would.
    pub(crate) fn goes_on(&self, turn: &str) {
        let input = RunAgentInput::prompt(&self.desk.assignment.session_uid, turn, "go on");
        self.desk.say(Event::run_started(input));
    }

    /// Ends the agent's work with a commit.
    pub(crate) fn complete_with(&self, commit: &AgentCommit) {
        self.desk.end(ExitReason::Completed, Some(commit));
    }
}

impl Desk {
    fn say(&self, event: Event) {
        let timestamp = Some(ambient_kit::now().as_millisecond());
        self.story.send_modify(|story| story.lines.push(Event { timestamp, ..event }.to_json()));
    }

    fn finish_turn(&self, outcome: RunOutcome) {
        let run_id = self.assignment.key.attempt(self.assignment.attempt).to_string();
        self.say(Event::run_finished(&self.assignment.session_uid, &run_id, None, outcome, Vec::new()));
    }

    fn end(&self, exit: ExitReason, commit: Option<&AgentCommit>) {
        let key = self.assignment.key.clone();
        let is_earlier = self.assignment.manners == Manners::LeftBehind;
        let attempt = self.assignment.attempt - u32::from(is_earlier);
        let run_id = key.attempt(attempt).to_string();
        let now = ambient_kit::now();
        let success = RunOutcome::Success { pending_tool_call_ids: Vec::new() };
        self.story.send_modify(|story| {
            if story.outcome.is_some() {
                return;
            }
            let thread = &self.assignment.session_uid;
            story.lines.extend(
                [
                    Event::text_start("m"),
                    Event::text_content("m", "done"),
                    Event::text_end("m"),
                    Event::run_finished(thread, &run_id, None, success, Vec::new()),
                ]
                .map(|event| event.to_json()),
            );
            story.bundle = commit.map(|commit| commit.bytes.clone()).unwrap_or_default();
            story.outcome = Some(Outcome {
                run: key,
                attempt,
                exit,
                message: String::new(),
                // It was not asked to: then it is its pod that ends.
                with_its_pod: exit == ExitReason::Stopped && story.stops == 0 && !story.is_broken_off,
                summary: "done".to_owned(),
                model: None,
                usage: Usage { input_tokens: 7, ..Usage::default() },
                started_at: now,
                ended_at: now,
                repositories: commit.map(left).into_iter().collect(),
                events: story.lines.len() as u64,
                events_digest: digest(text(&story.lines).as_bytes()),
                redactions: 0,
            });
        });
    }

    #[expect(clippy::result_large_err, reason = "the answer itself")]
    fn refuse(&self, headers: &HeaderMap, scope: Scope) -> Result<(), Response> {
        let token =
            headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let verified = self.verifier.verify(token.unwrap_or_default(), scope);
        verified.map(drop).map_err(|error| (StatusCode::UNAUTHORIZED, error.to_string()).into_response())
    }
}

async fn start(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Json(input): Json<RunAgentInput>,
) -> Result<Response, Response> {
    desk.refuse(&headers, Scope::Run)?;
    let is_claimed = (desk.assignment.is_claimed)();
    let mut is_first = false;
    desk.story.send_modify(|story| {
        story.asked.push(input.last_user_text().unwrap_or_default());
        story.told.extend(input.context.clone());
        is_first = !story.starts.iter().any(|(run_id, _)| *run_id == input.run_id);
        if is_first {
            story.starts.push((input.run_id.clone(), is_claimed));
            let timestamp = Some(ambient_kit::now().as_millisecond());
            story.lines.push(Event { timestamp, ..Event::run_started(input) }.to_json());
        }
    });
    let status = if is_first { StatusCode::OK } else { StatusCode::CONFLICT };
    Ok(status.into_response())
}

#[derive(serde::Deserialize)]
struct Cursor {
    after: u64,
}

async fn events(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Query(cursor): Query<Cursor>,
) -> Result<Response, Response> {
    desk.refuse(&headers, Scope::Read)?;
    let story = desk.story.subscribe();
    let frames = stream::unfold(Some((story, cursor.after)), |state| async move {
        let (mut story, after) = state?;
        let news = story.wait_for(|story| story.lines.len() as u64 > after || story.outcome.is_some());
        let news = news.await.ok()?.clone();
        let line = usize::try_from(after).ok().and_then(|after| news.lines.get(after));
        let (frame, next) = match line {
            Some(line) => (Frame::event(after + 1, line), Some((story, after + 1))),
            None => (Frame::sealed(after), None),
        };
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(frame.encode())), next))
    });
    Ok(([("content-type", "text/event-stream")], Body::from_stream(frames)).into_response())
}

async fn stop(State(desk): State<Desk>, headers: HeaderMap) -> Result<Response, Response> {
    desk.refuse(&headers, Scope::Control)?;
    desk.story.send_modify(|story| story.stops += 1);
    match desk.assignment.manners {
        Manners::Deaf => {}
        Manners::LeftBehind => desk.end(ExitReason::Completed, None),
        Manners::Good | Manners::Stubborn => desk.end(ExitReason::Stopped, None),
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn outcome(State(desk): State<Desk>, headers: HeaderMap) -> Result<Response, Response> {
    desk.refuse(&headers, Scope::Outcome)?;
    let outcome = desk.story.borrow().outcome.clone();
    Ok(outcome
        .map_or_else(|| StatusCode::NO_CONTENT.into_response(), |outcome| Json(outcome).into_response()))
}

async fn bundle(
    State(desk): State<Desk>,
    headers: HeaderMap,
    Path(_): Path<String>,
) -> Result<Response, Response> {
    desk.refuse(&headers, Scope::Outcome)?;
    Ok(desk.story.borrow().bundle.clone().into_response())
}

async fn acknowledge(State(desk): State<Desk>, headers: HeaderMap) -> Result<Response, Response> {
    desk.refuse(&headers, Scope::Outcome)?;
    if desk.assignment.manners == Manners::Stubborn {
        return Err((StatusCode::INTERNAL_SERVER_ERROR, "it will not go").into_response());
    }
    desk.story.send_modify(|story| story.is_acknowledged = true);
    Ok(StatusCode::ACCEPTED.into_response())
}

fn left(commit: &AgentCommit) -> RepositoryOutcome {
    RepositoryOutcome {
        name: "it".to_owned(),
        base: commit.base.clone(),
        head: Some(commit.head.clone()),
        commits: 1,
        committed_leftovers: false,
        diff: DiffStat { files: 1, insertions: 1, deletions: 0 },
        bundle: Some(Bundle {
            reference: commit.reference.clone(),
            size: commit.bytes.len() as u64,
            digest: digest(&commit.bytes),
        }),
        ignored: Vec::new(),
        left_out: Vec::new(),
        other_lines: Vec::new(),
        withheld: None,
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Where all of 127.0.0.0/8 is the loopback interface, each runner has an address of its own.
pub(crate) async fn free_address() -> TcpListener {
    for _ in 0..256 {
        let [first, second, third, ..] = random_bytes();
        let address = Ipv4Addr::new(127, first.max(1), second, third.clamp(1, 254));
        if let Ok(listener) = TcpListener::bind(SocketAddr::V4(SocketAddrV4::new(address, AGUI_PORT))).await {
            return listener;
        }
    }
    panic!("no loopback address has port {AGUI_PORT} free");
}

/// Bytes that differ each time, from the hasher's random keys.
fn random_bytes() -> [u8; 8] {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0_u8).to_le_bytes()
}
