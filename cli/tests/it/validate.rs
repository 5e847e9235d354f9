//! `ambient validate`, as it is typed before a commit.

use std::process::Output;

use crate::ambient::World;

/// A repository's folder with a bit of everything.
fn world() -> World {
    let world = World::new();
    let session = |name: &str, spec: &str| {
        format!(
            "apiVersion: vteam.ambient-code/v1alpha1\nkind: AgenticSession\nmetadata: {{name: {name}, namespace: demo}}\nspec:\n{spec}"
        )
    };
    world.write("ambient/sessions/good.yaml", &session("good", "  initialPrompt: hello\n"));
    world.write("ambient/sessions/old.yaml", &session("old", "  initialPrompt: hello\n  project: demo\n"));
    world
        .write("ambient/sessions/bad.yaml", &session("bad", "  timeOut: 60\n  repos:\n    - branch: main\n"));
    world.write("ambient/sessions/twice.json", &session("good", "  runs: 2\n"));
    world.write("ambient/sessions/package.json", r#"{"name": "web", "dependencies": {"kind-of": "6"}}"#);
    world.write(
        "ambient/broken.yml",
        "kind: [\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: demo}\n",
    );
    world.write(
        "ambient/project.yaml",
        "apiVersion: vteam.ambient-code/v1alpha1\nkind: Project\nmetadata: {name: demo}\nspec: {}\n",
    );
    world.write("ambient/.hidden.yaml", "kind: [");
    world.write("ambient/.github/workflow.yaml", "kind: [");
    world.write("ambient/other/.git", "gitdir: elsewhere");
    world.write("ambient/other/deployment.yaml", "kind: [");
    world.write("ambient/README.md", "# Sessions");
    std::os::unix::fs::symlink("good.yaml", world.path("ambient/sessions/link.yaml")).unwrap();
    world
}

fn validate(world: &World, arguments: &[&str]) -> Output {
    world.ambient(arguments).current_dir(world.path("")).output().unwrap()
}

fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().unwrap();
    format!("{}--- standard error\n{}--- exit code {code}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn findings_stand_where_they_are() {
    let output = validate(&world(), &["validate", "ambient"]);
    insta::assert_snapshot!(shown(&output));
}

#[test]
fn programs_get_the_same_as_one_object() {
    let output = validate(&world(), &["validate", "-o", "json", "./ambient/sessions"]);
    assert!(output.stderr.is_empty() && output.status.code() == Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_json_snapshot!(report);
}

#[test]
fn a_projects_own_source_may_hold_less() {
    let world = world();
    let files = ["validate", "ambient/project.yaml", "ambient/sessions/good.yaml", "--project"];
    let own = validate(&world, &[files.as_slice(), &["demo"]].concat());
    let other = validate(&world, &[files.as_slice(), &["shop"]].concat());
    insta::assert_snapshot!(format!("{}\n\n{}", shown(&own), shown(&other)));
}

#[test]
fn good_manifests_end_well_and_nothing_is_no_manifest() {
    let world = world();
    let good = validate(&world, &["validate", "ambient/project.yaml", "ambient/sessions/old.yaml"]);
    std::fs::create_dir(world.path("empty")).unwrap();
    let empty = validate(&world, &["validate", "empty"]);
    let missing = validate(&world, &["validate", "ambient", "typo"]);
    insta::assert_snapshot!([shown(&good), shown(&empty), shown(&missing)].join("\n\n"));
}
