//! The rights of the control plane in `deploy/kubernetes` are those its parts use: one that is missing is refused here as in
//! a real cluster, and one that nobody uses is too many.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::ambient::{Up, World, wait_for};
use crate::up::{ENDLESS, QUICK, ask, commit, ended, repository, session};

const FILES: [&str; 3] = [
    include_str!("../../../deploy/kubernetes/reconciler-git.yaml"),
    include_str!("../../../deploy/kubernetes/operator.yaml"),
    include_str!("../../../deploy/kubernetes/backend.yaml"),
];

/// Rights that this life does not use, and why they are given.
const UNUSED: &[(&str, &str)] = &[
    // In local mode the sync's clients are made for the accounts; elsewhere it impersonates them.
    ("ambient-reconciler-git", "impersonate /serviceaccounts"),
    // For repositories with credentials; the operator's own tests have some.
    ("ambient-operator", "get /secrets"),
    // For a pod that does not come up; the operator's own tests have one.
    ("ambient-operator", "list /events"),
    // For runs that sleep or are lost; the operator's own tests have some.
    ("ambient-operator", "patch /persistentvolumeclaims"),
    // For a runner that does not go by itself; the operator's own tests have one.
    ("ambient-operator", "delete batch/jobs"),
    // Asked of the roles that are bound or written, not by requests of their own.
    ("ambient-operator", "bind rbac.authorization.k8s.io/clusterroles"),
    ("ambient-operator", "bind rbac.authorization.k8s.io/roles"),
    ("ambient-operator", "escalate rbac.authorization.k8s.io/roles"),
];

/// The account by which a project's own sources are applied. What it may do is the tenant's, and more than one life uses.
const TENANT_SYNC: &str = "team:ambient-sync";

const PROJECT: &str = "apiVersion: vteam.ambient-code/v1alpha1
kind: Project
metadata: {name: team}
spec:
  allowProjectSettings: true
  deletionPolicy: Delete
  ceilings: {egress: [pypi.org]}
GROUPS
---
apiVersion: vteam.ambient-code/v1alpha1
kind: ProjectSettings
metadata: {name: projectsettings, namespace: team}
spec: {defaults: {timeout: 600}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: words, namespace: team}
data: {a: b}
---
apiVersion: vteam.ambient-code/v1alpha1
kind: GitSource
metadata: {name: more, namespace: team}
spec: {url: REPOSITORY, ref: {branch: main}, path: more, deletionPolicy: Delete}
---
apiVersion: vteam.ambient-code/v1alpha1
kind: ScheduledSession
metadata: {name: nightly, namespace: team}
spec: {schedule: 0 6 * * *, template: {}}
---
apiVersion: vteam.ambient-code/v1alpha1
kind: RFEWorkflow
metadata: {name: enhancement, namespace: team}
spec: {title: a, description: b, umbrellaRepo: {url: /srv/a.git}}
";

/// A project that is made, changed and deleted, with runs that complete, are stopped and expire.
fn live(world: &World) -> Vec<String> {
    let path = repository(world, QUICK);
    let project = |groups: &str| {
        let text = PROJECT.replace("GROUPS", groups).replace("REPOSITORY", path.to_str().unwrap());
        world.write("repository/ambient/project.yaml", &text);
    };
    project("  quota: {pods: 50}\n  groupAccess: [{groupName: devs, role: edit}]");
    world.write(
        "repository/more/words.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: others}\ndata: {a: b}\n",
    );
    commit(&path, "a whole project");
    let log = "--log=warn,ambient_local_cluster::requests=debug";
    let mut up = Up::start_with(world, &path, &[log]);
    up.wait_for_line("project team: ready");
    visit(up.said("dashboard"));
    ask(world, &path, "one");
    wait_for("the ending of one", || ended(&path, "one-r1"));
    up.wait_for_line("team/one run 1: Completed, result commit");
    let manifest = std::fs::read_to_string(world.path("repository/ambient/one.yaml")).unwrap();
    world.write("repository/ambient/one.yaml", &format!("{manifest}  ttlSecondsAfterFinished: 0\n"));
    commit(&path, "one may go");
    up.wait_for_line("team/one deleted");
    project("");
    world.write("repository/.ambient/replay.yaml", ENDLESS);
    commit(&path, "no quota, no groups");
    let two = session(&path, "two") + "  dependsOn: [{name: one}]\n";
    world.write("repository/ambient/two.yaml", &two);
    commit(&path, "two, after one");
    up.wait_for_line("team/two run 1: Running");
    std::fs::remove_file(world.path("repository/ambient/two.yaml")).unwrap();
    commit(&path, "two is not wanted any more");
    up.wait_for_line("team/two deleted");
    std::fs::remove_file(world.path("repository/ambient/project.yaml")).unwrap();
    world.write(
        "repository/ambient/other.yaml",
        "apiVersion: vteam.ambient-code/v1alpha1\nkind: Project\nmetadata: {name: other}\nspec: {}\n",
    );
    commit(&path, "the project is not wanted any more");
    up.wait_for_line("project team: deleted");
    up.signal(Signal::SIGINT);
    up.all_lines()
}

#[test]
fn the_parts_have_the_rights_they_use_and_no_others() {
    let world = World::new();
    let lines = live(&world);
    let requests: Vec<Request> = lines.iter().filter_map(|line| Request::parse(line)).collect();
    for (account, granted) in accounts() {
        let own = requests.iter().filter(|request| request.account == account);
        let refused: Vec<_> = own.clone().filter(|request| request.status == 403).collect();
        assert!(refused.is_empty(), "{account} lacks rights: {refused:?}");
        let used: BTreeSet<String> = own.flat_map(Request::rights).collect();
        assert!(!used.is_empty(), "{account} was not seen; the log is read wrongly, or it did nothing");
        let excused: BTreeSet<String> = excused(&account);
        let unused: BTreeSet<String> = granted.difference(&used).cloned().collect();
        assert_eq!(unused, excused, "{account} has rights that it does not use, or is excused in vain");
    }
    let synced: Vec<_> = requests.iter().filter(|request| request.account == TENANT_SYNC).collect();
    assert!(!synced.is_empty(), "a project's own source was applied in its name");
    let refused: Vec<_> = synced.into_iter().filter(|request| request.status == 403).collect();
    assert!(refused.is_empty(), "{TENANT_SYNC} lacks rights: {refused:?}");
}

fn excused(account: &str) -> BTreeSet<String> {
    UNUSED.iter().filter(|(of, _)| *of == account).map(|(_, right)| (*right).to_owned()).collect()
}

/// Asks the dashboard who it takes the bearer of its login token for.
fn visit(dashboard: &str) {
    let (_, address) = dashboard.split_once("http://").unwrap();
    let (address, token) = address.split_once("/?token=").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /api/me HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// One answered request of a service account.
#[derive(Debug)]
struct Request {
    /// Its name; before it the namespace where that is not `ambient-system`.
    account: String,
    verb: String,
    resource: String,
    status: u16,
}

impl Request {
    fn parse(line: &str) -> Option<Self> {
        let field = |name: &str| {
            let rest = &line[line.find(&format!("{name}="))? + name.len() + 1..];
            Some(rest.split_whitespace().next()?.trim_matches('"').to_owned())
        };
        let user = field("user")?;
        let account = user.strip_prefix("system:serviceaccount:")?;
        let account = account.strip_prefix("ambient-system:").unwrap_or(account).to_owned();
        let resource = resource(&field("path")?)?;
        Some(Self { account, verb: field("verb")?, resource, status: field("status")?.parse().ok()? })
    }

    /// An apply of what was not there is a creation too.
    fn rights(&self) -> Vec<String> {
        let mut verbs = vec![self.verb.as_str()];
        if self.verb == "patch" && self.status == 201 {
            verbs.push("create");
        }
        verbs.into_iter().map(|verb| format!("{verb} {}", self.resource)).collect()
    }
}

/// `<group>/<resource>[/<subresource>]` of a path.
fn resource(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let rest = match rest {
        ["namespaces", _, resource, more @ ..] if *resource != "status" => [&[*resource], more].concat(),
        other => other.to_vec(),
    };
    let subresource = rest.get(2).map(|name| format!("/{name}")).unwrap_or_default();
    Some(format!("{group}/{}{subresource}", rest.first()?))
}

/// Each account and what its ClusterRole, of the same name, allows.
fn accounts() -> Vec<(String, BTreeSet<String>)> {
    let documents = FILES.iter().flat_map(|text| serde_yaml::Deserializer::from_str(text));
    let objects = documents.map(|document| <Value as serde::Deserialize>::deserialize(document).unwrap());
    objects
        .filter(|object| object["kind"] == "ClusterRole")
        .map(|role| (text(&role["metadata"]["name"]), rules(&role)))
        .collect()
}

fn rules(role: &Value) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for (group, resource, verb) in combinations(rule) {
            allowed.insert(format!("{verb} {group}/{resource}"));
        }
    }
    allowed
}

fn combinations(rule: &Value) -> Vec<(String, String, String)> {
    let list = |name: &str| rule[name].as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    let mut all = Vec::new();
    for group in list("apiGroups") {
        for resource in list("resources") {
            all.extend(list("verbs").into_iter().map(|verb| (group.clone(), resource.clone(), verb)));
        }
    }
    all
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
