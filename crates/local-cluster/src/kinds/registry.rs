//! The kinds served now: built-in ones from the table, custom ones as their definitions come and go.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use ambient_schema::Schema;
use serde_json::Value;

use super::{Behaviour, Builtin, Custom, Resource, Scope, table::builtins, topology};
use crate::{apply::Shape, object};

/// Every kind that requests can name.
#[derive(Debug)]
pub(crate) struct Registry {
    /// By group, then version and plural.
    resources: RwLock<BTreeMap<String, Vec<Arc<Resource>>>>,
}

impl Registry {
    /// The built-in kinds.
    pub(crate) fn builtin() -> Self {
        let mut resources: BTreeMap<String, Vec<Arc<Resource>>> = BTreeMap::new();
        for builtin in builtins() {
            let group = resources.entry(builtin.group.to_owned()).or_default();
            group.push(Arc::new(Resource::from_builtin(builtin)));
        }
        Self { resources: RwLock::new(resources) }
    }

    /// The kind at `/apis/<group>/<version>/<plural>`.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.group(group)
            .into_iter()
            .find(|resource| resource.version == version && resource.plural == plural)
    }

    /// The kinds of a group, all versions.
    pub(crate) fn group(&self, group: &str) -> Vec<Arc<Resource>> {
        let resources = self.resources.read().unwrap_or_else(PoisonError::into_inner);
        resources.get(group).cloned().unwrap_or_default()
    }

    /// The named groups (all but the core one).
    pub(crate) fn groups(&self) -> Vec<String> {
        let resources = self.resources.read().unwrap_or_else(PoisonError::into_inner);
        resources.keys().filter(|group| !group.is_empty()).cloned().collect()
    }

    /// A kind by the `plural.group` under which its objects are stored.
    pub(crate) fn find_stored(&self, storage: &str) -> Option<Arc<Resource>> {
        let resources = self.resources.read().unwrap_or_else(PoisonError::into_inner);
        resources.values().flatten().find(|resource| resource.storage.as_ref() == storage).cloned()
    }

    /// One version of each kind whose objects are stored.
    pub(crate) fn stored(&self) -> Vec<Arc<Resource>> {
        let resources = self.resources.read().unwrap_or_else(PoisonError::into_inner);
        let mut stored: BTreeMap<Arc<str>, Arc<Resource>> = BTreeMap::new();
        for resource in resources.values().flatten() {
            if !resource.builtin().is_some_and(|builtin| builtin.is_review) {
                stored.entry(resource.storage.clone()).or_insert_with(|| resource.clone());
            }
        }
        stored.into_values().collect()
    }

    /// A kind by group and kind, at any version.
    pub(crate) fn find_kind(&self, group: &str, kind: &str) -> Option<Arc<Resource>> {
        self.group(group).into_iter().find(|resource| resource.kind == kind)
    }

    /// Serves the versions of a definition, in place of what it defined before.
    pub(crate) fn define(&self, definition: &Value) {
        let group = definition["spec"]["group"].as_str().unwrap_or_default();
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap_or_default();
        let served = custom_resources(definition);
        let mut resources = self.resources.write().unwrap_or_else(PoisonError::into_inner);
        let entry = resources.entry(group.to_owned()).or_default();
        entry.retain(|resource| resource.plural != plural);
        entry.extend(served.into_iter().map(Arc::new));
    }

    /// Whether the definition of a custom kind is being deleted.
    pub(crate) fn is_terminating(&self, resource: &Resource) -> bool {
        let found = self.find(&resource.group, &resource.version, &resource.plural);
        found.is_some_and(|resource| resource.custom().is_some_and(|custom| custom.is_terminating))
    }

    /// Stops serving the kind of a definition.
    pub(crate) fn forget(&self, definition: &Value) {
        let group = definition["spec"]["group"].as_str().unwrap_or_default();
        let plural = definition["spec"]["names"]["plural"].as_str().unwrap_or_default();
        let mut resources = self.resources.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = resources.get_mut(group) {
            entry.retain(|resource| resource.plural != plural);
            if entry.is_empty() {
                resources.remove(group);
            }
        }
    }
}

impl Resource {
    fn from_builtin(builtin: &'static Builtin) -> Self {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let mut resource = Self {
            group: builtin.group.into(),
            version: builtin.version.into(),
            kind: builtin.kind.into(),
            list_kind: format!("{}List", builtin.kind),
            plural: builtin.plural.into(),
            singular: builtin.kind.to_lowercase(),
            short_names: own(builtin.short_names),
            categories: own(builtin.categories),
            scope: if builtin.namespaced { Scope::Namespaced } else { Scope::Cluster },
            subresources: own(builtin.subresources),
            behaviour: Behaviour::Builtin(builtin),
            shape: Arc::new(topology::shape(builtin)),
            storage: "".into(),
        };
        resource.storage = builtin.stored_as.map_or_else(|| resource.qualified().into(), Into::into);
        resource
    }
}

fn custom_resources(definition: &Value) -> Vec<Resource> {
    let spec = &definition["spec"];
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    versions
        .iter()
        .filter(|version| version["served"] == true)
        .map(|version| custom_resource(spec, version, object::is_terminating(definition)))
        .collect()
}

fn custom_resource(spec: &Value, version: &Value, is_terminating: bool) -> Resource {
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().map(|list| list.iter().map(text).collect()).unwrap_or_default()
    };
    let subresources =
        version["subresources"].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    // A definition whose schema cannot be used is refused when it is written.
    let schema = Schema::parse_resource(&version["schema"]["openAPIV3Schema"], "").unwrap_or_default();
    let fields = version["selectableFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut resource = Resource {
        group: text(&spec["group"]),
        version: text(&version["name"]),
        kind: text(&names["kind"]),
        list_kind: text(&names["listKind"]),
        plural: text(&names["plural"]),
        singular: text(&names["singular"]),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        scope: if spec["scope"] == "Namespaced" { Scope::Namespaced } else { Scope::Cluster },
        subresources,
        shape: Arc::new(Shape::of_resource(&schema)),
        behaviour: Behaviour::Custom(Arc::new(Custom {
            is_terminating,
            open_api: version["schema"]["openAPIV3Schema"].clone(),
            schema,
            selectable_fields: fields
                .iter()
                .map(|field| text(&field["jsonPath"]).trim_start_matches('.').to_owned())
                .collect(),
            columns: version["additionalPrinterColumns"].as_array().cloned().unwrap_or_default(),
        })),
        storage: "".into(),
    };
    resource.storage = resource.qualified().into();
    resource
}
