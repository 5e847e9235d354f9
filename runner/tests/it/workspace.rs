//! What is checked out, and what comes back.

use std::fs;

use ambient_protocol::outcome::ExitReason;
use serde_json::json;

use crate::harness::{DELIVERED, World, bundle, commit, frames, git, start};

#[tokio::test]
async fn the_patch_follows_the_files_not_the_recording() {
    let mut patches = Vec::new();
    for heading in ["# Target", "# Something else"] {
        let world = World::new(None);
        let target = world.path("target");
        fs::write(target.join("README.md"), format!("{heading}\n\nText.\n")).unwrap();
        commit(&target, "Change the heading");
        let runner = world.runner().await;
        let done = runner.run(&world).await;
        let repository = &done.repositories[0];
        let bundle = bundle(&runner.client).await;
        let meta = repository.bundle.as_ref().unwrap();
        assert_eq!(u64::try_from(bundle.len()).unwrap(), meta.size);
        fs::write(world.path("bundle"), bundle).unwrap();
        let file = world.path("bundle").to_str().unwrap().to_owned();
        git(&target, &["fetch", "--quiet", &file, &format!("{}:refs/heads/from-agent", meta.reference)]);
        assert_eq!(git(&target, &["rev-parse", "from-agent"]), *repository.head.as_ref().unwrap());
        assert_eq!(git(&target, &["rev-parse", "main"]), repository.base);
        assert_eq!((repository.commits, repository.diff.files, repository.committed_leftovers), (1, 2, true));
        patches.push(git(&target, &["diff", "main", "from-agent"]));
    }
    assert!(patches[0].contains(" # Target") && patches[1].contains(" # Something else"));
    assert!(patches.iter().all(|patch| patch.contains("+See [NOTES.md]")));
}

#[tokio::test]
async fn a_repository_may_bring_its_own_fixture() {
    let world = World::new(None);
    let target = world.path("target");
    fs::create_dir(target.join(".ambient")).unwrap();
    fs::write(target.join(".ambient/replay.yaml"), "steps: [{finish: {summary: From the repository}}]")
        .unwrap();
    commit(&target, "Bring a fixture");
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.summary, "From the repository");
    assert!(done.repositories[0].head.is_none(), "nothing was changed");
}

#[tokio::test]
async fn an_agents_own_commits_stay_and_what_it_kept_for_itself_is_taken_too() {
    let fixture = "steps:\n- effect: {append: {path: README.md, content: more}}\n- effect: {commit: {message: Mine}}\n\
                   - effect: {write: {path: own/left.txt, content: left}}\n- effect: {close: {path: own/left.txt}}\n\
                   - effect: {close: {path: own}}\n- finish: {summary: Done}\n";
    for world in World::both(Some(fixture)) {
        let done = world.runner().await.run(&world).await;
        let repository = &done.repositories[0];
        assert_eq!(
            (done.exit, repository.commits, repository.committed_leftovers),
            (ExitReason::Completed, 2, true)
        );
        assert_eq!(world.collected(&["log", "--format=%s", "-1", &format!("{DELIVERED}~1")]), "Mine");
        assert_eq!(world.delivered("own/left.txt"), "left");
    }
}

#[tokio::test]
async fn ignored_files_are_listed_and_not_committed() {
    let fixture = "steps:\n- effect: {write: {path: build/big.o, content: x}}\n\
                   - effect: {write: {path: 'a b/ü.txt', content: y}}\n- finish: {summary: Done}\n";
    let world = World::new(Some(fixture));
    let done = world.runner().await.run(&world).await;
    let repository = &done.repositories[0];
    assert_eq!(repository.ignored, ["build/"]);
    assert_eq!(
        world.collected(&["-c", "core.quotePath=false", "show", "--name-only", "--format=", DELIVERED]),
        "a b/ü.txt"
    );
}

#[tokio::test]
async fn a_workspace_that_fails_names_repository_branch_and_cause() {
    let cases = [
        (json!({"name": "target", "url": "/nowhere/at-all", "outputBranch": "x"}), "", "/nowhere/at-all"),
        (
            json!({"name": "target", "url": null, "branch": "missing", "outputBranch": "x"}),
            "missing",
            "missing",
        ),
        (json!({"name": "../target", "url": null, "outputBranch": "x"}), "", "cannot be a folder"),
    ];
    for (repository, branch, cause) in cases {
        let mut world = World::new(None);
        let url = world.path("target");
        world.session(|session| {
            session["repositories"] = json!([repository]);
            if session["repositories"][0]["url"].is_null() {
                session["repositories"][0]["url"] = json!(url);
            }
        });
        let runner = world.runner().await;
        let turn = frames(start(&runner.client, &world).await).await;
        let done = runner.client.outcome().await.unwrap().unwrap();
        assert_eq!(done.exit, ExitReason::WorkspaceFailed);
        assert!(done.message.contains("target") && done.message.contains(branch), "{}", done.message);
        assert!(done.message.contains(cause), "{}", done.message);
        assert_eq!(world.kinds(), ["RUN_STARTED", "RUN_ERROR"]);
        assert_eq!((turn.len(), done.events), (2, 2));
        runner.client.acknowledge().await.unwrap();
        runner.ended().await.unwrap();
    }
}

#[tokio::test]
async fn paths_are_refused_unless_allowed() {
    let mut world = World::new(None);
    world.variable("AMBIENT_ALLOW_LOCAL_REPOSITORIES", "false");
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::WorkspaceFailed);
    assert!(done.message.contains("is a path of this machine"), "{}", done.message);
}

#[tokio::test]
async fn an_agent_that_destroys_its_repository_fails_by_name_and_its_files_are_taken() {
    let fixture = "steps:\n- effect: {write: {path: good.txt, content: good}}\n\
                   - effect: {remove: {path: .git/HEAD}}\n- finish: {summary: Done}\n";
    let world = World::new(Some(fixture));
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::WorkspaceFailed);
    assert!(done.message.starts_with("cannot take the changes of repository \"target\""), "{}", done.message);
    assert!(done.repositories[0].bundle.is_some());
    assert_eq!(world.delivered("good.txt"), "good");
}

#[tokio::test]
async fn what_an_agent_leaves_in_the_way_takes_nothing_from_its_work() {
    let fixture = "steps:\n- effect: {append: {path: README.md, content: more}}\n- effect: {commit: {message: Mine}}\n\
                   - effect: {write: {path: .git/index.lock, content: ''}}\n\
                   - effect: {write: {path: newproj/.git/HEAD, content: 'ref: refs/heads/main'}}\n\
                   - effect: {write: {path: newproj/own.txt, content: x}}\n\
                   - effect: {write: {path: '.GIT ', content: x}}\n\
                   - effect: {write: {path: good.txt, content: good}}\n- finish: {summary: Done}\n";
    for world in World::both(Some(fixture)) {
        let done = world.runner().await.run(&world).await;
        assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, ""));
        let left = &done.repositories[0];
        assert_eq!((left.commits, left.committed_leftovers, left.bundle.is_some()), (2, true, true));
        assert_eq!(
            left.left_out,
            [".GIT : its name is not safe to check out", "newproj: it is a repository of its own"]
        );
        assert_eq!(world.delivered("good.txt"), "good");
        assert_eq!(world.collected(&["log", "--format=%s", "-1", &format!("{DELIVERED}~1")]), "Mine");
    }
}

#[tokio::test]
async fn what_the_agent_configured_in_the_repository_is_not_used() {
    let config = "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch ../../../owned\n\
                  [filter \"x\"]\n\tclean = touch ../../../owned\n";
    let config = config.replace('\n', "\\n").replace('\t', "\\t").replace('"', "\\\"");
    let fixture = format!(
        "steps:\n- effect: {{write: {{path: .git/config, content: \"{config}\"}}}}\n\
         - effect: {{write: {{path: .gitattributes, content: '* filter=x'}}}}\n- finish: {{summary: Done}}\n"
    );
    let world = World::new(Some(&fixture));
    let done = world.runner().await.run(&world).await;
    assert_eq!(done.exit, ExitReason::Completed, "{}", done.message);
    assert!(!world.path("owned").exists());
}

#[tokio::test]
async fn a_repository_that_leads_elsewhere_is_not_worked_in() {
    let fixture = "steps:\n- effect: {write: {path: .git/commondir, content: ../../elsewhere}}\n\
                   - effect: {write: {path: NEW.md, content: new}}\n- finish: {summary: Done}\n";
    for world in World::both(Some(fixture)) {
        let done = world.runner().await.run(&world).await;
        assert_eq!(done.exit, ExitReason::WorkspaceFailed);
        assert!(done.message.contains("changed to lead elsewhere"), "{}", done.message);
    }
}

#[tokio::test]
async fn a_workflow_lies_beside_the_repositories_and_is_not_collected() {
    let cases: [(Option<&str>, &str, Option<&str>); 5] = [
        (Some("bugfix"), r#"{"name": "Bugfix", "startupPrompt": "Fix a bug."}"#, None),
        (Some("absent"), "{}", Some("there is no folder \"absent\" on the default branch of the workflow's")),
        (Some("../up"), "{}", Some("leads out of its repository")),
        (Some("bugfix"), "{", Some("cannot read bugfix/.ambient/ambient.json of the workflow")),
        (Some("bugfix"), "{}", Some("nothing says what the agent is to do")),
    ];
    for (path, description, problem) in cases {
        let mut world = World::new(Some("steps: [{finish: {summary: Done}}]"));
        let workflow = world.path("workflow");
        fs::create_dir_all(workflow.join("bugfix/.ambient")).unwrap();
        fs::write(workflow.join("bugfix/.ambient/ambient.json"), description).unwrap();
        git(&workflow, &["init", "--quiet", "--initial-branch=main"]);
        commit(&workflow, "A workflow");
        world.session(|session| {
            session["prompt"] = json!("");
            session["workflow"] = json!({"url": workflow, "path": path});
        });
        let done = world.runner().await.run(&world).await;
        match problem {
            None => assert_eq!((done.exit, done.message.as_str()), (ExitReason::Completed, "")),
            Some(problem) => {
                assert_eq!(done.exit, ExitReason::WorkspaceFailed);
                assert!(done.message.contains(problem), "{}", done.message);
                continue;
            }
        }
        let folder = world.path("volume/workspace/.workflow");
        assert!(folder.join("bugfix/.ambient/ambient.json").exists() && !folder.join(".git").exists());
        assert!(done.repositories.iter().all(|repository| repository.name != "workflow"));
    }
}
