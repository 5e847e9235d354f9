//! Objects as tables for people (`Accept: application/json;as=Table`).

use serde_json::{Value, json};

use super::render::partial;
use crate::{
    kinds::{Behaviour, Resource},
    object,
};

mod age;
mod cells;
mod columns;
mod json_path;

use self::{age::human_duration, columns::columns_of};

/// What rows carry beside their cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowObject {
    None,
    Metadata,
    Whole,
}

impl RowObject {
    /// Reads `includeObject`.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        match text {
            Some("None") => Self::None,
            Some("Object") => Self::Whole,
            _ => Self::Metadata,
        }
    }
}

/// One column: its definition, and how an object fills it.
pub(crate) struct Column {
    definition: Value,
    cell: Box<dyn Fn(&Value) -> Value>,
}

/// A table of objects of one kind, with the metadata of the list they come from.
pub(crate) fn table(resource: &Resource, objects: &[Value], metadata: &Value, rows: RowObject) -> Value {
    let columns = columns(resource);
    let definitions: Vec<&Value> = columns.iter().map(|column| &column.definition).collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells: Vec<Value> = columns.iter().map(|column| (column.cell)(object)).collect();
            let shown = match rows {
                RowObject::None => Value::Null,
                RowObject::Metadata => partial(object),
                RowObject::Whole => object.clone(),
            };
            json!({ "cells": cells, "object": shown })
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn columns(resource: &Resource) -> Vec<Column> {
    match &resource.behaviour {
        Behaviour::Builtin(builtin) => columns_of(builtin.kind),
        Behaviour::Custom(custom) => {
            let mut columns = vec![name_column()];
            if custom.columns.is_empty() {
                columns.push(age_column());
            }
            columns.extend(custom.columns.iter().map(declared_column));
            columns
        }
    }
}

/// A column of text or numbers.
fn column(name: &str, kind: &str, priority: u32, cell: impl Fn(&Value) -> Value + 'static) -> Column {
    let definition =
        json!({ "name": name, "type": kind, "format": "", "description": "", "priority": priority });
    Column { definition, cell: Box::new(cell) }
}

fn name_column() -> Column {
    let mut column = column("Name", "string", 0, |object| object::name(object).into());
    column.definition["format"] = "name".into();
    column
}

fn age_column() -> Column {
    column("Age", "string", 0, |object| age_of(object::meta_str(object, "creationTimestamp")))
}

/// The time since a moment, for people.
fn age_of(time: &str) -> Value {
    match time.parse::<jiff::Timestamp>() {
        Ok(time) => human_duration(object::now().duration_since(time).as_secs()).into(),
        Err(_) => "<unknown>".into(),
    }
}

/// A column of a definition's `additionalPrinterColumns`.
fn declared_column(declared: &Value) -> Column {
    let text = |field: &str| declared[field].as_str().unwrap_or_default().to_owned();
    let definition = json!({
        "name": text("name"),
        "type": text("type"),
        "format": text("format"),
        "description": text("description"),
        "priority": declared["priority"].as_i64().unwrap_or(0),
    });
    let path = text("jsonPath");
    let kind = text("type");
    let cell = move |object: &Value| match (json_path::find(object, &path).first(), kind.as_str()) {
        (None | Some(Value::Null), _) => Value::Null,
        (Some(Value::String(time)), "date") => age_of(time),
        (Some(found), "string") => match found {
            Value::String(text) => text.clone().into(),
            other => other.to_string().into(),
        },
        (Some(found), _) => (*found).clone(),
    };
    Column { definition, cell: Box::new(cell) }
}
