//! The fields that a value has, and the fields in which two values differ.

use serde_json::{Map, Value};

use super::{
    field_set::{FieldSet, Step},
    shape::{Shape, View},
};

/// How a new value differs from an old one.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) added: FieldSet,
    pub(crate) modified: FieldSet,
    pub(crate) removed: FieldSet,
}

impl Comparison {
    /// Added and modified fields.
    pub(crate) fn set(&self) -> FieldSet {
        self.added.union(&self.modified)
    }

    /// The comparison with only the fields that a filter leaves.
    #[must_use]
    pub(crate) fn filtered(self, filter: impl Fn(&FieldSet) -> FieldSet) -> Self {
        Self { added: filter(&self.added), modified: filter(&self.modified), removed: filter(&self.removed) }
    }

    /// Whether nothing differs.
    pub(crate) fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }
}

/// The fields of a value.
pub(crate) fn fields_of(shape: &Shape, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(shape, value, &mut Vec::new(), &mut set);
    set
}

fn collect(shape: &Shape, value: &Value, path: &mut Vec<Step>, set: &mut FieldSet) {
    match (shape.view(value), value) {
        (View::Object, Value::Object(fields)) => {
            for (name, child) in fields {
                path.push(Step::field(name));
                collect(shape.field(name), child, path, set);
                let empty = child.is_null() || child.as_object().is_some_and(Map::is_empty);
                if empty || !shape.declares(name) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (View::List, Value::Array(items)) => {
            for item in items {
                path.push(shape.step_to(item));
                collect(shape.item(), item, path, set);
                set.insert(path);
                path.pop();
            }
        }
        _ => set.insert(path),
    }
}

/// Compares two values of a shape.
pub(crate) fn compare(shape: &Shape, old: &Value, new: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    Walk { path: Vec::new(), result: &mut comparison }.pair(shape, Some(old), Some(new));
    comparison
}

struct Walk<'a> {
    path: Vec<Step>,
    result: &'a mut Comparison,
}

impl Walk<'_> {
    fn pair(&mut self, shape: &Shape, old: Option<&Value>, new: Option<&Value>) {
        let view =
            |value: Option<&Value>| value.filter(|value| !value.is_null()).map(|value| shape.view(value));
        let (before, after) = (view(old), view(new));
        let is_leaf = match (before, after) {
            (None, None) => true,
            (Some(view), None) | (None, Some(view)) => view == View::Leaf || both_empty(old, new),
            (Some(before), Some(after)) => before != after || before == View::Leaf || both_empty(old, new),
        };
        if is_leaf {
            self.leaf(old, new);
            return;
        }
        match before.or(after) {
            Some(View::Object) => self.objects(shape, old, new),
            _ => self.lists(shape, old, new),
        }
        match (old, new) {
            (None, Some(_)) => self.result.added.insert(&self.path),
            (Some(_), None) => self.result.removed.insert(&self.path),
            _ => {}
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, Some(_)) => self.result.added.insert(&self.path),
            (Some(_), None) => self.result.removed.insert(&self.path),
            (old, new) if old != new => self.result.modified.insert(&self.path),
            _ => {}
        }
    }

    fn objects(&mut self, shape: &Shape, old: Option<&Value>, new: Option<&Value>) {
        let empty = Map::new();
        let fields = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned();
        let (old, new) = (fields(old).unwrap_or_default(), fields(new).unwrap_or(empty));
        let only_new = new.keys().filter(|name| !old.contains_key(*name));
        for name in old.keys().chain(only_new) {
            self.path.push(Step::field(name));
            self.pair(shape.field(name), old.get(name), new.get(name));
            self.path.pop();
        }
    }

    fn lists(&mut self, shape: &Shape, old: Option<&Value>, new: Option<&Value>) {
        let (old, new) = (items_by_step(shape, old), items_by_step(shape, new));
        let find = |items: &[(Step, &Value)], step: &Step| items.iter().position(|(found, _)| found == step);
        for (step, item) in &old {
            self.path.push(step.clone());
            self.pair(shape.item(), Some(item), find(&new, step).map(|index| new[index].1));
            self.path.pop();
        }
        for (step, item) in new.iter().filter(|(step, _)| find(&old, step).is_none()) {
            self.path.push(step.clone());
            self.pair(shape.item(), None, Some(item));
            self.path.pop();
        }
    }
}

/// Items of a list with the steps to them; of items with one key the first counts.
pub(crate) fn items_by_step<'a>(shape: &Shape, list: Option<&'a Value>) -> Vec<(Step, &'a Value)> {
    let mut found: Vec<(Step, &Value)> = Vec::new();
    for item in list.and_then(Value::as_array).into_iter().flatten() {
        let step = shape.step_to(item);
        if !found.iter().any(|(known, _)| *known == step) {
            found.push((step, item));
        }
    }
    found
}

fn both_empty(old: Option<&Value>, new: Option<&Value>) -> bool {
    let empty = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    };
    empty(old) && empty(new)
}
