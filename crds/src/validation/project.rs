//! What no schema can say of a project and its settings.

use super::git_names::{no_credentials, ref_name};
use super::problem::Problem;
use super::session::mcp_problems;
use crate::project::ProjectSpec;
use crate::project_settings::ProjectSettingsSpec;

/// What is wrong with a project's spec, wherever it came from.
pub fn project_problems(project: &ProjectSpec) -> Vec<Problem> {
    let Some(results) = &project.results else { return Vec::new() };
    let url = no_credentials("spec.results.url", &results.url);
    url.into_iter().chain(ref_name("spec.results.branch", Some(&results.branch))).collect()
}

/// What is wrong with a project's settings, wherever they came from. Whether they stay within the project's ceilings
/// is another question.
pub fn settings_problems(settings: &ProjectSettingsSpec) -> Vec<Problem> {
    let mut problems: Vec<Problem> = settings.mcp_servers.iter().flat_map(mcp_problems).collect();
    for (index, repository) in settings.repositories.iter().enumerate() {
        let path = format!("spec.repositories[{index}]");
        problems.extend(no_credentials(format!("{path}.url"), &repository.url));
        problems.extend(ref_name(format!("{path}.branch"), repository.branch.as_ref()));
    }
    problems
}
