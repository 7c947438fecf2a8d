//! TOML text to a tree, lines kept.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::tree::{Entry, Node, Table, Value};
use crate::{DefinitionError, Place};

/// Parses a definition. `file` is the name that errors give.
pub(crate) fn parse(text: &str, file: &Arc<str>) -> Result<Table, DefinitionError> {
    let document = DeTable::parse(text).map_err(|error| syntax(text, file, &error))?;
    let place = |span: Range<usize>| Place::Line(file.clone(), line_of(text, span.start));
    convert_table(document.get_ref(), &place)
}

/// Parses the right side of an override: a TOML value, or else the text itself as a string.
pub(crate) fn parse_value(text: &str, place: &Place) -> Result<Node, DefinitionError> {
    match DeValue::parse(text) {
        Ok(value) => convert(&value, &|_| place.clone()),
        Err(_) => Ok(Node {
            value: Value::String(text.to_owned()),
            place: place.clone(),
        }),
    }
}

fn convert_table(table: &DeTable<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Result<Table, DefinitionError> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table.iter() {
        let key_place = place(key.span());
        let mut node = convert(value, place)?;
        // Of a table the parser gives the span of its header; of a dotted key's implied table, nothing useful.
        if matches!(node.value, Value::Table(_)) {
            node.place = key_place.clone();
        }
        entries.push(Entry {
            key: key.get_ref().to_string(),
            key_place,
            node,
        });
    }
    Ok(Table(entries))
}

fn convert(value: &Spanned<DeValue<'_>>, place: &dyn Fn(Range<usize>) -> Place) -> Result<Node, DefinitionError> {
    let here = place(value.span());
    let invalid = |found: &str, expected: &str| DefinitionError::Invalid {
        place: here.clone(),
        key: String::new(),
        message: format!("found {found}, expected {expected}"),
    };
    let converted = match value.get_ref() {
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::String(value) => Value::String(value.to_string()),
        DeValue::Datetime(value) => Value::String(value.to_string()),
        DeValue::Integer(value) => {
            let digits = value.as_str();
            match i64::from_str_radix(digits, value.radix()) {
                Ok(value) => Value::Integer(value),
                Err(_) => return Err(invalid(digits, "a whole number of at most 64 bits")),
            }
        }
        DeValue::Float(value) => match value.as_str().parse::<f64>() {
            Ok(value) if value.is_finite() => Value::Float(value),
            _ => return Err(invalid(value.as_str(), "a finite number")),
        },
        DeValue::Array(values) => Value::Array(
            values
                .iter()
                .map(|value| convert(value, place))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, place)?),
    };
    Ok(Node {
        value: converted,
        place: here,
    })
}

fn syntax(text: &str, file: &Arc<str>, error: &toml::de::Error) -> DefinitionError {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    DefinitionError::Syntax {
        file: file.to_string(),
        line: line_of(text, start),
        column: text[line_start..start].chars().count() + 1,
        message: error.message().to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}
