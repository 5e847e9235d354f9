//! Ceilings: what settings and sessions ask for must stay within what the Project allows.

use std::fmt::Display;

use super::problem::Problem;
use crate::codes::Code;
use crate::project::{Ceilings, ProjectSpec};
use crate::project_settings::ProjectSettingsSpec;
use crate::session::AgenticSessionSpec;
use crate::shared::Budget;

/// Where a project's settings are wider than the Project.
pub fn settings_problems(settings: &ProjectSettingsSpec, project: &ProjectSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, access) in settings.group_access.iter().enumerate() {
        if !project.group_access.is_empty() && !project.group_access.contains(access) {
            let (group, role) = (&access.group_name, access.role);
            let message = format!("the Project does not give group {group} the role {role}");
            problems.push(Problem::new(format!("spec.groupAccess[{index}]"), Code::CeilingExceeded, message));
        }
    }
    if let (Some(defaults), Some(ceilings)) = (&settings.defaults, &project.ceilings) {
        problems.extend(over("spec.defaults.timeout", defaults.timeout, ceilings.timeout));
        problems.extend(not_among("spec.defaults.model", defaults.model.as_ref(), &ceilings.models));
        problems.extend(not_among(
            "spec.defaults.runnerType",
            defaults.runner_type.as_ref(),
            &ceilings.runner_types,
        ));
        problems.extend(budget_problems("spec.defaults.budget", defaults.budget.as_ref(), ceilings));
    }
    problems
}

/// Where a session is wider than its project's ceilings.
pub fn session_problems(session: &AgenticSessionSpec, ceilings: &Ceilings) -> Vec<Problem> {
    let model = session.llm_settings.as_ref().and_then(|settings| settings.model.as_ref());
    let mut problems = Vec::new();
    problems.extend(over("spec.timeout", session.timeout, ceilings.timeout));
    problems.extend(not_among("spec.llmSettings.model", model, &ceilings.models));
    problems.extend(not_among("spec.runnerType", session.runner_type.as_ref(), &ceilings.runner_types));
    problems.extend(budget_problems("spec.budget", session.budget.as_ref(), ceilings));
    problems
}

fn budget_problems(path: &str, budget: Option<&Budget>, ceilings: &Ceilings) -> Vec<Problem> {
    let Some(budget) = budget else { return Vec::new() };
    let cost = over(format!("{path}.maxCostUsd"), budget.max_cost_usd, ceilings.max_cost_usd);
    cost.into_iter()
        .chain(over(format!("{path}.maxTokens"), budget.max_tokens, ceilings.max_tokens))
        .collect()
}

fn over<Amount: PartialOrd + Display>(
    path: impl Into<String>,
    wanted: Option<Amount>,
    ceiling: Option<Amount>,
) -> Option<Problem> {
    let (wanted, ceiling) = (wanted?, ceiling?);
    let path = path.into();
    let message = format!("{path} is {wanted}; the project allows at most {ceiling}");
    (wanted > ceiling).then(|| Problem::new(path, Code::CeilingExceeded, message))
}

fn not_among(path: &str, wanted: Option<&String>, allowed: &[String]) -> Option<Problem> {
    let wanted = wanted?;
    (!allowed.is_empty() && !allowed.contains(wanted)).then(|| {
        let message = format!("{path} is {wanted}; the project allows {}", allowed.join(", "));
        Problem::new(path, Code::CeilingExceeded, message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn paths(problems: &[Problem]) -> Vec<&str> {
        assert!(problems.iter().all(|problem| problem.code == Code::CeilingExceeded));
        problems.iter().map(|problem| problem.path.as_str()).collect()
    }

    fn project() -> ProjectSpec {
        let value = json!({
            "groupAccess": [{"groupName": "team", "role": "edit"}],
            "ceilings": {"maxCostUsd": 5, "maxTokens": 1000, "timeout": 60, "models": ["m"], "runnerTypes": ["replay"]},
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn sessions_stay_below() {
        let cases: &[(Value, &[&str])] = &[
            (json!({}), &[]),
            (
                json!({"timeout": 60, "budget": {"maxCostUsd": 5, "maxTokens": 1000}, "runnerType": "replay"}),
                &[],
            ),
            (
                json!({"timeout": 61, "llmSettings": {"model": "n"}}),
                &["spec.timeout", "spec.llmSettings.model"],
            ),
            (
                json!({"budget": {"maxCostUsd": 5.01, "maxTokens": 1001}}),
                &["spec.budget.maxCostUsd", "spec.budget.maxTokens"],
            ),
            (json!({"runnerType": "acp"}), &["spec.runnerType"]),
        ];
        let ceilings = project().ceilings.unwrap();
        for (spec, expected) in cases {
            let spec: AgenticSessionSpec = serde_json::from_value(spec.clone()).unwrap();
            assert_eq!(&paths(&session_problems(&spec, &ceilings)), expected);
            assert!(session_problems(&spec, &Ceilings::default()).is_empty());
        }
    }

    #[test]
    fn settings_narrow_and_never_widen() {
        let cases: &[(Value, &[&str])] = &[
            (
                json!({"groupAccess": [{"groupName": "team", "role": "edit"}], "defaults": {"timeout": 10}}),
                &[],
            ),
            (json!({"groupAccess": [{"groupName": "team", "role": "admin"}]}), &["spec.groupAccess[0]"]),
            (
                json!({"defaults": {"timeout": 61, "model": "n", "runnerType": "acp", "budget": {"maxCostUsd": 6}}}),
                &[
                    "spec.defaults.timeout",
                    "spec.defaults.model",
                    "spec.defaults.runnerType",
                    "spec.defaults.budget.maxCostUsd",
                ],
            ),
        ];
        for (spec, expected) in cases {
            let spec: ProjectSettingsSpec = serde_json::from_value(spec.clone()).unwrap();
            assert_eq!(&paths(&settings_problems(&spec, &project())), expected);
        }
    }
}
