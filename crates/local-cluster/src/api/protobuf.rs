//! Reading the protobuf bodies in which `kubectl` sends a few built-in kinds.
//!
//! Field numbers are those of the `generated.proto` files of `k8s.io/api` and `k8s.io/apimachinery`. Kinds
//! that are not in the table are refused as an unsupported media type; answers are always JSON.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

/// The content type.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// What every Kubernetes protobuf document begins with.
const MAGIC: &[u8] = b"k8s\0";

/// The type of a field. `Many` is a repeated one.
enum Type {
    Text,
    Number,
    Flag,
    Bytes,
    Time,
    TextMap,
    BytesMap,
    Message(Fields),
    Many(&'static Type),
}

/// Fields of a message: number, JSON name, type.
type Fields = &'static [(u64, &'static str, Type)];

/// Reads a document of a kind; none if the kind is not in the table or the bytes are no such document.
pub(crate) fn decode(kind: &str, body: &[u8]) -> Option<Value> {
    const ENVELOPE: Fields = &[(1, "type", Type::Message(TYPE_META)), (2, "raw", Type::Bytes)];
    let fields = fields_of(kind)?;
    let envelope = message(body.strip_prefix(MAGIC)?, ENVELOPE)?;
    let raw = BASE64_STANDARD.decode(envelope.get("raw")?.as_str()?).ok()?;
    let mut object = message(&raw, fields)?;
    for field in ["apiVersion", "kind"] {
        object.insert(field.to_owned(), envelope.get("type")?.get(field)?.clone());
    }
    Some(Value::Object(object))
}

fn fields_of(kind: &str) -> Option<Fields> {
    Some(match kind {
        "Namespace" => NAMESPACE,
        "ConfigMap" => CONFIG_MAP,
        "Secret" => SECRET,
        "ServiceAccount" => SERVICE_ACCOUNT,
        "Role" | "ClusterRole" => ROLE,
        "RoleBinding" | "ClusterRoleBinding" => BINDING,
        "SelfSubjectAccessReview" | "SubjectAccessReview" | "LocalSubjectAccessReview" => ACCESS_REVIEW,
        "SelfSubjectReview" => SELF_REVIEW,
        "TokenReview" => TOKEN_REVIEW,
        _ => return None,
    })
}

const TEXTS: Type = Type::Many(&Type::Text);
const TYPE_META: Fields = &[(1, "apiVersion", Type::Text), (2, "kind", Type::Text)];
const META: Type = Type::Message(&[
    (1, "name", Type::Text),
    (2, "generateName", Type::Text),
    (3, "namespace", Type::Text),
    (5, "uid", Type::Text),
    (6, "resourceVersion", Type::Text),
    (7, "generation", Type::Number),
    (8, "creationTimestamp", Type::Time),
    (11, "labels", Type::TextMap),
    (12, "annotations", Type::TextMap),
    (14, "finalizers", TEXTS),
]);
const NAMESPACE: Fields = &[(1, "metadata", META), (2, "spec", Type::Message(&[(1, "finalizers", TEXTS)]))];
const CONFIG_MAP: Fields = &[
    (1, "metadata", META),
    (2, "data", Type::TextMap),
    (3, "binaryData", Type::BytesMap),
    (4, "immutable", Type::Flag),
];
const SECRET: Fields = &[
    (1, "metadata", META),
    (2, "data", Type::BytesMap),
    (3, "type", Type::Text),
    (4, "stringData", Type::TextMap),
    (5, "immutable", Type::Flag),
];
const SERVICE_ACCOUNT: Fields = &[(1, "metadata", META), (4, "automountServiceAccountToken", Type::Flag)];
const RULE: Type = Type::Message(&[
    (1, "verbs", TEXTS),
    (2, "apiGroups", TEXTS),
    (3, "resources", TEXTS),
    (4, "resourceNames", TEXTS),
    (5, "nonResourceURLs", TEXTS),
]);
const ROLE: Fields = &[(1, "metadata", META), (2, "rules", Type::Many(&RULE))];
const SUBJECT: Type = Type::Message(&[
    (1, "kind", Type::Text),
    (2, "apiGroup", Type::Text),
    (3, "name", Type::Text),
    (4, "namespace", Type::Text),
]);
const BINDING: Fields = &[
    (1, "metadata", META),
    (2, "subjects", Type::Many(&SUBJECT)),
    (
        3,
        "roleRef",
        Type::Message(&[(1, "apiGroup", Type::Text), (2, "kind", Type::Text), (3, "name", Type::Text)]),
    ),
];
const RESOURCE_ATTRIBUTES: Type = Type::Message(&[
    (1, "namespace", Type::Text),
    (2, "verb", Type::Text),
    (3, "group", Type::Text),
    (4, "version", Type::Text),
    (5, "resource", Type::Text),
    (6, "subresource", Type::Text),
    (7, "name", Type::Text),
]);
const ACCESS_REVIEW: Fields = &[
    (1, "metadata", META),
    (
        2,
        "spec",
        Type::Message(&[
            (1, "resourceAttributes", RESOURCE_ATTRIBUTES),
            (2, "nonResourceAttributes", Type::Message(&[(1, "path", Type::Text), (2, "verb", Type::Text)])),
            (3, "user", Type::Text),
            (4, "groups", TEXTS),
            (6, "uid", Type::Text),
        ]),
    ),
];
const SELF_REVIEW: Fields = &[(1, "metadata", META)];
const TOKEN_REVIEW: Fields = &[
    (1, "metadata", META),
    (2, "spec", Type::Message(&[(1, "token", Type::Text), (2, "audiences", TEXTS)])),
];

/// One field on the wire.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn message(mut bytes: &[u8], fields: Fields) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    while !bytes.is_empty() {
        let (number, wire) = next_field(&mut bytes)?;
        let Some((_, name, kind)) = fields.iter().find(|(known, _, _)| *known == number) else { continue };
        match kind {
            Type::TextMap | Type::BytesMap => {
                let entries = object.entry(*name).or_insert_with(|| json!({}));
                let value = if matches!(kind, Type::TextMap) { Type::Text } else { Type::Bytes };
                let (key, value) = entry(wire, &value)?;
                entries[key] = value;
            }
            Type::Many(item) => {
                let list = object.entry(*name).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(value(wire, item)?);
            }
            // The encoder writes empty text for fields that are not set.
            Type::Text if matches!(wire, Wire::Bytes([])) => {}
            single => {
                let value = value(wire, single)?;
                if !value.is_null() {
                    object.insert((*name).to_owned(), value);
                }
            }
        }
    }
    Some(object)
}

fn value(wire: Wire<'_>, kind: &Type) -> Option<Value> {
    Some(match (wire, kind) {
        (Wire::Bytes(bytes), Type::Text) => std::str::from_utf8(bytes).ok()?.into(),
        (Wire::Bytes(bytes), Type::Bytes) => BASE64_STANDARD.encode(bytes).into(),
        (Wire::Bytes(bytes), Type::Message(fields)) => Value::Object(message(bytes, fields)?),
        (Wire::Bytes(bytes), Type::Time) => time(bytes)?,
        (Wire::Number(number), Type::Number) => number.into(),
        (Wire::Number(number), Type::Flag) => (number != 0).into(),
        _ => return None,
    })
}

fn entry(wire: Wire<'_>, kind: &Type) -> Option<(String, Value)> {
    let Wire::Bytes(mut bytes) = wire else { return None };
    let (mut key, mut found) = (String::new(), Value::from(""));
    while !bytes.is_empty() {
        match next_field(&mut bytes)? {
            (1, Wire::Bytes(text)) => key = std::str::from_utf8(text).ok()?.to_owned(),
            (2, wire) => found = value(wire, kind)?,
            _ => {}
        }
    }
    Some((key, found))
}

fn time(mut bytes: &[u8]) -> Option<Value> {
    let mut seconds = 0;
    while !bytes.is_empty() {
        if let (1, Wire::Number(number)) = next_field(&mut bytes)? {
            seconds = i64::from_ne_bytes(number.to_ne_bytes());
        }
    }
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(if seconds == 0 { Value::Null } else { crate::object::format_time(time).into() })
}

fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Wire<'a>)> {
    let tag = varint(bytes)?;
    let wire = match tag & 7 {
        0 => Wire::Number(varint(bytes)?),
        1 => Wire::Bytes(take(bytes, 8)?),
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            Wire::Bytes(take(bytes, length)?)
        }
        5 => Wire::Bytes(take(bytes, 4)?),
        _ => return None,
    };
    Some((tag >> 3, wire))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        bytes.extend_from_slice(content);
        bytes
    }

    #[test]
    fn a_config_map_is_read() {
        let meta =
            [field(1, b"m"), field(2, b""), field(11, &[field(1, b"k"), field(2, b"v")].concat())].concat();
        let raw =
            [field(1, &meta), field(2, &[field(1, b"a"), field(2, b"1")].concat()), vec![4 << 3, 1]].concat();
        let kind = [field(1, b"v1"), field(2, b"ConfigMap")].concat();
        let body = [MAGIC.to_vec(), field(1, &kind), field(2, &raw)].concat();
        assert_eq!(
            decode("ConfigMap", &body).unwrap(),
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m", "labels": { "k": "v" } },
                "data": { "a": "1" }, "immutable": true,
            })
        );
        assert!(decode("Pod", &body).is_none());
        assert!(decode("ConfigMap", &body[..body.len() - 3]).is_none());
    }
}
