//! The watch cache: every tracked object of the kinds that are carried, by identity and by source.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use ambient_crds::kinds::CarriedKind;
use ambient_crds::names::ObjectIdentity;

use super::object::LiveObject;

/// The objects, as far as the watches have shown them. A watch that fails leaves them as they were.
#[derive(Debug, Default)]
pub(crate) struct LiveIndex {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    objects: HashMap<ObjectIdentity, Arc<LiveObject>>,
    by_source: HashMap<String, BTreeSet<ObjectIdentity>>,
    listed: BTreeSet<CarriedKind>,
}

/// What one source sees: its own objects, and those it wants that are somebody else's.
#[derive(Debug, Default, Clone)]
pub(crate) struct LiveView {
    /// The objects by identity.
    pub(crate) objects: BTreeMap<ObjectIdentity, Arc<LiveObject>>,
    /// The kinds whose objects are known; nothing can be said of the others yet.
    pub(crate) listed: BTreeSet<CarriedKind>,
}

/// What a change means for the sources.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// UIDs of the sources whose objects changed.
    pub(crate) sources: BTreeSet<String>,
    /// The objects that changed.
    pub(crate) objects: Vec<ObjectIdentity>,
}

impl LiveIndex {
    /// Takes in a version of an object; an older one than is known changes nothing.
    pub(crate) fn observe(&self, object: LiveObject) -> Touched {
        let mut touched = Touched::default();
        self.write().observe(object, &mut touched);
        touched
    }

    /// Lets an object go, unless a newer version of it is known.
    pub(crate) fn forget(&self, object: &LiveObject) -> Touched {
        let mut touched = Touched::default();
        let mut inner = self.write();
        let known = inner.objects.get(&object.identity).cloned();
        if known.is_some_and(|known| !known.is_newer_than(&object.resource_version)) {
            inner.remove(&object.identity, &mut touched);
        }
        touched
    }

    /// Takes in a complete list of a kind: what is not in it is gone.
    pub(crate) fn replace(&self, kind: CarriedKind, objects: Vec<LiveObject>) -> Touched {
        let mut touched = Touched::default();
        let mut inner = self.write();
        let present: BTreeSet<ObjectIdentity> =
            objects.iter().map(|object| object.identity.clone()).collect();
        let gone = |object: &&Arc<LiveObject>| object.kind == kind && !present.contains(&object.identity);
        let gone: Vec<ObjectIdentity> =
            inner.objects.values().filter(gone).map(|object| object.identity.clone()).collect();
        for identity in &gone {
            inner.remove(identity, &mut touched);
        }
        for object in objects {
            inner.observe(object, &mut touched);
        }
        inner.listed.insert(kind);
        touched
    }

    /// What a source sees.
    pub(crate) fn view<'a>(
        &self,
        source_uid: &str,
        wanted: impl IntoIterator<Item = &'a ObjectIdentity>,
    ) -> LiveView {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let object = |identity: &ObjectIdentity| {
            inner.objects.get(identity).map(|object| (identity.clone(), Arc::clone(object)))
        };
        let own = inner.by_source.get(source_uid).into_iter().flatten();
        let mut objects: BTreeMap<_, _> = own.filter_map(object).collect();
        objects.extend(wanted.into_iter().filter_map(object));
        LiveView { objects, listed: inner.listed.clone() }
    }

    /// The object of this identity.
    pub(crate) fn get(&self, identity: &ObjectIdentity) -> Option<Arc<LiveObject>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).objects.get(identity).cloned()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn observe(&mut self, object: LiveObject, touched: &mut Touched) {
        let known = self.objects.get(&object.identity).cloned();
        if let Some(known) = &known {
            if !object.is_newer_than(&known.resource_version) {
                return;
            }
            if !known.says_the_same(&object) {
                self.remove(&object.identity, touched);
                touched.add(&object);
            }
        } else {
            touched.add(&object);
        }
        if let Some(uid) = object.source_uid() {
            self.by_source.entry(uid.to_owned()).or_default().insert(object.identity.clone());
        }
        self.objects.insert(object.identity.clone(), Arc::new(object));
    }

    fn remove(&mut self, identity: &ObjectIdentity, touched: &mut Touched) {
        let Some(object) = self.objects.remove(identity) else { return };
        touched.add(&object);
        let Some(uid) = object.source_uid() else { return };
        if let Some(objects) = self.by_source.get_mut(uid) {
            objects.remove(identity);
            if objects.is_empty() {
                self.by_source.remove(uid);
            }
        }
    }
}

impl Touched {
    fn add(&mut self, object: &LiveObject) {
        self.sources.extend(object.source_uid().map(str::to_owned));
        if !self.objects.contains(&object.identity) {
            self.objects.push(object.identity.clone());
        }
    }

    /// Whether nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }
}
