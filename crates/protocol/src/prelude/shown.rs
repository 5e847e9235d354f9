//! Activities: what is shown of something that goes on.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::bounded::{Document, TEXT_LIMIT};
use crate::events::{Event, EventBody};

/// Most activities that are kept.
const LIMIT: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Activities(VecDeque<Activity>);

#[derive(Debug)]
struct Activity {
    id: String,
    kind: String,
    owner: Option<String>,
    content: Document,
}

impl Activities {
    pub(super) fn apply(&mut self, body: &EventBody) {
        match body {
            EventBody::ActivitySnapshot { message_id, activity_type, content, replace, subagent_run_id } => {
                let known = self.0.iter().position(|activity| activity.id == *message_id);
                if known.is_some() && *replace == Some(false) {
                    return;
                }
                let mut document = Document::default();
                document.set(&object(content), TEXT_LIMIT);
                let activity = Activity {
                    id: message_id.clone(),
                    kind: activity_type.clone(),
                    owner: subagent_run_id.clone(),
                    content: document,
                };
                self.put(known, activity);
            }
            EventBody::ActivityDelta { message_id, patch, .. } => {
                if let Some(activity) = self.0.iter_mut().find(|activity| activity.id == *message_id) {
                    activity.content.patch(patch, TEXT_LIMIT);
                }
            }
            _ => {}
        }
    }

    /// What is shown now.
    pub(super) fn events(&self) -> impl Iterator<Item = Event> {
        self.0.iter().filter_map(|activity| {
            let content = activity.content.value()?.as_object()?.clone();
            let body = EventBody::ActivitySnapshot {
                message_id: activity.id.clone(),
                activity_type: activity.kind.clone(),
                content: content.into_iter().collect(),
                replace: None,
                subagent_run_id: activity.owner.clone(),
            };
            Some(body.into())
        })
    }

    fn put(&mut self, known: Option<usize>, activity: Activity) {
        match known.and_then(|place| self.0.get_mut(place)) {
            Some(place) => *place = activity,
            None => self.0.push_back(activity),
        }
        while self.0.len() > LIMIT {
            self.0.pop_front();
        }
    }
}

fn object(content: &BTreeMap<String, Value>) -> Value {
    Value::Object(content.clone().into_iter().collect())
}
