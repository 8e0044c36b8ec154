//! Where Jinja in Python and minijinja differ: operators, filters, tests and methods as transformers has them,
//! each with the budget of a rendering.

use crate::budget::{charge, charge_items, too_long, MAX_TEXT_BYTES};
use crate::python::{float_of, is_space, text_of, JsonStyle};
use chrono::{NaiveDate, NaiveTime};
use minijinja::value::{from_args, Kwargs, Rest, Tuple, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;
use std::cell::Cell;
use std::fmt::Write;

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// Bool counts as a number, as in Python.
fn integer_of(value: &Value) -> Option<i128> {
    match value.kind() {
        ValueKind::Bool => Some(i128::from(value.is_true())),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok(),
        _ => None,
    }
}

fn number_of(value: &Value) -> Option<f64> {
    float_of(value).or_else(|| integer_of(value).map(|number| number as f64))
}

fn integer_value(number: Option<i128>) -> Result<Value, Error> {
    let number = number.ok_or_else(|| bad("the result has more than 128 bits"))?;
    Ok(i64::try_from(number).map_or_else(|_| Value::from(number), Value::from))
}

fn no_operation(operator: &str, left: &Value, right: &Value) -> Error {
    bad(format!("{} {operator} {} is not defined", left.kind(), right.kind()))
}

/// `left ~ right`
fn concat(left: &Value, right: &Value) -> Result<Value, Error> {
    let (left, right) = (text_of(left)?, text_of(right)?);
    charge(left.len() + right.len())?;
    Ok(Value::from([left, right].concat()))
}

/// `left + right`
fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        charge(left.len() + right.len())?;
        return Ok(Value::from([left, right].concat()));
    }
    if let (Some(left), Some(right)) = (integer_of(left), integer_of(right)) {
        return integer_value(left.checked_add(right));
    }
    if let (Some(left), Some(right)) = (number_of(left), number_of(right)) {
        return Ok(Value::from(left + right));
    }
    if is_list(left) && is_list(right) {
        charge_items(left.len().unwrap_or(0) + right.len().unwrap_or(0))?;
        return Ok(left.try_iter()?.chain(right.try_iter()?).collect());
    }
    Err(no_operation("+", left, right))
}

/// `left * right`
fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (integer_of(left), integer_of(right)) {
        return integer_value(left.checked_mul(right));
    }
    if let (Some(left), Some(right)) = (number_of(left), number_of(right)) {
        return Ok(Value::from(left * right));
    }
    let (repeated, times) = if integer_of(left).is_some() { (right, left) } else { (left, right) };
    let Some(times) = integer_of(times) else { return Err(no_operation("*", left, right)) };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    if let Some(text) = repeated.as_str() {
        charge(text.len().saturating_mul(times))?;
        return Ok(Value::from(text.repeat(if text.is_empty() { 0 } else { times })));
    }
    if is_list(repeated) {
        let items: Vec<Value> = repeated.try_iter()?.collect();
        charge_items(items.len().saturating_mul(times))?;
        let length = items.len().saturating_mul(times);
        return Ok(items.iter().cycle().take(length).cloned().collect());
    }
    Err(no_operation("*", left, right))
}

/// `left % right`: the remainder has the sign of the divisor; a text is a format.
fn remainder(state: &mut State, left: &Value, right: &Value) -> Result<Value, Error> {
    if left.as_str().is_some() {
        let mut arguments = vec![left.clone()];
        if right.is_tuple() {
            arguments.extend(right.try_iter()?);
        } else {
            arguments.push(right.clone());
        }
        return format_text(state, Rest(arguments));
    }
    if let (Some(left), Some(right)) = (integer_of(left), integer_of(right)) {
        let rest = left.checked_rem(right).ok_or_else(|| bad("division by zero"))?;
        return integer_value(Some(if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest }));
    }
    match (number_of(left), number_of(right)) {
        (Some(_), Some(0.0)) => Err(bad("division by zero")),
        (Some(left), Some(right)) => {
            let rest = left % right;
            Ok(Value::from(if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest }))
        }
        _ => Err(no_operation("%", left, right)),
    }
}

/// The widths and precisions that a format asks for, as a bound on what it makes.
fn format_growth(format: &str, arguments: &[Value]) -> Result<usize, Error> {
    let numbers = format.split(|character: char| !character.is_ascii_digit());
    let widths = numbers
        .filter(|digits| !digits.is_empty())
        .fold(0usize, |sum, digits| sum.saturating_add(digits.parse::<usize>().unwrap_or(usize::MAX)));
    // A width can be an argument ("%*d"), and any argument can be printed at every place.
    let places = format.matches(['%', '{']).count();
    let mut printed = 0usize;
    for argument in arguments {
        let width =
            integer_of(argument).map_or(0, |number| usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX));
        let width = if format.contains('*') || format.contains('{') { width } else { 0 };
        printed = printed.saturating_add(text_of(argument)?.len()).saturating_add(width);
    }
    Ok(format.len().saturating_add(widths).saturating_add(printed.saturating_mul(places.max(1))))
}

fn format_text(_state: &mut State, Rest(arguments): Rest<Value>) -> Result<Value, Error> {
    let Some((format, arguments)) = arguments.split_first() else { return Err(bad("format: no text")) };
    let format = format.as_str().ok_or_else(|| bad("format: not a text"))?;
    charge(format_growth(format, arguments)?)?;
    minijinja::formatting::format(minijinja::formatting::FormatStyle::Printf, format, arguments).map(Value::from)
}

fn replaced(text: &str, old: &str, new: &str, count: i64) -> Result<Value, Error> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() }.min(limit);
    charge(text.len().saturating_add(found.saturating_mul(new.len())))?;
    Ok(Value::from(text.replacen(old, new, limit)))
}

fn replace(value: &Value, old: &Value, new: &Value, count: Option<i64>) -> Result<Value, Error> {
    replaced(&text_of(value)?, &text_of(old)?, &text_of(new)?, count.unwrap_or(-1))
}

fn joined(separator: &str, items: impl Iterator<Item = Value>) -> Result<Value, Error> {
    let mut out = String::new();
    for (index, item) in items.enumerate() {
        let text = text_of(&item)?;
        charge(separator.len() + text.len())?;
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(&text);
        if out.len() > MAX_TEXT_BYTES {
            return Err(too_long());
        }
    }
    Ok(Value::from(out))
}

fn attribute_of(item: &Value, path: &Value) -> Result<Value, Error> {
    if path.as_str().is_none() {
        return item.get_item(path);
    }
    let mut found = item.clone();
    for name in path.as_str().unwrap_or_default().split('.') {
        found = match name.parse::<usize>() {
            Ok(index) => found.get_item_by_index(index)?,
            Err(_) => found.get_attr(name)?,
        };
    }
    Ok(found)
}

fn join(value: &Value, separator: Option<&Value>, attribute: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let separator = match separator {
        Some(separator) => text_of(separator)?.into_owned(),
        None => options.get::<Option<String>>("d")?.unwrap_or_default(),
    };
    let attribute = match attribute {
        Some(attribute) => Some(attribute),
        None => options.get::<Option<Value>>("attribute")?,
    };
    options.assert_all_used()?;
    match attribute {
        None => match value.as_str() {
            Some(text) => joined(&separator, text.chars().map(Value::from)),
            None => joined(&separator, value.try_iter()?),
        },
        Some(path) => {
            let items: Result<Vec<Value>, Error> = value.try_iter()?.map(|item| attribute_of(&item, &path)).collect();
            joined(&separator, items?.into_iter())
        }
    }
}

fn list(value: &Value) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        charge_items(text.len())?;
        return Ok(text.chars().map(Value::from).collect());
    }
    if value.is_undefined() {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    charge_items(value.len().unwrap_or(0))?;
    let mut items = Vec::new();
    for item in value.try_iter()? {
        if items.len() % 1024 == 0 {
            charge_items(items.len())?;
        }
        items.push(item);
    }
    Ok(Value::from(items))
}

fn string(value: &Value) -> Result<Value, Error> {
    let text = text_of(value)?;
    charge(text.len())?;
    Ok(Value::from(text.as_ref()))
}

fn indent(
    value: &Value,
    width: Option<Value>,
    first: Option<bool>,
    blank: Option<bool>,
    options: Kwargs,
) -> Result<Value, Error> {
    let width = width.or(options.get("width")?).unwrap_or_else(|| Value::from(4));
    let first = first.or(options.get("first")?).unwrap_or(false);
    let blank = blank.or(options.get("blank")?).unwrap_or(false);
    options.assert_all_used()?;
    let text = text_of(value)?;
    let lines = text.lines().count() + 1;
    let step = match width.as_str() {
        Some(step) => step.to_string(),
        None => {
            let spaces =
                usize::try_from(integer_of(&width).ok_or_else(|| bad("indent: the width is no number"))?.max(0))
                    .unwrap_or(usize::MAX);
            charge(spaces.saturating_mul(lines))?;
            " ".repeat(spaces)
        }
    };
    charge(text.len().saturating_add(lines.saturating_mul(step.len())))?;
    let mut out = String::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if if index == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&step);
        }
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn padded(text: &str, width: i64, fill: char, left_share: impl Fn(usize) -> usize) -> Result<Value, Error> {
    let length = text.chars().count();
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(length);
    charge(text.len().saturating_add(missing.saturating_mul(fill.len_utf8())))?;
    let left = left_share(missing);
    let fill = |count: usize| std::iter::repeat_n(fill, count);
    Ok(Value::from(fill(left).chain(text.chars()).chain(fill(missing - left)).collect::<String>()))
}

/// Where Python puts the odd space when it centres.
fn center_share(width: i64) -> impl Fn(usize) -> usize {
    move |missing| missing / 2 + (missing & width.max(0) as usize & 1)
}

fn center(value: &Value, width: Option<i64>) -> Result<Value, Error> {
    let width = width.unwrap_or(80);
    padded(&text_of(value)?, width, ' ', center_share(width))
}

fn stripped<'a>(text: &'a str, characters: Option<&str>, left: bool, right: bool) -> &'a str {
    let taken = |character: char| match characters {
        Some(set) => set.contains(character),
        None => is_space(character),
    };
    let text = if left { text.trim_start_matches(taken) } else { text };
    if right {
        text.trim_end_matches(taken)
    } else {
        text
    }
}

fn trim(value: &Value, characters: Option<&str>) -> Result<Value, Error> {
    Ok(Value::from(stripped(&text_of(value)?, characters, true, true)))
}

/// transformers' own: `tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
fn tojson(value: &Value, Rest(positional): Rest<Value>, options: Kwargs) -> Result<Value, Error> {
    let argument = |index: usize, name: &str| -> Result<Option<Value>, Error> {
        Ok(match positional.get(index) {
            Some(value) => Some(value.clone()),
            None => options.get::<Option<Value>>(name)?,
        }
        .filter(|value| !value.is_none()))
    };
    let ascii = argument(0, "ensure_ascii")?.is_some_and(|value| value.is_true());
    let indent = match argument(1, "indent")? {
        None => None,
        Some(value) => Some(match value.as_str() {
            Some(text) => text.to_string(),
            None => {
                let width = integer_of(&value).ok_or_else(|| bad("tojson: the indent is no number"))?;
                let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
                if width > 1024 {
                    return Err(bad("tojson: the indent is wider than 1024"));
                }
                " ".repeat(width)
            }
        }),
    };
    let separators = argument(2, "separators")?;
    let sort_keys = argument(3, "sort_keys")?.is_some_and(|value| value.is_true());
    options.assert_all_used()?;
    let (item_separator, key_separator) = match separators {
        Some(pair) => {
            (text_of(&pair.get_item_by_index(0)?)?.into_owned(), text_of(&pair.get_item_by_index(1)?)?.into_owned())
        }
        None => (if indent.is_some() { "," } else { ", " }.to_string(), ": ".to_string()),
    };
    let mut out = String::new();
    JsonStyle { ascii, indent, item_separator, key_separator, sort_keys }.write(&mut out, value)?;
    charge(out.len())?;
    Ok(Value::from(out))
}

fn strings<'a>(parts: impl Iterator<Item = &'a str>) -> Value {
    parts.map(Value::from).collect()
}

/// `str.split` and `str.rsplit`.
fn split(text: &str, separator: Option<&str>, limit: i64, from_right: bool) -> Result<Value, Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX - 1);
    let mut parts: Vec<&str> = Vec::new();
    match (separator, from_right) {
        (Some(""), _) => return Err(bad("split: empty separator")),
        (Some(separator), false) => parts.extend(text.splitn(limit + 1, separator)),
        (Some(separator), true) => {
            parts.extend(text.rsplitn(limit + 1, separator));
            parts.reverse();
        }
        (None, false) => {
            let mut rest = text.trim_start_matches(is_space);
            while !rest.is_empty() {
                let end = if parts.len() < limit { rest.find(is_space) } else { None };
                parts.push(match end {
                    Some(end) => &rest[..end],
                    None => rest,
                });
                rest = end.map_or("", |end| rest[end..].trim_start_matches(is_space));
            }
        }
        (None, true) => {
            let mut rest = text.trim_end_matches(is_space);
            while !rest.is_empty() {
                let found =
                    if parts.len() < limit { rest.char_indices().rev().find(|pair| is_space(pair.1)) } else { None };
                parts.push(match found {
                    Some((place, space)) => &rest[place + space.len_utf8()..],
                    None => rest,
                });
                rest = found.map_or("", |(place, _)| rest[..place].trim_end_matches(is_space));
            }
            parts.reverse();
        }
    }
    charge_items(parts.len())?;
    Ok(strings(parts.into_iter()))
}

/// `str.splitlines`
fn split_lines(text: &str, keep_ends: bool) -> Value {
    let breaks =
        |character: char| matches!(character, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(place) = rest.find(breaks) {
        let character = rest[place..].chars().next().expect("a line break");
        let width = if rest[place..].starts_with("\r\n") { 2 } else { character.len_utf8() };
        lines.push(&rest[..if keep_ends { place + width } else { place }]);
        rest = &rest[place + width..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    strings(lines.into_iter())
}

fn three(left: &str, middle: &str, right: &str) -> Value {
    Value::from(Tuple::new(vec![left.into(), middle.into(), right.into()]))
}

/// Python's methods of texts. None: not one of these.
fn text_method(text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "strip" | "lstrip" | "rstrip" => {
            let (characters,): (Option<&str>,) = from_args(args)?;
            Value::from(stripped(text, characters, method != "rstrip", method != "lstrip"))
        }
        "split" | "rsplit" => {
            let (separator, limit, options): (Option<&str>, Option<i64>, Kwargs) = from_args(args)?;
            let separator = separator.or(options.get("sep")?);
            let limit = limit.or(options.get("maxsplit")?).unwrap_or(-1);
            options.assert_all_used()?;
            split(text, separator, limit, method == "rsplit")?
        }
        "splitlines" => {
            let (keep_ends, options): (Option<bool>, Kwargs) = from_args(args)?;
            let keep_ends = keep_ends.or(options.get("keepends")?).unwrap_or(false);
            options.assert_all_used()?;
            split_lines(text, keep_ends)
        }
        "replace" => {
            let (old, new, count): (&str, &str, Option<i64>) = from_args(args)?;
            replaced(text, old, new, count.unwrap_or(-1))?
        }
        "join" => {
            let (items,): (&Value,) = from_args(args)?;
            match items.as_str() {
                Some(items) => joined(text, items.chars().map(Value::from))?,
                None => joined(text, items.try_iter()?)?,
            }
        }
        "format" => {
            charge(format_growth(text, args)?)?;
            return Ok(None);
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            text.split_once(separator).map_or_else(|| three(text, "", ""), |(a, b)| three(a, separator, b))
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            text.rsplit_once(separator).map_or_else(|| three("", "", text), |(a, b)| three(a, separator, b))
        }
        "index" | "rindex" => {
            let (what,): (&str,) = from_args(args)?;
            let place = if method == "index" { text.find(what) } else { text.rfind(what) };
            Value::from(text[..place.ok_or_else(|| bad("substring not found"))?].chars().count())
        }
        "center" | "ljust" | "rjust" => {
            let (width, fill): (i64, Option<char>) = from_args(args)?;
            let fill = fill.unwrap_or(' ');
            match method {
                "center" => padded(text, width, fill, center_share(width))?,
                "ljust" => padded(text, width, fill, |_| 0)?,
                _ => padded(text, width, fill, |missing| missing)?,
            }
        }
        "zfill" => {
            let (width,): (i64,) = from_args(args)?;
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let sign = &text[..text.len() - digits.len()];
            let zeros = padded(digits, width - sign.len() as i64, '0', |missing| missing)?;
            concat(&Value::from(sign), &zeros)?
        }
        _ => return Ok(None),
    }))
}

fn list_method(value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "copy" => list(value)?,
        "index" => {
            let (what,): (&Value,) = from_args(args)?;
            let place = value.try_iter()?.position(|item| item == *what);
            Value::from(place.ok_or_else(|| bad("value is not in the list"))?)
        }
        "append" | "extend" | "insert" | "pop" | "remove" | "clear" | "sort" | "reverse" => {
            return Err(bad(format!("a list cannot be changed: .{method}() is not allowed in a chat template")))
        }
        _ => return Ok(None),
    }))
}

fn method(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    charge(0)?;
    let own = match value.kind() {
        ValueKind::String => text_method(value.as_str().unwrap_or_default(), method, args)?,
        ValueKind::Seq => list_method(value, method, args)?,
        ValueKind::Map if method == "copy" => Some(value.clone()),
        ValueKind::Map if matches!(method, "update" | "pop" | "popitem" | "clear" | "setdefault") => {
            return Err(bad(format!("a dict cannot be changed: .{method}() is not allowed in a chat template")))
        }
        _ => None,
    };
    match own {
        Some(result) => Ok(result),
        None => unknown_method_callback(state, value, method, args),
    }
}

fn raise_exception(message: &Value) -> Result<Value, Error> {
    Err(bad(format!("the template refuses: {}", text_of(message)?)))
}

thread_local! {
    /// The date that a rendering is to show; None: today's.
    static DATE: Cell<Option<NaiveDate>> = const { Cell::new(None) };
}

/// Sets the date that `strftime_now` gives on this thread, at midnight; None: the time that it is.
pub fn set_date(date: Option<NaiveDate>) {
    DATE.set(date);
}

/// `datetime.now().strftime(format)`, in the machine's time zone.
fn strftime_now(format: &str) -> Result<Value, Error> {
    if format.len() > 1000 {
        return Err(bad("strftime_now: a format of more than 1000 bytes"));
    }
    // Python's microseconds have six digits where chrono's fraction has nine.
    let format = format.replace("%f", "%6f");
    let now = DATE.get().map_or_else(|| chrono::Local::now().naive_local(), |date| date.and_time(NaiveTime::MIN));
    let mut out = String::new();
    write!(out, "{}", now.format(&format)).map_err(|_| bad(format!("strftime_now: '{format}' is no time format")))?;
    Ok(Value::from(out))
}

fn emit(out: &mut Output, _state: &mut State, value: &Value) -> Result<(), Error> {
    let text = text_of(value)?;
    charge(text.len())?;
    out.write_str(&text).map_err(Error::from)
}

/// The operators, as filters: what `template.rs` puts in their place.
pub const CONCAT: &str = "operator.concat";
pub const ADD: &str = "operator.add";
pub const MULTIPLY: &str = "operator.multiply";
pub const REMAINDER: &str = "operator.remainder";

/// The environment that chat templates expect.
pub fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    minijinja_contrib::add_to_environment(&mut env);
    env.set_formatter(emit);
    env.set_unknown_method_callback(method);
    env.add_filter(CONCAT, concat);
    env.add_filter(ADD, add);
    env.add_filter(MULTIPLY, multiply);
    env.add_filter(REMAINDER, remainder);
    env.add_filter("tojson", tojson);
    env.add_filter("replace", replace);
    env.add_filter("join", join);
    env.add_filter("list", list);
    env.add_filter("string", string);
    env.add_filter("indent", indent);
    env.add_filter("center", center);
    env.add_filter("trim", trim);
    env.add_filter("format", format_text);
    env.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String | ValueKind::Undefined)
    });
    env.add_test("iterable", |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::Seq | ValueKind::Map | ValueKind::String | ValueKind::Undefined | ValueKind::Iterable
        )
    });
    env.add_test("callable", |value: &Value| value.kind() == ValueKind::Plain);
    env.add_function("cycler", |Rest(items): Rest<Value>| minijinja_contrib::globals::cycler(items));
    env.add_function("raise_exception", raise_exception);
    env.add_function("strftime_now", strftime_now);
    env
}
