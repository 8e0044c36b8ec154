//! Python's way of writing values: `json.dumps`, `str` and `repr` of what a template can hold.

use crate::budget::{too_long, MAX_LIST_ITEMS, MAX_TEXT_BYTES};
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};
use std::borrow::Cow;
use std::fmt::Write;

/// A JSON string with Python's escapes: control characters, quote, backslash, and with `ascii` whatever is not ASCII.
pub fn write_json_string(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    let mut plain = 0;
    for (place, character) in text.char_indices() {
        let escape = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\0'..='\u{1f}' => "",
            '\u{7f}'.. if ascii && !character.is_ascii() => "",
            _ => continue,
        };
        out.push_str(&text[plain..place]);
        plain = place + character.len_utf8();
        if escape.is_empty() {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a String takes everything");
            }
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// `repr` of a float: the shortest digits that read back, with an exponent from 1e16 up and below 1e-4.
pub fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').expect("an exponent");
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(rest) => ('-', rest),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = format!("{value}");
    if text.contains('.') {
        text
    } else {
        text + ".0"
    }
}

/// What `str.strip` takes away and `str.split` splits at: Unicode's white space and four separators of ASCII.
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// `str` of a value of a template.
pub fn text_of(value: &Value) -> Result<Cow<'_, str>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Cow::Borrowed(text));
    }
    if value.is_undefined() {
        return Ok(Cow::Borrowed(""));
    }
    let mut out = String::new();
    write_repr(&mut out, value, 0, &mut Nodes(0))?;
    Ok(Cow::Owned(out))
}

/// `repr` of a value: what a list prints of its items.
fn write_repr(out: &mut String, value: &Value, depth: usize, nodes: &mut Nodes) -> Result<(), Error> {
    nodes.visit(depth, out.len())?;
    match value.kind() {
        ValueKind::String => write_repr_string(out, value.as_str().unwrap_or_default()),
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::Number => match float_of(value) {
            Some(number) => out.push_str(&float_text(number)),
            None => write!(out, "{value}").expect("a String takes everything"),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let tuple = value.is_tuple();
            out.push(if tuple { '(' } else { '[' });
            let mut count = 0;
            for item in value.try_iter()? {
                if count > 0 {
                    out.push_str(", ");
                }
                count += 1;
                write_repr(out, &item, depth + 1, nodes)?;
            }
            out.push_str(match (tuple, count) {
                (true, 1) => ",)",
                (true, _) => ")",
                (false, _) => "]",
            });
        }
        ValueKind::Map => {
            out.push('{');
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
            for (index, (key, item)) in pairs.into_iter().flatten().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &key, depth + 1, nodes)?;
                out.push_str(": ");
                write_repr(out, &item, depth + 1, nodes)?;
            }
            out.push('}');
        }
        _ => write!(out, "{value}").expect("a String takes everything"),
    }
    Ok(())
}

/// Whether `str.isprintable` holds: Rust's escape for debugging leaves the same characters alone, after the first one.
fn is_printable(character: char) -> bool {
    character == '\'' || character == '"' || format!("a{character}").escape_debug().nth(1) == Some(character)
}

fn write_repr_string(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => {
                out.push('\\');
                out.push(character);
            }
            _ if (' '..='~').contains(&character) || is_printable(character) => out.push(character),
            _ => match u32::from(character) {
                code @ ..=0xff => write!(out, "\\x{code:02x}"),
                code @ ..=0xffff => write!(out, "\\u{code:04x}"),
                code => write!(out, "\\U{code:08x}"),
            }
            .expect("a String takes everything"),
        }
    }
    out.push(quote);
}

/// The number, if the value is a float as Python sees it.
pub fn float_of(value: &Value) -> Option<f64> {
    if value.kind() == ValueKind::Number && !value.is_integer() {
        f64::try_from(value.clone()).ok()
    } else {
        None
    }
}

/// How `json.dumps` writes: its arguments of the same names.
pub struct JsonStyle {
    pub ascii: bool,
    pub indent: Option<String>,
    pub item_separator: String,
    pub key_separator: String,
    pub sort_keys: bool,
}

/// Deeper values are taken for endless.
const MAX_DEPTH: usize = 128;

/// Counts the parts of a value while it is written: one value can stand in many places, and so be larger than memory.
struct Nodes(usize);

impl Nodes {
    fn visit(&mut self, depth: usize, written: usize) -> Result<(), Error> {
        self.0 += 1;
        if depth > MAX_DEPTH {
            return Err(bad(format!("a value that is nested deeper than {MAX_DEPTH} cannot be written")));
        }
        if self.0 > MAX_LIST_ITEMS {
            return Err(bad(format!("a value of more than {MAX_LIST_ITEMS} parts cannot be written")));
        }
        if written > MAX_TEXT_BYTES {
            return Err(too_long());
        }
        Ok(())
    }
}

fn bad(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

impl JsonStyle {
    /// `json.dumps(value)`.
    pub fn write(&self, out: &mut String, value: &Value) -> Result<(), Error> {
        self.write_at(out, value, 0, &mut Nodes(0))
    }

    fn write_at(&self, out: &mut String, value: &Value, depth: usize, nodes: &mut Nodes) -> Result<(), Error> {
        nodes.visit(depth, out.len())?;
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => match float_of(value) {
                Some(number) if number.is_nan() => out.push_str("NaN"),
                Some(number) if number.is_infinite() => {
                    out.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" })
                }
                Some(number) => out.push_str(&float_text(number)),
                None => write!(out, "{value}").expect("a String takes everything"),
            },
            ValueKind::String => write_json_string(out, value.as_str().unwrap_or_default(), self.ascii),
            ValueKind::Seq | ValueKind::Iterable => {
                self.write_items(out, ('[', ']'), value.try_iter()?, depth, |style, out, item| {
                    style.write_at(out, &item, depth + 1, nodes)
                })?;
            }
            ValueKind::Map => {
                let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
                let mut pairs: Vec<(Value, Value)> = pairs.map(Iterator::collect).unwrap_or_default();
                if self.sort_keys {
                    pairs.sort_by(|left, right| left.0.cmp(&right.0));
                }
                self.write_items(out, ('{', '}'), pairs.into_iter(), depth, |style, out, (key, value)| {
                    style.write_key(out, &key, nodes)?;
                    style.write_at(out, &value, depth + 1, nodes)
                })?;
            }
            kind => return Err(bad(format!("tojson: a value of type {kind} has no JSON"))),
        }
        Ok(())
    }

    fn write_items<T>(
        &self,
        out: &mut String,
        brackets: (char, char),
        items: impl Iterator<Item = T>,
        depth: usize,
        mut write_item: impl FnMut(&Self, &mut String, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(brackets.0);
        let mut empty = true;
        for item in items {
            if !empty {
                out.push_str(&self.item_separator);
            }
            empty = false;
            self.new_line(out, depth + 1);
            write_item(self, out, item)?;
        }
        if !empty {
            self.new_line(out, depth);
        }
        out.push(brackets.1);
        Ok(())
    }

    fn new_line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            for _ in 0..depth {
                out.push_str(indent);
            }
        }
    }

    fn write_key(&self, out: &mut String, key: &Value, nodes: &mut Nodes) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => write_json_string(out, key.as_str().unwrap_or_default(), self.ascii),
            ValueKind::None | ValueKind::Bool | ValueKind::Number => {
                out.push('"');
                self.write_at(out, key, 0, nodes)?;
                out.push('"');
            }
            kind => return Err(bad(format!("tojson: a key of type {kind} has no JSON"))),
        }
        out.push_str(&self.key_separator);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_like_python() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (1e-4, "0.0001"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }

    #[test]
    fn strings_escape_like_python() {
        let mut plain = String::new();
        write_json_string(&mut plain, "a\"\\\n\u{1}\u{7f}<é>😀", false);
        assert_eq!(plain, "\"a\\\"\\\\\\n\\u0001\u{7f}<é>😀\"");
        let mut ascii = String::new();
        write_json_string(&mut ascii, "é😀", true);
        assert_eq!(ascii, "\"\\u00e9\\ud83d\\ude00\"");
    }
}
