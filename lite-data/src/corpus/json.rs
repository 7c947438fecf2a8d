//! A line of JSON as a line of text: one field of its object, line breaks in it replaced.
//!
//! Rules: the field must be there once and be text. A run of line breaks (`\n`, `\r`, `\r\n`), with the white space around
//! it, becomes one space, or the configured word between two spaces; at the beginning and at the end it is taken away.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::config::JsonField;

/// The text of a line, or what is wrong with it.
pub fn text_of(line: &str, json: &JsonField) -> Result<String, String> {
    let mut reader = serde_json::Deserializer::from_str(line);
    let found = Find(&json.field).deserialize(&mut reader);
    let found = found.and_then(|found| reader.end().map(|()| found));
    match found.map_err(|error| format!("no object of JSON: {error}"))? {
        Found::Once(Value::String(text)) if text.contains('\0') => {
            Err(format!("the field `{}` holds a NUL", json.field))
        }
        Found::Once(Value::String(text)) => Ok(on_one_line(&text, &json.line_break)),
        Found::Once(value) => Err(format!("the field `{}` is {}, expected text", json.field, kind(&value))),
        Found::Never(keys) => Err(format!("no field `{}`; there are {keys}", json.field)),
        Found::Twice => Err(format!("the field `{}` stands there twice", json.field)),
    }
}

fn on_one_line(text: &str, line_break: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for part in text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
            if !line_break.is_empty() {
                line.push_str(line_break);
                line.push(' ');
            }
        }
        line.push_str(part);
    }
    line
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

enum Found {
    Once(Value),
    Twice,
    /// The keys that are there.
    Never(String),
}

/// Looks for one key and keeps nothing of the values of others.
struct Find<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Find<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        /// Keys that an error names at most.
        const SHOWN: usize = 8;
        let mut found = None;
        let mut twice = false;
        let mut keys = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                twice |= found.is_some();
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
                if keys.len() < SHOWN {
                    keys.push(format!("`{}`", key.chars().take(40).collect::<String>()));
                }
            }
        }
        Ok(match found {
            Some(_) if twice => Found::Twice,
            Some(value) => Found::Once(value),
            None if keys.is_empty() => Found::Never("none".into()),
            None => Found::Never(keys.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, line_break: &str) -> Result<String, String> {
        text_of(
            line,
            &JsonField {
                field: "dialogue".into(),
                line_break: line_break.into(),
            },
        )
    }

    #[test]
    fn line_breaks_follow_the_rule() {
        let line = r#"{"id": 7, "dialogue": "\r\n Ann: hi \r\n\r\n \nBob: caf\u00e9?\rAnn: yes\n"}"#;
        assert_eq!(read(line, "|").unwrap(), "Ann: hi | Bob: café? | Ann: yes");
        assert_eq!(read(line, "").unwrap(), "Ann: hi Bob: café? Ann: yes");
        assert_eq!(read(r#"{"dialogue": "\n \n"}"#, "|").unwrap(), "");
        assert_eq!(read(r#"{"dialogue": "a  b\t"}"#, "|").unwrap(), "a  b");
    }

    #[test]
    fn what_is_no_text_is_said() {
        let check = |line: &str, expected: &str| {
            let found = read(line, "").unwrap_err();
            assert!(found.starts_with(expected), "{found}");
        };
        check(
            r#"{"id": 1, "summary": "x"}"#,
            "no field `dialogue`; there are `id`, `summary`",
        );
        check("{}", "no field `dialogue`; there are none");
        check(r#"{"dialogue": 7}"#, "the field `dialogue` is a number, expected text");
        check(r#"{"dialogue": ["a"]}"#, "the field `dialogue` is a list");
        check(r#"{"dialogue": null}"#, "the field `dialogue` is null");
        check(r#"{"dialogue": "a\u0000b"}"#, "the field `dialogue` holds a NUL");
        check(
            r#"{"dialogue": "a", "dialogue": "b"}"#,
            "the field `dialogue` stands there twice",
        );
        check(
            r#"["a"]"#,
            "no object of JSON: invalid type: sequence, expected an object",
        );
        check(r#"{"dialogue": "a""#, "no object of JSON: EOF");
        check(r#"{"dialogue": "a"} x"#, "no object of JSON: trailing characters");
        check(r#"{"dialogue": "\ud800"}"#, "no object of JSON: ");
        check("", "no object of JSON: EOF");
        // Deep nesting ends in an error, not in the stack.
        let deep = "[".repeat(1 << 18);
        check(
            &format!(r#"{{"dialogue": {deep}"#),
            "no object of JSON: recursion limit",
        );
        check(&format!(r#"{{"other": {deep}"#), "no object of JSON: EOF");
    }
}
