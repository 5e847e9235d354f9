//! Which lists of built-in kinds have owners per item, and by which keys.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Builtin;
use crate::apply::{ListShape, Shape};

/// A list's path and its keys: `a.b` descends, `name` is a key, `protocol=TCP` one with a default,
/// `*` stands for a set of values.
type Lists = &'static [(&'static str, &'static str)];

const POD_SPEC: Lists = &[
    ("containers", "name"),
    ("containers.env", "name"),
    ("containers.ports", "containerPort,protocol=TCP"),
    ("containers.volumeMounts", "mountPath"),
    ("containers.volumeDevices", "devicePath"),
    ("containers.resources.claims", "name"),
    ("initContainers", "name"),
    ("initContainers.env", "name"),
    ("initContainers.ports", "containerPort,protocol=TCP"),
    ("initContainers.volumeMounts", "mountPath"),
    ("initContainers.volumeDevices", "devicePath"),
    ("initContainers.resources.claims", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("imagePullSecrets", "name"),
    ("hostAliases", "ip"),
    ("topologySpreadConstraints", "topologyKey,whenUnsatisfiable"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
];

const POD_STATUS: Lists =
    &[("status.conditions", "type"), ("status.podIPs", "ip"), ("status.resourceClaimStatuses", "name")];

const CONDITIONS: Lists = &[("status.conditions", "type")];

const NODE: Lists = &[("status.conditions", "type"), ("status.addresses", "type"), ("spec.podCIDRs", "*")];

const SERVICE: Lists = &[("spec.ports", "port,protocol=TCP"), ("status.conditions", "type")];

const SERVICE_ACCOUNT: Lists = &[("secrets", "name")];

/// The shape of a built-in kind's objects.
pub(crate) fn shape(builtin: &Builtin) -> Shape {
    let mut root = Node::default();
    match builtin.kind {
        "Pod" => {
            root.add("spec", POD_SPEC);
            root.add("", POD_STATUS);
        }
        "Job" => root.add("spec.template.spec", POD_SPEC),
        "Node" => root.add("", NODE),
        "Service" => root.add("", SERVICE),
        "ServiceAccount" => root.add("", SERVICE_ACCOUNT),
        "Namespace" | "PersistentVolumeClaim" | "CustomResourceDefinition" => root.add("", CONDITIONS),
        _ => {}
    }
    let mut shape = root.shape();
    if let Shape::Structure(fields) = &mut shape {
        fields.insert("metadata".into(), Shape::metadata());
        for (kind, field) in [("ConfigMap", "data"), ("ConfigMap", "binaryData"), ("Secret", "data")] {
            if builtin.kind == kind {
                fields.insert(
                    field.into(),
                    Shape::Object { fields: BTreeMap::new(), rest: Some(Box::new(Shape::Leaf)) },
                );
            }
        }
    }
    shape
}

/// The object that a new one is compared with: structures that are always there are not "added" by anybody.
pub(crate) fn blank(builtin: &Builtin) -> Value {
    match builtin.kind {
        "Pod" => json!({ "metadata": {}, "spec": { "containers": null }, "status": {} }),
        "Job" => json!({
            "metadata": {},
            "spec": { "template": { "metadata": {}, "spec": { "containers": null } } },
            "status": {},
        }),
        "PersistentVolumeClaim" => json!({ "metadata": {}, "spec": { "resources": {} }, "status": {} }),
        "CustomResourceDefinition" => json!({ "metadata": {}, "spec": { "names": {} } }),
        _ => {
            // Not every kind has a spec and a status: the others must not seem to be given some.
            let full = json!({ "metadata": {}, "spec": {}, "status": {} });
            (builtin.decode)(full)
                .map_or_else(|_| json!({ "metadata": {} }), |decoded| only_structures(&decoded))
        }
    }
}

/// What is left of a decoded blank: the structures that were asked for and that the kind has.
fn only_structures(decoded: &Value) -> Value {
    let mut blank = json!({});
    for name in ["metadata", "spec", "status"].into_iter().filter(|name| decoded.get(name).is_some()) {
        blank[name] = json!({});
    }
    blank
}

/// A tree of the paths of the table.
#[derive(Default)]
struct Node {
    keys: Option<&'static str>,
    fields: BTreeMap<&'static str, Node>,
}

impl Node {
    fn add(&mut self, below: &'static str, lists: Lists) {
        for (path, keys) in lists {
            let steps = below.split('.').chain(path.split('.')).filter(|step| !step.is_empty());
            let end = steps.fold(&mut *self, |node, step| node.fields.entry(step).or_default());
            end.keys = Some(keys);
        }
    }

    fn shape(&self) -> Shape {
        let fields: BTreeMap<String, Shape> =
            self.fields.iter().map(|(name, node)| ((*name).to_owned(), node.shape())).collect();
        let object = Shape::Structure(fields);
        match self.keys {
            None => object,
            Some("*") => Shape::List { by: ListShape::Set, item: Box::new(Shape::Leaf) },
            Some(keys) => Shape::List { by: ListShape::Keys(parse_keys(keys)), item: Box::new(object) },
        }
    }
}

fn parse_keys(text: &str) -> Vec<(String, Option<Value>)> {
    text.split(',')
        .map(|key| match key.split_once('=') {
            Some((key, default)) => (key.to_owned(), Some(default.into())),
            None => (key.to_owned(), None),
        })
        .collect()
}
