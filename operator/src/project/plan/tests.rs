use serde_json::json;

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "tables of cases read better with values")]
fn project(spec: serde_json::Value) -> Project {
    serde_json::from_value(json!({
        "apiVersion": "vteam.ambient-code/v1alpha1", "kind": "Project", "metadata": {"name": "demo"}, "spec": spec,
    }))
    .unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "tables of cases read better with values")]
fn planned(project: Project) -> Children {
    plan(&project, None, true)
}

#[expect(clippy::needless_pass_by_value, reason = "tables of cases read better with values")]
fn namespace(labels: serde_json::Value, deleting: bool) -> Namespace {
    let deleted = deleting.then_some("2026-11-21T10:00:00Z");
    serde_json::from_value(
        json!({"metadata": {"name": "demo", "labels": labels, "deletionTimestamp": deleted}}),
    )
    .unwrap()
}

#[test]
fn a_namespace_is_taken_only_with_consent() {
    let project = project(json!({}));
    assert_eq!(adoption(None, &project), Adoption::Ours);
    let managed = json!({"ambient-code.io/managed": "true"});
    assert_eq!(adoption(Some(&namespace(managed.clone(), false)), &project), Adoption::Ours);
    assert_eq!(adoption(Some(&namespace(managed, true)), &project), Adoption::Terminating);
    let refused = adoption(Some(&namespace(json!({}), false)), &project);
    assert!(matches!(refused, Adoption::Refused(why) if why.contains("kubectl label namespace demo")));
}

#[test]
fn access_and_quota_follow_the_spec() {
    let children = planned(project(json!({
        "groupAccess": [{"groupName": "Team A/*", "role": "edit"}],
        "quota": {"cpu": "8", "pods": 20},
    })));
    let binding = &children.group_bindings[0];
    assert_eq!(binding.role_ref.name, "ambient-project-edit");
    assert!(binding.name_any().starts_with("ambient-edit-"));
    let hard = children.quota.unwrap().spec.unwrap().hard.unwrap();
    assert_eq!((hard["limits.cpu"].0.as_str(), hard["pods"].0.as_str()), ("8", "20"));
    assert!(planned(project(json!({}))).quota.is_none());
}

#[test]
fn settings_may_come_from_a_tenant_only_if_the_project_says_so() {
    let resources = |spec| planned(project(spec)).sync_role.rules.unwrap()[0].resources.clone().unwrap();
    let always = ["agenticsessions", "scheduledsessions", "rfeworkflows"];
    assert_eq!(resources(json!({})), always);
    let settings = [always.as_slice(), &["projectsettings"]].concat();
    assert_eq!(resources(json!({"allowProjectSettings": true})), settings);
}

#[test]
fn the_broker_reads_the_secrets_of_runs_and_no_others() {
    let project = project(json!({"results": {"url": "https://a.example/b", "secretRef": {"name": "git"}}}));
    let settings: ProjectSettings = serde_json::from_value(json!({
        "apiVersion": "vteam.ambient-code/v1alpha1", "kind": "ProjectSettings",
        "metadata": {"name": "projectsettings"}, "spec": {"runnerSecretsName": "models"},
    }))
    .unwrap();
    let rules = plan(&project, Some(&settings), true).broker_role.rules.unwrap();
    let [rule] = rules.as_slice() else { panic!("{rules:?}") };
    assert_eq!(rule.resource_names.as_deref().unwrap(), ["ambient-runner-secrets", "git", "models"]);
    assert_eq!(rule.verbs, ["get"]);
}

#[test]
fn the_broker_is_the_only_way_out_where_there_is_one() {
    let egress = |has_broker| {
        let policy = plan(&project(json!({})), None, has_broker).network.spec.unwrap();
        (policy.policy_types.unwrap().len(), serde_json::to_value(policy.egress).unwrap())
    };
    assert_eq!(egress(false), (1, json!(null)));
    let system = json!({"matchLabels": {"kubernetes.io/metadata.name": "ambient-system"}});
    let broker = json!({"matchLabels": {"app": "ambient-broker"}});
    let expected = json!([{
        "to": [{"namespaceSelector": system, "podSelector": broker}],
        "ports": [{"port": 8092, "protocol": "TCP"}],
    }]);
    assert_eq!(egress(true), (2, expected));
}
