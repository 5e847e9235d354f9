//! Jobs and pods as far as they are known: from watches, and from answers to our own writes, which may be newer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Resource, ResourceExt, runtime::watcher::Event};

use super::pod::{TRACKING, job_of};

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// What is known.
#[derive(Default)]
pub(super) struct Cache {
    jobs: Table<Job>,
    pods: Table<Pod>,
}

struct Table<K> {
    objects: BTreeMap<Key, K>,
    /// Keys of a list that is not whole yet.
    listed: BTreeSet<Key>,
    is_whole: bool,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), listed: BTreeSet::new(), is_whole: false }
    }
}

impl Cache {
    /// Whether both lists have been read.
    pub(super) fn is_whole(&self) -> bool {
        self.jobs.is_whole && self.pods.is_whole
    }

    /// Takes a change of a Job in, and says which Jobs are to be looked at.
    pub(super) fn take_job(&mut self, event: Event<Job>) -> Vec<Key> {
        self.jobs.take(event).into_iter().map(|(key, _)| key).collect()
    }

    /// Takes a change of a pod in, and says which Jobs are to be looked at.
    pub(super) fn take_pod(&mut self, event: Event<Pod>) -> Vec<Key> {
        let changed = self.pods.take(event);
        changed.iter().filter_map(|(key, pod)| Some(Key { name: job_of(pod)?.name, ..key.clone() })).collect()
    }

    /// Takes the answer to a write of a Job in.
    pub(super) fn put_job(&mut self, job: Job) {
        self.jobs.put(job);
    }

    /// Takes the answer to a write of a pod in.
    pub(super) fn put_pod(&mut self, pod: Pod) {
        // One that is going and that nothing holds any more is gone.
        if pod.metadata.deletion_timestamp.is_some()
            && pod.finalizers().is_empty()
            && pod.metadata.deletion_grace_period_seconds.unwrap_or(0) == 0
        {
            self.pods.objects.remove(&key_of(&pod));
        } else {
            self.pods.put(pod);
        }
    }

    /// Forgets a pod that was found to be gone.
    pub(super) fn forget_pod(&mut self, namespace: &str, name: &str) {
        self.pods.objects.remove(&Key { namespace: namespace.to_owned(), name: name.to_owned() });
    }

    /// A Job.
    pub(super) fn job(&self, key: &Key) -> Option<&Job> {
        self.jobs.objects.get(key)
    }

    /// The pods that a Job owns.
    pub(super) fn pods_of<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = &'a Pod> {
        let is_own = move |pod: &&Pod| job_of(pod).is_some_and(|owner| Some(owner.uid) == job.uid());
        self.in_namespace(job.namespace().unwrap_or_default()).filter(is_own)
    }

    /// Names of tracked pods of a Job that is not there, or that another Job of its name has replaced.
    pub(super) fn orphans(&self, key: &Key) -> Vec<String> {
        let present = self.job(key).and_then(ResourceExt::uid);
        let is_orphan = |pod: &&Pod| {
            let owner = job_of(pod).filter(|owner| owner.name == key.name);
            owner.is_some_and(|owner| Some(owner.uid) != present)
        };
        let tracked = |pod: &&Pod| pod.finalizers().iter().any(|name| name == TRACKING);
        self.in_namespace(key.namespace.clone())
            .filter(tracked)
            .filter(is_orphan)
            .map(ResourceExt::name_any)
            .collect()
    }

    fn in_namespace(&self, namespace: String) -> impl Iterator<Item = &Pod> {
        let first = Key { namespace: namespace.clone(), name: String::new() };
        let objects = self.pods.objects.range(first..);
        objects.take_while(move |(key, _)| key.namespace == namespace).map(|(_, pod)| pod)
    }
}

impl<K: Resource<DynamicType = ()> + Clone> Table<K> {
    /// Takes a change in, and gives what has changed.
    fn take(&mut self, event: Event<K>) -> Vec<(Key, K)> {
        match event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(key_of(&object));
                self.put(object.clone());
                vec![(key_of(&object), object)]
            }
            Event::InitDone => {
                self.is_whole = true;
                let listed = std::mem::take(&mut self.listed);
                let gone = self.objects.extract_if(.., |key, _| !listed.contains(key));
                gone.collect()
            }
            Event::Apply(object) => {
                self.put(object.clone());
                vec![(key_of(&object), object)]
            }
            Event::Delete(object) => {
                let key = key_of(&object);
                // Another object may have its name by now.
                if self.objects.get(&key).is_some_and(|known| known.meta().uid == object.meta().uid) {
                    self.objects.remove(&key);
                }
                vec![(key, object)]
            }
        }
    }

    /// Takes an object in unless a newer one is known.
    fn put(&mut self, object: K) {
        let key = key_of(&object);
        let version = |object: &K| object.resource_version().and_then(|version| version.parse::<u64>().ok());
        if self.objects.get(&key).is_none_or(|known| version(known) <= version(&object)) {
            self.objects.insert(key, object);
        }
    }
}

fn key_of<K: Resource<DynamicType = ()>>(object: &K) -> Key {
    Key { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, owner: &str, version: u64) -> Pod {
        serde_json::from_value(json!({ "metadata": {
            "name": name, "namespace": "n", "uid": name, "resourceVersion": version.to_string(),
            "finalizers": [TRACKING],
            "ownerReferences": [{ "apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": owner, "controller": true }],
        } }))
        .unwrap()
    }

    #[test]
    fn the_newest_counts_and_orphans_are_found() {
        let job: Job =
            serde_json::from_value(json!({ "metadata": { "name": "j", "namespace": "n", "uid": "1" } }))
                .unwrap();
        let mut cache = Cache::default();
        cache.take_job(Event::Init);
        assert_eq!(cache.take_job(Event::InitApply(job.clone())).len(), 1);
        cache.take_job(Event::InitDone);
        assert!(!cache.is_whole());
        cache.take_pod(Event::Init);
        cache.take_pod(Event::InitDone);
        assert!(cache.is_whole());
        cache.put_pod(pod("a", "1", 5));
        assert_eq!(cache.take_pod(Event::Apply(pod("a", "1", 3))).len(), 1);
        let versions: Vec<_> = cache.pods_of(&job).map(ResourceExt::resource_version).collect();
        assert_eq!(versions, [Some("5".to_owned())]);
        let key = key_of(&job);
        assert_eq!(cache.orphans(&key), [""; 0]);
        cache.take_pod(Event::Apply(pod("b", "0", 6)));
        assert_eq!(cache.orphans(&key), ["b"]);
        cache.take_job(Event::Delete(job));
        assert_eq!(cache.orphans(&key), ["a", "b"]);
        cache.take_pod(Event::Init);
        assert_eq!(cache.take_pod(Event::InitDone).len(), 2, "pods that are listed no more are gone");
    }
}
