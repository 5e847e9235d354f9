//! The JSON paths of printer columns: `.a.b`, `.a[0]`, `.a[*].b`, `.a[?(@.type=="Ready")].status`.

use serde_json::Value;

/// The values at a path; none if the path leads nowhere or is not understood.
pub(crate) fn find<'a>(object: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![object];
    let mut rest = path.trim().trim_start_matches('{').trim_end_matches('}');
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let Some((inside, after)) = split_bracket(after) else { return Vec::new() };
            found = found.into_iter().flat_map(|value| select(value, inside)).collect();
            rest = after;
        } else {
            let trimmed = rest.trim_start_matches('.');
            let (name, after) = split_name(trimmed);
            if name.is_empty() {
                return if after.is_empty() { found } else { Vec::new() };
            }
            let name = name.replace("\\.", ".");
            found = found.into_iter().filter_map(|value| value.get(&name)).collect();
            rest = after;
        }
    }
    found
}

/// The name up to the next unescaped dot or bracket.
fn split_name(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            '\\' => escaped = true,
            '.' | '[' if !escaped => return text.split_at(index),
            _ => escaped = false,
        }
    }
    (text, "")
}

/// What stands in a bracket, quotes and parentheses respected, and what follows it.
fn split_bracket(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, ']') => return Some((&text[..index], &text[index + 1..])),
            _ => {}
        }
    }
    None
}

fn select<'a>(value: &'a Value, inside: &str) -> Vec<&'a Value> {
    if inside == "*" {
        return match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(fields) => fields.values().collect(),
            _ => Vec::new(),
        };
    }
    if let Some(condition) = inside.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        return items.iter().filter(|item| holds(item, condition)).collect();
    }
    let name = inside.trim_matches(['"', '\'']);
    if name.len() < inside.len() {
        return value.get(name).into_iter().collect();
    }
    let Some(items) = value.as_array() else { return Vec::new() };
    let index =
        inside.parse::<i64>().ok().map(|index| if index < 0 { index + items.len() as i64 } else { index });
    index
        .and_then(|index| usize::try_from(index).ok())
        .and_then(|index| items.get(index))
        .into_iter()
        .collect()
}

fn holds(item: &Value, condition: &str) -> bool {
    let (left, right, wanted) = match (condition.split_once("=="), condition.split_once("!=")) {
        (Some((left, right)), _) => (left, right, true),
        (None, Some((left, right))) => (left, right, false),
        (None, None) => return !find(item, condition.trim().trim_start_matches('@')).is_empty(),
    };
    let found = find(item, left.trim().trim_start_matches('@'));
    let right = right.trim();
    let text = right.trim_matches(['"', '\'']);
    let equal = found.first().is_some_and(|value| match value {
        Value::String(found) => found == text,
        other => format!("{other}") == right,
    });
    equal == wanted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths() {
        let object = json!({
            "spec": { "n": 3, "list": ["a", "b"], "x.y": "dotted" },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }, { "type": "Other", "status": "False" }] },
        });
        for (path, wanted) in [
            (".spec.n", json!([3])),
            (".spec.list[1]", json!(["b"])),
            (".spec.list[-1]", json!(["b"])),
            (".spec.list[*]", json!(["a", "b"])),
            (".spec.x\\.y", json!(["dotted"])),
            (".spec['x.y']", json!(["dotted"])),
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["True"])),
            (".status.conditions[?(@.type!='Ready')].status", json!(["False"])),
            (".no.where", json!([])),
        ] {
            assert_eq!(json!(find(&object, path)), wanted, "{path}");
        }
    }
}
