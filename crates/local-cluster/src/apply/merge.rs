//! Laying an applied configuration over the live object.

use serde_json::{Map, Value};

use super::{
    compare::items_by_step,
    field_set::Step,
    shape::{Shape, View},
};

/// The live value with all that the configuration says.
pub(crate) fn merge(shape: &Shape, live: &Value, config: &Value) -> Value {
    if live.is_null() || shape.view(live) != shape.view(config) {
        return config.clone();
    }
    match (shape.view(config), live, config) {
        (View::Object, Value::Object(live), Value::Object(config)) => {
            let mut merged: Map<String, Value> = live.clone();
            for (name, value) in config {
                let value = match live.get(name) {
                    Some(found) => merge(shape.field(name), found, value),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (View::List, Value::Array(items), Value::Array(_)) => merge_lists(shape, items, live, config),
        _ => config.clone(),
    }
}

/// Shared and new items keep the configuration's order; items that only the live list has keep their place
/// before the shared item that they stood before.
fn merge_lists(shape: &Shape, live_items: &[Value], live: &Value, config: &Value) -> Value {
    let live_by_step = items_by_step(shape, Some(live));
    let config_by_step = items_by_step(shape, Some(config));
    let in_live = |step: &Step| live_by_step.iter().find(|(found, _)| found == step);
    let in_config = |step: &Step| config_by_step.iter().any(|(found, _)| found == step);
    let live_steps: Vec<Step> = live_items.iter().map(|item| shape.step_to(item)).collect();
    let mut shared =
        config_by_step.iter().map(|(step, _)| step).filter(|step| in_live(step).is_some()).peekable();
    let mut merged = Vec::new();
    let mut place = 0;
    for (step, item) in &config_by_step {
        while let Some(at) = live_steps.get(place) {
            if !in_config(at) {
                merged.push(live_items[place].clone());
            } else if at == step || shared.peek().is_none_or(|next| *next == at) {
                break;
            }
            place += 1;
        }
        if live_steps.get(place) == Some(step) {
            place += 1;
        }
        shared.next_if(|next| *next == step);
        merged.push(match in_live(step) {
            Some((_, live)) => merge(shape.item(), live, item),
            None => (*item).clone(),
        });
    }
    let rest = live_items.iter().zip(&live_steps).skip(place).filter(|(_, step)| !in_config(step));
    merged.extend(rest.map(|(item, _)| item.clone()));
    Value::Array(merged)
}

#[cfg(test)]
mod tests {
    use ambient_schema::Schema;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_lists() {
        let schema =
            json!({ "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "set" });
        let shape = Shape::of_schema(&Schema::parse(&schema, "").unwrap());
        for (live, config, wanted) in [
            ("a", "b", "ab"),
            ("abc", "ca", "bca"),
            ("abcd", "xbdy", "axbcdy"),
            ("abc", "abc", "abc"),
            ("abc", "cba", "cba"),
            ("", "ab", "ab"),
            ("xaybz", "ba", "xybza"),
        ] {
            let list = |text: &str| text.chars().map(|c| Value::from(c.to_string())).collect::<Value>();
            assert_eq!(merge(&shape, &list(live), &list(config)), list(wanted), "{live} + {config}");
        }
    }
}
