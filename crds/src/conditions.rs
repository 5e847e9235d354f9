//! The types and reasons of conditions. How conditions are merged and written is `kit`'s.

use crate::vocabulary::vocabulary;

vocabulary! {
    /// What is judged of an object. Not every kind has every condition.
    pub enum ConditionType {
        /// Whether the object does what it is for: a source is applied, a project can run sessions, a run goes on or
        /// has completed.
        Ready = "Ready",
        /// A source: whether the remote could be read.
        Fetched = "Fetched",
        /// A source: whether all documents could be read and checked.
        Validated = "Validated",
        /// A source: whether all documents are in the cluster.
        Applied = "Applied",
        /// A source: whether a plan waits for a person. A session: whether a person decides when it goes.
        Held = "Held",
        /// A project: whether its namespace is there and is its own.
        NamespaceReady = "NamespaceReady",
        /// A project: whether roles, quota, limits and network policy are in place.
        AccessReady = "AccessReady",
        /// A project: whether ledger and results can be written.
        ResultsTargetReady = "ResultsTargetReady",
        /// Settings: whether they stay within the project's ceilings.
        WithinCeilings = "WithinCeilings",
        /// A session: whether the spec was understood and acted on.
        Reconciled = "Reconciled",
        /// A session: whether the Secrets it needs are there.
        SecretsReady = "SecretsReady",
        /// A session: whether the keys that its agent needs stay with the broker. Where not, they are in its environment.
        KeysLent = "KeysLent",
        /// A session: whether its run is claimed in the ledger.
        Claimed = "Claimed",
        /// A session: whether the Job of the current attempt exists.
        PodCreated = "PodCreated",
        /// A session: whether a node was found for it.
        PodScheduled = "PodScheduled",
        /// A session: whether its runner answers.
        RunnerStarted = "RunnerStarted",
        /// A session: whether its repositories are in the workspace.
        ReposReconciled = "ReposReconciled",
        /// A session: whether its workflow is in the workspace.
        WorkflowReconciled = "WorkflowReconciled",
        /// A session: whether a person is awaited.
        WaitingForPerson = "WaitingForPerson",
        /// A session: whether the result of the ended run is on the remote.
        ResultRecorded = "ResultRecorded",
        /// A session: whether the spec was edited after the run was pinned; it takes effect with the next run.
        SpecChanged = "SpecChanged",
        /// A session: whether all commits of the agent are on the remotes they were for.
        OutputsPublished = "OutputsPublished",
        /// A session: whether the spec uses fields that have no effect.
        DeprecatedFields = "DeprecatedFields",
        /// A session or project: whether it asks for something that this version does not do.
        NotSupported = "NotSupported",
    }
}

vocabulary! {
    /// Why a condition is as it is, besides the reasons that are a phase's, a pending session's or a run's end.
    pub enum Reason {
        /// All is done.
        Succeeded = "Succeeded",
        /// Work is under way.
        Progressing = "Progressing",
        /// The object asks for something that cannot be; it waits for an edit.
        Invalid = "Invalid",
        /// Something the object names is not there yet.
        NotFound = "NotFound",
        /// The API server refused a request.
        Forbidden = "Forbidden",
        /// Something outside, such as a Git server, did not answer; it is tried again.
        Unavailable = "Unavailable",
        /// The source or project is suspended.
        Suspended = "Suspended",
        /// The remote could not be read; nothing is deleted because of that.
        FetchFailed = "FetchFailed",
        /// The branch, tag or commit is not on the remote.
        RefNotFound = "RefNotFound",
        /// The folder of `spec.path` is not in the commit.
        PathNotFound = "PathNotFound",
        /// The folder holds no manifest any more, and objects are still applied.
        PathEmptied = "PathEmptied",
        /// The branch no longer contains the commit that is applied.
        HistoryRewritten = "HistoryRewritten",
        /// The commit deletes more than `prune` allows.
        PruneLimit = "PruneLimit",
        /// The commit starts more runs than `start` allows.
        StartLimit = "StartLimit",
        /// A signature is missing or not trusted.
        VerificationFailed = "VerificationFailed",
        /// Some documents were refused; the others are applied.
        DocumentsRefused = "DocumentsRefused",
        /// Some objects could not be applied.
        ApplyFailed = "ApplyFailed",
        /// Objects wait for what is not there yet, such as their namespace.
        Deferred = "Deferred",
        /// Another source or manager owns the object.
        Conflict = "Conflict",
        /// The namespace exists and no administrator labelled it for adoption.
        NamespaceNotOurs = "NamespaceNotOurs",
        /// Neither project nor root source names a results target.
        NoResultsTarget = "NoResultsTarget",
        /// A value is wider than the project's ceilings.
        CeilingExceeded = "CeilingExceeded",
        /// The runner's pod failed before the runner could answer.
        PodFailed = "PodFailed",
        /// The agent's memory limit was reached.
        OutOfMemory = "OutOfMemory",
        /// The runner ended without an outcome.
        RunnerExit = "RunnerExit",
        /// The cluster or the pod of a run was lost; nothing is known of its end.
        Lost = "Lost",
        /// The result cannot be pushed; it is tried again and the workspace stays.
        PushFailed = "PushFailed",
        /// A person gave up the result.
        Abandoned = "Abandoned",
        /// The spec is newer than the run that was pinned.
        PinnedEarlier = "PinnedEarlier",
        /// The spec uses fields that have no effect.
        InUse = "InUse",
        /// Commits broke a rule and were kept as patches.
        Refused = "Refused",
        /// Nothing acts on the object in this version.
        NotSupported = "NotSupported",
        /// There is nothing to do.
        NotNeeded = "NotNeeded",
    }
}
