//! One file read as one table: `orders.csv` is the table `orders`.
//!
//! A column's type is the narrowest one that holds all its values: BOOLEAN, INT, FLOAT, DATE (`2026-01-31`), else TEXT. An
//! empty CSV field is NULL, and so is a field missing in a JSON object.

use std::path::Path;

use gluesql_core::ast::ColumnDef;
use gluesql_core::chrono::NaiveDate;
use gluesql_core::data::Schema;
use gluesql_core::prelude::{DataType, Value as Cell};
use serde_json::Value;

use crate::error::Error;

/// A table in memory.
pub(crate) struct Table {
    pub(crate) schema: Schema,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// Returns the name of the table in a file, or `None` if the file holds no table.
pub(crate) fn name_of(file: &Path) -> Option<&str> {
    let known = matches!(file.extension()?.to_str()?, "csv" | "json");
    let name = file.file_stem()?.to_str()?;
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    (known && plain).then_some(name)
}

/// Reads a file named by [`name_of`].
pub(crate) fn read(file: &Path, name: &str) -> Result<Table, Error> {
    let unusable = |reason: String| Error::File { file: name.to_owned(), reason };
    let text = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let (headers, records) = match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => from_json(&text).map_err(unusable)?,
        _ => from_csv(&text).map_err(unusable)?,
    };
    let kinds = kinds(headers.len(), &records);
    let rows = records
        .into_iter()
        .map(|record| record.into_iter().zip(&kinds).map(|(value, kind)| cell(value, kind)).collect())
        .collect();
    let columns = headers.into_iter().zip(kinds).map(|(name, data_type)| column(name, data_type)).collect();
    let schema = Schema {
        table_name: name.to_owned(),
        column_defs: Some(columns),
        indexes: Vec::new(),
        engine: None,
        foreign_keys: Vec::new(),
        comment: None,
    };
    Ok(Table { schema, rows })
}

fn column(name: String, data_type: DataType) -> ColumnDef {
    ColumnDef { name, data_type, nullable: true, default: None, unique: None, comment: None }
}

type Records = (Vec<String>, Vec<Vec<Value>>);

fn from_csv(text: &[u8]) -> Result<Records, String> {
    let mut reader = csv::Reader::from_reader(text);
    let headers = reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
    let mut records = Vec::new();
    for record in reader.records() {
        records.push(record.map_err(|error| error.to_string())?.iter().map(from_field).collect());
    }
    Ok((headers, records))
}

/// Reads a CSV field narrowly: `007` and `+1` stay text.
fn from_field(field: &str) -> Value {
    match field {
        "" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if field.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            match serde_json::from_str(field) {
                Ok(Value::Number(number)) => Value::Number(number),
                _ => field.into(),
            }
        }
        _ => field.into(),
    }
}

fn from_json(text: &[u8]) -> Result<Records, String> {
    let Value::Array(objects) = serde_json::from_slice(text).map_err(|error| error.to_string())? else {
        return Err("a table is an array of objects".to_owned());
    };
    let mut headers: Vec<String> = Vec::new();
    for object in &objects {
        let object = object.as_object().ok_or("a table is an array of objects")?;
        headers.extend(object.keys().filter(|key| !headers.contains(key)).cloned().collect::<Vec<_>>());
    }
    let records = objects
        .iter()
        .map(|object| headers.iter().map(|header| object.get(header).cloned().unwrap_or_default()).collect())
        .collect();
    Ok((headers, records))
}

/// Returns the type of each column, from all its values.
fn kinds(width: usize, records: &[Vec<Value>]) -> Vec<DataType> {
    (0..width)
        .map(|position| {
            records
                .iter()
                .filter_map(|record| kind(record.get(position)?))
                .reduce(|one, other| match (one, other) {
                    (one, other) if one == other => one,
                    (DataType::Int, DataType::Float) | (DataType::Float, DataType::Int) => DataType::Float,
                    _ => DataType::Text,
                })
                .unwrap_or(DataType::Text)
        })
        .collect()
}

fn kind(value: &Value) -> Option<DataType> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => DataType::Boolean,
        Value::Number(number) if number.is_i64() => DataType::Int,
        Value::Number(_) => DataType::Float,
        Value::String(text) if date(text).is_some() => DataType::Date,
        Value::String(_) | Value::Array(_) | Value::Object(_) => DataType::Text,
    })
}

fn date(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

fn cell(value: Value, kind: &DataType) -> Cell {
    match (kind, value) {
        (_, Value::Null) => Cell::Null,
        (DataType::Boolean, Value::Bool(value)) => Cell::Bool(value),
        (DataType::Int, Value::Number(number)) => number.as_i64().map_or(Cell::Null, Cell::I64),
        (DataType::Float, Value::Number(number)) => number.as_f64().map_or(Cell::Null, Cell::F64),
        (DataType::Date, Value::String(text)) => date(&text).map_or(Cell::Null, Cell::Date),
        (_, Value::String(text)) => Cell::Str(text),
        (_, other) => Cell::Str(other.to_string()),
    }
}
