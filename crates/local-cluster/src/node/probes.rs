//! Readiness probes: asked at once and often until the first success, then at their period.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use k8s_openapi::{
    api::core::v1::{Container, HTTPGetAction, Pod, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};
use tokio::{process::Command, sync::watch, task::JoinSet};

use super::{
    events::{Events, PodEvent},
    status::Readiness,
};
use crate::shim::{ContainerRecord, ContainerReport, PodRecord, PodReport};

/// The pause after the first question that was not answered well; it doubles up to the probe's period.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The probes of one pod. They end when this is dropped.
pub(crate) struct Probes {
    pod: Pod,
    address: String,
    events: Events,
    results: watch::Sender<Readiness>,
    /// Probes of running instances, by the container's name.
    tasks: BTreeMap<String, (u32, JoinSet<()>)>,
}

impl Probes {
    /// No probes so far, and where their results can be seen.
    pub(crate) fn new(pod: Pod, address: String, events: Events) -> (Self, watch::Receiver<Readiness>) {
        let (results, seen) = watch::channel(Readiness::new());
        (Self { pod, address, events, results, tasks: BTreeMap::new() }, seen)
    }

    /// Probes the containers that run, and no others.
    pub(crate) fn follow(&mut self, report: &PodReport, record: &PodRecord) {
        let running = |name: &str| report.containers.get(name).filter(|known| known.is_running());
        let results = &self.results;
        self.tasks.retain(|name, (instance, _)| {
            let same = running(name).is_some_and(|known| known.restarts == *instance);
            if !same {
                results.send_if_modified(|results| results.remove(name).is_some());
            }
            same
        });
        let spec = self.pod.spec.clone().unwrap_or_default();
        for container in spec.init_containers.iter().flatten().chain(&spec.containers) {
            if let (Some(probe), Some(known)) = (&container.readiness_probe, running(&container.name)) {
                self.start(container, probe, known, record.container(&container.name));
            }
        }
    }

    fn start(
        &mut self,
        container: &Container,
        probe: &Probe,
        known: &ContainerReport,
        record: Option<&ContainerRecord>,
    ) {
        if self.tasks.contains_key(&container.name) {
            return;
        }
        let question = question(container, probe, record, &self.address);
        let (results, events, pod) = (self.results.clone(), self.events.clone(), self.pod.clone());
        let (name, timing) = (container.name.clone(), Timing::of(probe));
        let mut task = JoinSet::new();
        task.spawn(async move {
            ask_for_ever(&question, timing, |ready, failure| {
                if let Some(why) = failure {
                    let note = format!("Readiness probe failed: {why}");
                    events.tell(&pod, [PodEvent::warning(Some(&name), "Unhealthy", note)]);
                }
                results.send_if_modified(|results| results.insert(name.clone(), ready) != Some(ready));
            })
            .await;
        });
        self.tasks.insert(container.name.clone(), (known.restarts, task));
    }
}

/// When a probe is asked, and what makes it change its verdict.
#[derive(Clone, Copy, Debug)]
struct Timing {
    delay: Duration,
    period: Duration,
    timeout: Duration,
    successes: u32,
    failures: u32,
}

impl Timing {
    fn of(probe: &Probe) -> Self {
        let number = |value: Option<i32>, usual: u32| {
            value.and_then(|value| u32::try_from(value).ok()).unwrap_or(usual)
        };
        let seconds = |value, usual: u32| Duration::from_secs(number(value, usual).max(1).into());
        Self {
            delay: Duration::from_secs(number(probe.initial_delay_seconds, 0).into()),
            period: seconds(probe.period_seconds, 10),
            timeout: seconds(probe.timeout_seconds, 1),
            successes: number(probe.success_threshold, 1).max(1),
            failures: number(probe.failure_threshold, 3).max(1),
        }
    }
}

/// A probe's answers so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    is_ready: bool,
    was_ready: bool,
    successes: u32,
    failures: u32,
    asked: u32,
}

impl Verdict {
    fn take(&mut self, is_good: bool, timing: Timing) {
        self.asked = self.asked.saturating_add(1);
        (self.successes, self.failures) =
            if is_good { (self.successes + 1, 0) } else { (0, self.failures + 1) };
        if is_good && self.successes >= timing.successes {
            (self.is_ready, self.was_ready) = (true, true);
        } else if !is_good && self.failures >= timing.failures {
            self.is_ready = false;
        }
    }

    /// How long until the next question.
    fn pause(&self, timing: Timing) -> Duration {
        if self.was_ready {
            return timing.period;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.asked - 1).unwrap_or(u32::MAX));
        doubled.min(timing.period)
    }
}

/// Asks until it is dropped, and tells the verdict; of failures, only those at the probe's own pace.
async fn ask_for_ever(question: &Question, timing: Timing, mut tell: impl FnMut(bool, Option<&str>)) {
    tokio::time::sleep(timing.delay).await;
    let mut verdict = Verdict::default();
    loop {
        let answer = tokio::time::timeout(timing.timeout, question.ask()).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {:?}", timing.timeout)));
        verdict.take(answer.is_ok(), timing);
        let pause = verdict.pause(timing);
        let failure = answer.as_ref().err().filter(|_| pause == timing.period);
        tell(verdict.is_ready, failure.map(String::as_str));
        tokio::time::sleep(pause).await;
    }
}

/// What a probe asks.
enum Question {
    Http {
        url: String,
        headers: Vec<(String, String)>,
    },
    Tcp {
        host: String,
        port: u16,
    },
    Command {
        words: Vec<String>,
        record: Box<ContainerRecord>,
    },
    /// It cannot be asked.
    Never(String),
}

fn question(
    container: &Container,
    probe: &Probe,
    record: Option<&ContainerRecord>,
    address: &str,
) -> Question {
    let host_or = |host: &Option<String>| host.clone().unwrap_or_else(|| address.to_owned());
    let no_port = |port: &IntOrString| Question::Never(format!("the container has no port {port:?}"));
    if let Some(get) = &probe.http_get {
        return match port_number(container, &get.port) {
            Some(port) => http_question(get, &host_or(&get.host), port),
            None => no_port(&get.port),
        };
    }
    if let Some(socket) = &probe.tcp_socket {
        return match port_number(container, &socket.port) {
            Some(port) => Question::Tcp { host: host_or(&socket.host), port },
            None => no_port(&socket.port),
        };
    }
    match record.and_then(|record| Some((record.readiness_command.clone()?, record.clone()))) {
        Some((words, record)) => Question::Command { words, record: Box::new(record) },
        None => Question::Never("this node asks by HTTP, TCP and commands only".to_owned()),
    }
}

fn http_question(get: &HTTPGetAction, host: &str, port: u16) -> Question {
    if get.scheme.as_deref().is_some_and(|scheme| scheme != "HTTP") {
        return Question::Never("this node does not ask by HTTPS".to_owned());
    }
    let path = get.path.as_deref().unwrap_or("/");
    let headers = get.http_headers.iter().flatten();
    let headers = headers.map(|header| (header.name.clone(), header.value.clone())).collect();
    Question::Http { url: format!("http://{host}:{port}/{}", path.trim_start_matches('/')), headers }
}

fn port_number(container: &Container, port: &IntOrString) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            let named = container.ports.iter().flatten().find(|port| port.name.as_ref() == Some(name))?;
            u16::try_from(named.container_port).ok()
        }
    }
}

impl Question {
    async fn ask(&self) -> Result<(), String> {
        match self {
            Self::Http { url, headers } => ask_http(url, headers).await,
            Self::Tcp { host, port } => {
                let connected = tokio::net::TcpStream::connect((host.as_str(), *port)).await;
                connected.map(drop).map_err(|error| format!("dial tcp {host}:{port}: {error}"))
            }
            Self::Command { words, record } => ask_command(words, record).await,
            Self::Never(why) => Err(why.clone()),
        }
    }
}

async fn ask_http(url: &str, headers: &[(String, String)]) -> Result<(), String> {
    let failed = |why: &dyn std::fmt::Display| format!("Get \"{url}\": {why}");
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::get(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::new()).map_err(|error| failed(&error))?;
    let response = client.request(request).await.map_err(|error| failed(&cause(&error)))?;
    match response.status().as_u16() {
        200..400 => Ok(()),
        code => Err(format!("HTTP probe failed with statuscode: {code}")),
    }
}

/// The innermost cause of an error: what a person can act on.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

async fn ask_command(words: &[String], record: &ContainerRecord) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("the probe's command is empty")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&record.environment).current_dir(&record.directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let status = command.status().await.map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        delay: Duration::ZERO,
        period: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        successes: 1,
        failures: 3,
    };

    #[test]
    fn questions_are_many_until_the_first_success() {
        let mut verdict = Verdict::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            verdict.take(false, TIMING);
            pauses.push(verdict.pause(TIMING).as_millis());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        verdict.take(true, TIMING);
        assert_eq!((verdict.is_ready, verdict.pause(TIMING)), (true, TIMING.period));
    }

    #[test]
    fn thresholds_change_the_verdict() {
        let timing = Timing { successes: 2, ..TIMING };
        let mut verdict = Verdict::default();
        let mut answered = |answers: &[bool]| -> Vec<bool> {
            let mut seen = Vec::new();
            for answer in answers {
                verdict.take(*answer, timing);
                seen.push(verdict.is_ready);
            }
            seen
        };
        assert_eq!(answered(&[true, false, true, true]), [false, false, false, true]);
        assert_eq!(answered(&[false, false, true, false]), [true; 4]);
        assert_eq!(answered(&[false, false, true, true]), [true, false, false, true]);
    }

    #[tokio::test]
    async fn questions_by_tcp_http_and_command() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = axum::Router::new().route("/good", axum::routing::get(|| async { "ok" }));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let http = |path: &str| {
            let url = format!("http://127.0.0.1:{port}{path}");
            Question::Http { url, headers: vec![("x-a".into(), "b".into())] }
        };
        assert_eq!(http("/good").ask().await, Ok(()));
        assert_eq!(http("/bad").ask().await, Err("HTTP probe failed with statuscode: 404".to_owned()));
        let tcp = Question::Tcp { host: "127.0.0.1".into(), port };
        assert_eq!(tcp.ask().await, Ok(()));
        server.abort();
        let _ = server.await;
        assert!(tcp.ask().await.unwrap_err().starts_with("dial tcp 127.0.0.1"));
        assert!(http("/good").ask().await.unwrap_err().contains("refused"));
        let record = ContainerRecord {
            name: "c".into(),
            program: "p".into(),
            arguments: Vec::new(),
            environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned()), ("A".to_owned(), "1".to_owned())]
                .into(),
            directory: "/".into(),
            sidecar: false,
            message_from_log: false,
            readiness_command: None,
        };
        let command = |script: &str| Question::Command {
            words: vec!["sh".into(), "-c".into(), script.into()],
            record: Box::new(record.clone()),
        };
        assert_eq!(command("test $A = 1").ask().await, Ok(()));
        assert!(command("exit 3").ask().await.unwrap_err().contains("exit status: 3"));
    }
}
