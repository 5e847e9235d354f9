//! A container's environment: pure. Values that begin with a mount path are rewritten to what stands for the mount; values
//! of Secrets are not, because a key is no path.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVarSource};

use super::{
    downward::SelfKnowledge,
    hindrance::{Hindrance, HindranceKind},
    mounts::Mounts,
    sources::{Content, Sources},
};

/// A container's variables.
pub(crate) type Environment = BTreeMap<String, String>;

/// What an environment is made from, beside the container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnvironmentInputs<'a> {
    pub(crate) knowledge: SelfKnowledge<'a>,
    pub(crate) sources: &'a Sources,
    pub(crate) mounts: &'a Mounts,
}

impl EnvironmentInputs<'_> {
    /// The variables that a container's specification sets.
    pub(crate) fn of(&self, container: &Container) -> Result<Environment, Hindrance> {
        let mut all = Environment::new();
        for source in container.env_from.iter().flatten() {
            all.extend(self.all_of(source).map_err(|why| configuration(container, why))?);
        }
        // A value may refer to variables that were set by name before it, not to those of whole sources.
        let mut named = Environment::new();
        for variable in container.env.iter().flatten() {
            let value = match (&variable.value, &variable.value_from) {
                (Some(value), _) => Some(self.mounts.rewrite(&expand(value, &named))),
                (None, Some(source)) => self.one_of(source).map_err(|why| configuration(container, why))?,
                (None, None) => Some(String::new()),
            };
            if let Some(value) = value {
                named.insert(variable.name.clone(), value);
            }
        }
        all.extend(named);
        Ok(all)
    }

    fn all_of(&self, source: &EnvFromSource) -> Result<Environment, String> {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        let (content, is_secret) = match (&source.config_map_ref, &source.secret_ref) {
            (Some(map), _) => (self.config_map(&map.name, map.optional)?, false),
            (None, Some(secret)) => (self.secret(&secret.name, secret.optional)?, true),
            (None, None) => (None, false),
        };
        let variables = content.into_iter().flatten().filter(|(key, _)| !key.contains('='));
        Ok(variables
            .map(|(key, value)| (format!("{prefix}{key}"), self.text(value, is_secret).into_owned()))
            .collect())
    }

    fn one_of(&self, source: &EnvVarSource) -> Result<Option<String>, String> {
        if let Some(field) = &source.field_ref {
            let value = self.knowledge.field(&field.field_path);
            return value.map(Some).ok_or_else(|| format!("unsupported fieldPath: {}", field.field_path));
        }
        if let Some(selector) = &source.config_map_key_ref {
            let content = self.config_map(&selector.name, selector.optional)?;
            let value =
                pick(content, &selector.key, selector.optional, || self.place("ConfigMap", &selector.name))?;
            return Ok(value.map(|value| self.text(value, false).into_owned()));
        }
        if let Some(selector) = &source.secret_key_ref {
            let content = self.secret(&selector.name, selector.optional)?;
            let value =
                pick(content, &selector.key, selector.optional, || self.place("Secret", &selector.name))?;
            return Ok(value.map(|value| self.text(value, true).into_owned()));
        }
        Err("this node has no source of a variable but fields, ConfigMaps and Secrets".to_owned())
    }

    fn config_map(&self, name: &str, optional: Option<bool>) -> Result<Option<&Content>, String> {
        present("configmap", name, self.sources.config_maps.get(name), optional)
    }

    fn secret(&self, name: &str, optional: Option<bool>) -> Result<Option<&Content>, String> {
        present("secret", name, self.sources.secrets.get(name), optional)
    }

    fn text<'v>(&self, value: &'v [u8], is_secret: bool) -> Cow<'v, str> {
        let text = String::from_utf8_lossy(value);
        if is_secret { text } else { Cow::Owned(self.mounts.rewrite(&text)) }
    }

    fn place(&self, kind: &str, name: &str) -> String {
        format!("{kind} {}/{name}", self.knowledge.pod.metadata.namespace.as_deref().unwrap_or_default())
    }
}

fn configuration(container: &Container, message: String) -> Hindrance {
    Hindrance::of_container(&container.name, HindranceKind::Configuration, message)
}

fn present<'a>(
    kind: &str,
    name: &str,
    content: Option<&'a Content>,
    optional: Option<bool>,
) -> Result<Option<&'a Content>, String> {
    match content {
        None if optional != Some(true) => Err(format!("{kind} \"{name}\" not found")),
        content => Ok(content),
    }
}

fn pick<'a>(
    content: Option<&'a Content>,
    key: &str,
    optional: Option<bool>,
    place: impl Fn() -> String,
) -> Result<Option<&'a [u8]>, String> {
    let Some(content) = content else { return Ok(None) };
    match content.get(key) {
        None if optional != Some(true) => Err(format!("couldn't find key {key} in {}", place())),
        value => Ok(value.map(Vec::as_slice)),
    }
}

/// Replaces `$(NAME)` by the variable's value; `$$(NAME)` stays `$(NAME)`, and names that are not known stay.
pub(crate) fn expand(text: &str, variables: &Environment) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match variables.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    use super::*;

    fn environment(container: Value) -> Result<Environment, String> {
        let pod: Pod =
            serde_json::from_value(json!({ "metadata": { "name": "p", "namespace": "n" } })).unwrap();
        let mut container = container;
        container["name"] = "c".into();
        let content = |value: &str| Content::from([("key".to_owned(), value.as_bytes().to_vec())]);
        let sources = Sources {
            config_maps: [("map".to_owned(), content("/data/from-map"))].into(),
            secrets: [("keys".to_owned(), content("/data/secret"))].into(),
            ..Sources::default()
        };
        let mut mounts = Mounts::default();
        mounts.insert("/data", "/folder");
        let knowledge = SelfKnowledge { pod: &pod, address: "127.1.2.3", node: "local" };
        EnvironmentInputs { knowledge, sources: &sources, mounts: &mounts }
            .of(&serde_json::from_value(container).unwrap())
            .map_err(|hindrance| hindrance.message)
    }

    #[test]
    fn variables_in_order_with_references_and_folders() {
        let container = json!({
            "envFrom": [
                { "prefix": "MAP_", "configMapRef": { "name": "map" } },
                { "secretRef": { "name": "keys" } },
                { "secretRef": { "name": "missing", "optional": true } },
            ],
            "env": [
                { "name": "BASE", "value": "/data" },
                { "name": "DEEP", "value": "$(BASE)/deep" },
                { "name": "LATER", "value": "$(key) $(NOT_YET) $$(BASE)" },
                { "name": "ADDRESS", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
                { "name": "FROM_MAP", "valueFrom": { "configMapKeyRef": { "name": "map", "key": "key" } } },
                { "name": "FROM_SECRET", "valueFrom": { "secretKeyRef": { "name": "keys", "key": "key" } } },
                { "name": "NONE", "valueFrom": { "secretKeyRef": { "name": "keys", "key": "x", "optional": true } } },
                { "name": "EMPTY" },
            ],
        });
        let found = environment(container).unwrap();
        let expected = [
            ("ADDRESS", "127.1.2.3"),
            ("BASE", "/folder"),
            ("DEEP", "/folder/deep"),
            ("EMPTY", ""),
            ("FROM_MAP", "/folder/from-map"),
            ("FROM_SECRET", "/data/secret"),
            ("LATER", "$(key) $(NOT_YET) $(BASE)"),
            ("MAP_key", "/folder/from-map"),
            ("key", "/data/secret"),
        ];
        let expected: Environment = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        let one = |source: Value| {
            environment(json!({ "env": [{ "name": "A", "valueFrom": source }] })).unwrap_err()
        };
        assert_eq!(
            one(json!({ "configMapKeyRef": { "name": "x", "key": "k" } })),
            "configmap \"x\" not found"
        );
        assert_eq!(one(json!({ "secretKeyRef": { "name": "x", "key": "k" } })), "secret \"x\" not found");
        assert_eq!(
            one(json!({ "secretKeyRef": { "name": "keys", "key": "k" } })),
            "couldn't find key k in Secret n/keys"
        );
        assert_eq!(one(json!({ "fieldRef": { "fieldPath": "spec.x" } })), "unsupported fieldPath: spec.x");
        let all = environment(json!({ "envFrom": [{ "configMapRef": { "name": "x" } }] })).unwrap_err();
        assert_eq!(all, "configmap \"x\" not found");
    }

    #[test]
    fn references_expand_as_in_a_kubelet() {
        let variables = Environment::from([("A".to_owned(), "1".to_owned())]);
        for (text, expected) in [
            ("$(A)$(B)", "1$(B)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("a$b", "a$b"),
            ("$(A", "$(A"),
            ("100$", "100$"),
        ] {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
