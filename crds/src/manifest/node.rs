//! A value as it is read: JSON and positions, in one pass.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

use super::positions::{Inner, Position, Positions};

/// A value and the positions of the values within it.
pub(super) struct Node {
    /// The value.
    pub(super) value: Value,
    /// The values within.
    pub(super) inner: Inner,
}

impl Node {
    fn scalar(value: impl Into<Value>) -> Self {
        Self { value: value.into(), inner: Inner::Nothing }
    }

    /// The positions of this value, which stands at `at`.
    pub(super) fn placed(self, at: Position) -> (Value, Positions) {
        (self.value, Positions { at, inner: self.inner })
    }
}

/// Lines and columns beyond 32 bits do not occur: files are bounded.
pub(super) fn position(location: &Location) -> Position {
    let number = |count: u64| u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    Position { line: number(location.line()), column: number(location.column()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("the number is not finite"))?;
        Ok(Node::scalar(Value::Number(number)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let (mut values, mut places) = (Vec::new(), Vec::new());
        while let Some(item) = sequence.next_element::<Spanned<Node>>()? {
            let at = position(&item.referenced);
            let (value, positions) = item.value.placed(at);
            values.push(value);
            places.push(positions);
        }
        Ok(Node { value: Value::Array(values), inner: Inner::Items(places) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Node, A::Error> {
        let (mut values, mut places) = (Map::new(), BTreeMap::new());
        while let Some(key) = mapping.next_key::<Spanned<String>>()? {
            let node: Node = mapping.next_value()?;
            let (value, positions) = node.placed(position(&key.referenced));
            values.insert(key.value.clone(), value);
            places.insert(key.value, positions);
        }
        Ok(Node { value: Value::Object(values), inner: Inner::Fields(places) })
    }
}
