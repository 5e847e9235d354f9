//! Every field is described and bounded: the API server refuses CEL rules over its cost budget, etcd large objects.

use serde_json::Value;

/// Calls `check` with each schema of a kind and its path.
fn each_schema(check: &mut impl FnMut(&str, &Value)) {
    for definition in ambient_crds::crd::all() {
        let schema = ambient_crds::crd::schema(&definition);
        for part in ["spec", "status"] {
            let path = format!("{}.{part}", definition.spec.names.kind);
            walk(&schema["properties"][part], &path, check);
        }
    }
}

fn walk(schema: &Value, path: &str, check: &mut impl FnMut(&str, &Value)) {
    check(path, schema);
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        walk(inner, &format!("{path}.{name}"), check);
    }
    for key in ["items", "additionalProperties"] {
        schema.get(key).into_iter().for_each(|inner| walk(inner, &format!("{path}[]"), check));
    }
}

#[test]
fn every_field_has_limits() {
    let mut missing = Vec::new();
    each_schema(&mut |path, schema| {
        let needed: &[&str] = match schema["type"].as_str() {
            _ if schema.get("enum").is_some() => &[],
            Some("string") => &["maxLength"],
            Some("integer") => &["minimum", "maximum", "format"],
            Some("number") => &["minimum", "maximum"],
            Some("array") => &["maxItems", "x-kubernetes-list-type"],
            Some("object") if schema.get("additionalProperties").is_some() => &["maxProperties"],
            Some("object" | "boolean") => &[],
            None if schema["x-kubernetes-int-or-string"] == true => &["maxLength", "pattern", "maximum"],
            other => panic!("{path} has type {other:?}"),
        };
        let lacking = needed.iter().filter(|key| schema.get(**key).is_none());
        missing.extend(lacking.map(|key| format!("{path}: {key}")));
        if schema["x-kubernetes-list-type"] == "map"
            && schema["x-kubernetes-list-map-keys"].as_array().is_none()
        {
            missing.push(format!("{path}: x-kubernetes-list-map-keys"));
        }
    });
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn keys_of_list_maps_are_required() {
    each_schema(&mut |path, schema| {
        for key in schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten() {
            let required =
                schema["items"]["required"].as_array().is_some_and(|required| required.contains(key));
            assert!(required, "{path}: an API server wants key {key} to be required or to have a default");
        }
    });
}

#[test]
fn every_field_is_described_in_a_sentence() {
    each_schema(&mut |path, schema| {
        if !path.ends_with("[]") {
            let description = schema["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.') && !description.contains('\n'), "{path}: {description:?}");
        }
    });
}

#[test]
fn formats_are_those_kubernetes_knows() {
    each_schema(&mut |path, schema| {
        if let Some(format) = schema.get("format").and_then(Value::as_str) {
            assert!(["int32", "int64", "double", "date-time"].contains(&format), "{path}: {format}");
        }
        assert!(schema.get("nullable").is_none(), "{path} is nullable");
    });
}
