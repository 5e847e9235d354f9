//! `GitSource`: one repository, ref and path that is kept applied.

mod spec;
mod status;

pub use spec::{
    GitReference, GitSource, GitSourceSpec, HistoryRewrite, PruneSpec, SourceResults, StartSpec, SuspendSpec,
    Verification, VerificationMode,
};
pub use status::{
    AppliedRevision, GitSourceStatus, ObjectCounts, PendingPrune, RevisionOutcome, SourceError, StageStatus,
};

pub(crate) use spec::RULES;
