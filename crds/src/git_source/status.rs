//! What the sync controller says about a source. It stays under 32 KiB whatever the repository holds.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::vocabulary::vocabulary;

/// What the sync controller says about a source, in three stages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitSourceStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub observed_generation: Option<i64>,
    /// The newest commit that was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<StageStatus>,
    /// The newest commit whose documents were read and checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<StageStatus>,
    /// The newest commit that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<StageStatus>,
    /// The objects of this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectCounts>,
    /// A plan that waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_prune: Option<PendingPrune>,
    /// The commits applied last, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub history: Vec<AppliedRevision>,
    /// What holds of the source and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::conditions")]
    pub conditions: Vec<Condition>,
}

impl GitSourceStatus {
    /// Most revisions kept in `history`.
    pub const MOST_HISTORY: usize = 10;

    /// Puts a revision in front of the history and lets go of the oldest.
    pub fn record(&mut self, revision: AppliedRevision) {
        self.history.insert(0, revision);
        self.history.truncate(Self::MOST_HISTORY);
    }
}

/// How far one stage has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageStatus {
    /// The commit; absent if the stage never had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::commit_id")]
    pub commit: Option<String>,
    /// When the stage reached it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub time: Option<Time>,
    /// How many errors and warnings there are in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub error_count: Option<i32>,
    /// The first errors and warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub errors: Vec<SourceError>,
}

impl StageStatus {
    /// Most errors that are listed; the rest is only counted.
    pub const MOST_ERRORS: usize = 8;

    /// Sets the errors: counts all, lists the first.
    #[must_use]
    pub fn with_errors(mut self, errors: impl IntoIterator<Item = SourceError>) -> Self {
        let mut all = errors.into_iter();
        self.errors = all.by_ref().take(Self::MOST_ERRORS).collect();
        let count = self.errors.len() + all.count();
        self.error_count = (count > 0).then(|| i32::try_from(count).unwrap_or(1_000_000).min(1_000_000));
        self
    }
}

/// One error or warning and the place it is about: `file:line:col code message`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceError {
    /// The file within the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<256>")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub line: Option<i32>,
    /// The column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub column: Option<i32>,
    /// The stable code, such as `AMB1003`; the documentation explains each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::text::<16>")]
    pub code: Option<String>,
    /// What is wrong and the way out.
    #[schemars(schema_with = "bounds::text::<384>")]
    pub message: String,
}

impl SourceError {
    /// Cuts the texts to what the status may hold. A path keeps its end, which tells more than its beginning.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.message = keep_start(self.message, 384);
        self.file = self.file.map(|file| keep_end(file, 256));
        self
    }
}

fn keep_start(text: String, greatest: usize) -> String {
    if text.len() <= greatest {
        return text;
    }
    let end = text.floor_char_boundary(greatest - '…'.len_utf8());
    format!("{}…", &text[..end])
}

fn keep_end(text: String, greatest: usize) -> String {
    if text.len() <= greatest {
        return text;
    }
    let start = text.ceil_char_boundary(text.len() - greatest + '…'.len_utf8());
    format!("…{}", &text[start..])
}

/// The objects of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectCounts {
    /// All that Git holds.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub total: i32,
    /// Those that are applied and well.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub ready: i32,
    /// Those that could not be applied, or failed.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub failed: i32,
    /// Sessions whose run has ended and that are not created again.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub ended: i32,
}

/// A plan that deletes or starts too much and waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingPrune {
    /// The digest of the plan. To approve it, set the annotation `ambient-code.io/approved-plan` to this.
    #[schemars(schema_with = "bounds::word::<128>")]
    pub digest: String,
    /// The commit it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::commit_id")]
    pub commit: Option<String>,
    /// Why it is held, as one word.
    #[schemars(schema_with = "bounds::reason")]
    pub reason: String,
    /// How many objects it deletes.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub count: i32,
    /// The first of them, as `Kind namespace/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::word_set::<20, 192>")]
    pub objects: Vec<String>,
    /// Since when it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub since: Option<Time>,
}

/// A commit that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedRevision {
    /// The commit.
    #[schemars(schema_with = "bounds::commit_id")]
    pub commit: String,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::date_time")]
    pub time: Option<Time>,
    /// What came of it.
    pub outcome: RevisionOutcome,
}

vocabulary! {
    /// What came of a commit.
    pub enum RevisionOutcome {
        /// All of it was applied.
        Applied = "Applied",
        /// Some documents were refused; the rest was applied.
        Partial = "Partial",
        /// Some of it waits for a person.
        Held = "Held",
        /// Nothing of it could be applied.
        Failed = "Failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let error = SourceError {
            file: Some(format!("{}/end.yaml", "ä".repeat(300))),
            message: "ü".repeat(400),
            ..SourceError::default()
        };
        let bounded = error.bounded();
        let file = bounded.file.unwrap();
        assert!(file.len() <= 256 && file.starts_with('…') && file.ends_with("/end.yaml"), "{file}");
        assert!(bounded.message.len() <= 384 && bounded.message.ends_with('…'));
    }

    #[test]
    fn the_greatest_status_stays_under_32_kib() {
        let error = SourceError {
            file: Some("f".repeat(300)),
            line: Some(i32::MAX),
            column: Some(i32::MAX),
            code: Some("AMB1001".into()),
            message: "m".repeat(500),
        };
        let now: Time = serde_json::from_value("2026-11-21T00:00:00.123456Z".into()).unwrap();
        let stage =
            StageStatus { commit: Some("c".repeat(64)), time: Some(now.clone()), ..StageStatus::default() }
                .with_errors((0..100).map(|_| error.clone().bounded()));
        let mut status = GitSourceStatus {
            fetched: Some(stage.clone()),
            validated: Some(stage.clone()),
            applied: Some(stage),
            pending_prune: Some(PendingPrune {
                digest: "d".repeat(128),
                commit: Some("c".repeat(64)),
                reason: "PruneLimit".into(),
                count: 1_000_000,
                objects: (0..20).map(|_| "o".repeat(192)).collect(),
                since: Some(now.clone()),
            }),
            ..GitSourceStatus::default()
        };
        for _ in 0..20 {
            let outcome = RevisionOutcome::Applied;
            status.record(AppliedRevision { commit: "c".repeat(64), time: Some(now.clone()), outcome });
        }
        // Ready, Fetched, Validated, Applied, Held.
        status.conditions = (0..5)
            .map(|_| Condition {
                last_transition_time: now.clone(),
                message: "m".repeat(1024),
                observed_generation: Some(i64::MAX),
                reason: "HistoryRewritten".into(),
                status: "Unknown".into(),
                type_: "Validated".into(),
            })
            .collect();
        let size = serde_json::to_vec(&status).unwrap().len();
        assert!(size <= 32 * 1024, "{size}");
    }

    #[test]
    fn errors_beyond_the_first_are_counted() {
        let stage = StageStatus::default().with_errors((0..25).map(|_| SourceError::default()));
        assert_eq!((stage.errors.len(), stage.error_count), (8, Some(25)));
        assert_eq!(StageStatus::default().with_errors([]).error_count, None);
    }
}
