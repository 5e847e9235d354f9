//! What no schema can say of a source.

use super::git_names::{no_credentials, ref_name};
use super::problem::Problem;
use crate::codes::Code;
use crate::git_source::GitSourceSpec;

/// What is wrong with a source's spec, wherever it came from.
pub fn source_problems(source: &GitSourceSpec) -> Vec<Problem> {
    let mut problems: Vec<Problem> = no_credentials("spec.url", &source.url).into_iter().collect();
    let reference = source.reference.as_ref();
    problems.extend(ref_name("spec.ref.branch", reference.and_then(|reference| reference.branch.as_ref())));
    problems.extend(ref_name("spec.ref.tag", reference.and_then(|reference| reference.tag.as_ref())));
    if let Some(results) = &source.results {
        problems.extend(ref_name("spec.results.branch", Some(&results.branch)));
        if reference.and_then(|reference| reference.branch.as_ref()) == Some(&results.branch) {
            let message = format!(
                "results would be written to {}, the branch that is synced; name another",
                results.branch
            );
            problems.push(Problem::new("spec.results.branch", Code::ResultsIntoSource, message));
        }
    }
    problems
}
