//! From files to what is wanted.

use super::world::{git, map, session};

#[test]
fn files_become_wanted_and_refused_objects() {
    let kustomization = "{kind: Kustomization, apiVersion: kustomize.config.k8s.io/v1beta1}\n".to_owned();
    let circle = |name: &str, other: &str| {
        session(name, 1).replace("run: 1", &format!("dependsOn: [{{name: {other}}}]"))
    };
    let bad = map("b", "1").replace(" data", " dota");
    let files = |files: Vec<(&'static str, String)>| files;
    for (name, files, wanted, refused, doubtful, codes) in [
        ("plain", files(vec![("x", map("a", "1"))]), 1, 0, 0, vec![]),
        ("comments alone", files(vec![("x", "# nothing\n".into())]), 0, 0, 0, vec![]),
        ("one bad", files(vec![("x", map("a", "1") + "---\n" + &bad)]), 1, 1, 0, vec!["AMB1201"]),
        ("no YAML", files(vec![("x", "\tx: [".into()), ("y", map("a", "1"))]), 1, 0, 1, vec!["AMB1002"]),
        ("twice", files(vec![("x", map("a", "1")), ("y", map("a", "1"))]), 0, 1, 0, vec!["AMB1401"]),
        (
            "thrice",
            files(vec![("x", [map("a", "1"), map("a", "2"), map("a", "3")].join("---\n"))]),
            0,
            1,
            0,
            vec!["AMB1401", "AMB1401"],
        ),
        (
            "twice, once badly",
            files(vec![("x", map("b", "1")), ("y", bad.clone())]),
            0,
            1,
            0,
            vec!["AMB1401", "AMB1201"],
        ),
        ("foreign", files(vec![("x", kustomization)]), 0, 0, 0, vec!["AMB1102"]),
        ("nameless", files(vec![("x", "{a: b}\n".into())]), 0, 0, 1, vec!["AMB1101"]),
        ("of another program", files(vec![("x.json", "{\"a\": 1}".into())]), 0, 0, 1, vec![]),
        (
            "in a circle",
            files(vec![("x", circle("s", "t") + "---\n" + &circle("t", "s"))]),
            0,
            2,
            0,
            vec!["AMB1309", "AMB1309"],
        ),
    ] {
        let desired = git(&files);
        let found: Vec<_> = desired.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(found, codes, "{name}");
        let counts = (desired.wanted.len(), desired.refused.len(), desired.doubtful.len());
        assert_eq!(counts, (wanted, refused, doubtful), "{name}");
    }
}

#[test]
fn what_may_hide_an_object() {
    let desired = git(&[
        ("a.yaml", map("a", "1")),
        ("broken/b.yaml", "\tx: [".to_owned()),
        ("doubtful.yaml", "{a: b}\n".to_owned()),
    ]);
    for (file, hides) in [
        (Some("a.yaml"), false),
        (Some("broken/b.yaml"), true),
        (Some("doubtful.yaml"), true),
        (Some("gone.yaml"), false),
        (Some("elsewhere/b.yaml"), true),
        (Some("broken/gone.yaml"), true),
        (None, true),
    ] {
        assert_eq!(desired.may_hide(file), hides, "{file:?}");
    }
}
