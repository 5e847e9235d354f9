use tempfile::TempDir;

use super::*;

/// Generous: only something broken reaches it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

fn world() -> (TempDir, Terminals) {
    let folder = tempfile::tempdir().unwrap();
    let environment = BTreeMap::from([
        ("PATH".to_owned(), OsString::from("/usr/bin:/bin")),
        ("GREETING".to_owned(), OsString::from("agent")),
    ]);
    let terminals = Terminals {
        files: Files::open(folder.path()).unwrap(),
        environment,
        directory: folder.path().to_owned(),
        mark: "mark".to_owned(),
        confinement: None,
        table: Mutex::default(),
    };
    (folder, terminals)
}

fn create(terminals: &Terminals, request: Value) -> Result<TerminalRequest, RpcError> {
    let created = terminals.create(&serde_json::from_value(request).unwrap())?;
    Ok(serde_json::from_value(created).unwrap())
}

async fn ended(terminals: &Terminals, terminal: &TerminalRequest) -> Value {
    tokio::time::timeout(PATIENCE, terminals.wait(terminal)).await.unwrap().unwrap()
}

#[tokio::test]
async fn commands_run_with_the_agents_environment_in_the_workspace() {
    let (folder, terminals) = world();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let shell = |script: &str| json!({"command": "sh", "args": ["-c", script]});
    let mut elsewhere = shell("pwd");
    elsewhere["cwd"] = json!(folder.path().join("sub"));
    let mut named = shell("echo $GREETING $OWN $AMBIENT_RUN $HOME");
    named["env"] = json!([{"name": "OWN", "value": "own"}, {"name": "AMBIENT_RUN", "value": "forged"}]);
    let sub = format!("{}\n", folder.path().join("sub").canonicalize().unwrap().display());
    let cases = [
        (shell("echo out; echo err >&2"), "out\nerr\n", json!({"exitCode": 0, "signal": null})),
        (named, "agent own mark\n", json!({"exitCode": 0, "signal": null})),
        (elsewhere, sub.as_str(), json!({"exitCode": 0, "signal": null})),
        (json!({"command": "echo a line; exit 3"}), "a line\n", json!({"exitCode": 3, "signal": null})),
        (shell("kill -TERM $$"), "", json!({"exitCode": null, "signal": "SIGTERM"})),
    ];
    for (request, output, end) in cases {
        let terminal = create(&terminals, request.clone()).unwrap();
        assert_eq!(ended(&terminals, &terminal).await, end, "{request}");
        let told = terminals.output(&terminal).unwrap();
        assert_eq!((told["output"].as_str(), &told["exitStatus"]), (Some(output), &end), "{request}");
    }
}

#[tokio::test]
async fn folders_elsewhere_and_unknown_programs_are_refused() {
    let (folder, terminals) = world();
    std::os::unix::fs::symlink("/", folder.path().join("root")).unwrap();
    for cwd in ["/".into(), folder.path().join(".."), folder.path().join("root")] {
        assert!(create(&terminals, json!({"command": "pwd", "cwd": cwd})).is_err(), "{}", cwd.display());
    }
    let error = create(&terminals, json!({"command": "/nowhere/x"})).unwrap_err();
    assert!(error.message.contains("/nowhere/x"), "{error}");
    assert!(terminals.output(&TerminalRequest { terminal_id: "7".to_owned() }).is_err());
}

#[tokio::test]
async fn a_killed_terminal_can_be_read_and_a_released_one_only_shown() {
    let (_folder, terminals) = world();
    let script = "echo begun; sleep 600 & sleep 600";
    let terminal = create(&terminals, json!({"command": "sh", "args": ["-c", script]})).unwrap();
    terminals.kill(&terminal).unwrap();
    assert_eq!(ended(&terminals, &terminal).await["signal"], "SIGKILL");
    assert!(terminals.output(&terminal).is_ok());
    terminals.release(&terminal).unwrap();
    assert!(terminals.output(&terminal).is_err() && terminals.kill(&terminal).is_err());
    assert!(terminals.shown(&terminal.terminal_id).is_some());
}

#[tokio::test]
async fn terminals_are_bounded_until_they_are_released() {
    let (_folder, terminals) = world();
    let sleep = || create(&terminals, json!({"command": "sleep", "args": ["600"]}));
    let all: Vec<_> = (0..MOST_TERMINALS).map(|_| sleep().unwrap()).collect();
    assert!(sleep().unwrap_err().message.contains("no more than"));
    terminals.release(&all[0]).unwrap();
    sleep().unwrap();
}
