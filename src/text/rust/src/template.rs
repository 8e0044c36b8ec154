//! Chat templates: parsed once, rendered as transformers renders them.

use crate::border::{free_box, guard, text, Failure, HoneBytes, HoneError};
use crate::budget;
use crate::jinja;
use crate::stack::{on_kept_stack, on_new_stack};
use chrono::NaiveDate;
use minijinja::machinery::{make_string_output, CompiledTemplate, Instruction, Instructions, TemplateConfig};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Value};
use serde_json::Value as Json;
use std::str::FromStr;
use std::sync::Arc;

/// Steps of a rendering: some hundred per message are usual.
const MAX_FUEL: u64 = 2_000_000;
/// What the template's own text may come to, copied by loops that emit it.
const MAX_RAW_BYTES: u64 = 1 << 30;
/// Powers in one source: the parser's time grows with the square of a chain of them.
const MAX_POWERS: usize = 10_000;
/// Room for the deepest value that the fuel can build to be freed: one stack frame per level. And for the longest
/// expression that a source can hold to be compiled.
const DEEPEST_STACK_BYTES: usize = 1 << 30;
/// What a thread keeps at hand. Renderings have a share of the fuel on it; one that runs out begins again on the
/// deepest.
const STACK_BYTES: usize = DEEPEST_STACK_BYTES / 16;
/// Stack for each byte of a source that is compiled.
const STACK_BYTES_PER_SOURCE_BYTE: usize = 1 << 10;
const NAME: &str = "chat_template";

/// A parsed template with the environment that it runs in.
pub struct HoneTemplate {
    // Borrows from `source`: stands before it, so that it is dropped first.
    compiled: CompiledTemplate<'static>,
    /// With all the fuel, for the deepest stack.
    env: Environment<'static>,
    /// With the share of it that fits on the stack at hand.
    quick_env: Environment<'static>,
    /// bos_token and its kin.
    tokens: serde_json::Map<String, Json>,
    _source: Arc<str>,
}

// Rendering happens on many threads at once.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<HoneTemplate>();
};

/// A local id that tells the machine not to remember the filter.
const NO_LOCAL: u8 = !0;

/// Puts the budgeted operators of `jinja` in the place of the machine's own.
fn replace_operators(instructions: &mut Instructions) {
    let mut index = 0;
    while let Some(instruction) = instructions.get_mut(index) {
        index += 1;
        let name = match instruction {
            Instruction::StringConcat => jinja::CONCAT,
            Instruction::Add => jinja::ADD,
            Instruction::Mul => jinja::MULTIPLY,
            Instruction::Rem => jinja::REMAINDER,
            _ => continue,
        };
        *instruction = Instruction::ApplyFilter(name, Some(2), NO_LOCAL);
    }
}

fn longest_raw(instructions: &Instructions) -> usize {
    (0..)
        .map_while(|index| instructions.get(index))
        .map(|instruction| if let Instruction::EmitRaw(raw) = instruction { raw.len() } else { 0 })
        .max()
        .unwrap_or(0)
}

/// `{% generation %}` marks the assistant's text for training masks: it changes no rendering, but has its own scope.
fn without_generation(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut raw = false;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with("{#") && !raw {
            let end = rest.find("#}").map_or(rest.len(), |end| end + 2);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if let Some((tag, before, name, after)) = single_word_tag(rest) {
            raw = match name {
                "raw" => true,
                "endraw" => false,
                _ => raw,
            };
            let name = match name {
                "generation" if !raw => "with",
                "endgeneration" if !raw => "endwith",
                name => name,
            };
            out.push_str(before);
            out.push_str(name);
            out.push_str(after);
            rest = &rest[tag.len()..];
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// The tag `{% name %}` at the beginning of `text`: whole, up to the name, the name, from the name on.
fn single_word_tag(text: &str) -> Option<(&str, &str, &str, &str)> {
    let inner = text.strip_prefix("{%")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_start();
    let before = &text[..text.len() - inner.len()];
    let length = inner.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(inner.len());
    let (name, after) = inner.split_at(length);
    let end = after.trim_start();
    let end = end.strip_prefix(['-', '+']).unwrap_or(end).strip_prefix("%}")?;
    if name.is_empty() {
        return None;
    }
    let tag = &text[..text.len() - end.len()];
    Some((tag, before, name, &tag[before.len() + name.len()..]))
}

fn message_of(error: &Error) -> String {
    let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    if error.kind() == ErrorKind::OutOfFuel {
        return format!("{line}the template does not come to an end (it took more steps than any chat needs)");
    }
    match error.detail() {
        Some(detail) if error.kind() == ErrorKind::InvalidOperation => format!("{line}{detail}"),
        Some(detail) => format!("{line}{}: {detail}", error.kind()),
        None => format!("{line}{}", error.kind()),
    }
}

impl HoneTemplate {
    fn parse(source: &str, tokens: &str) -> Result<HoneTemplate, Failure> {
        if source.matches("**").count() > MAX_POWERS {
            return Err(format!("'**' stands more than {MAX_POWERS} times in it").into());
        }
        let Ok(Json::Object(tokens)) = serde_json::from_str(tokens) else {
            return Err("the special tokens are no JSON object".into());
        };
        // Jinja takes every line end for "\n".
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let source: Arc<str> = without_generation(&source).into();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|error| message_of(&error))?;
        let config = TemplateConfig { syntax_config: syntax, default_auto_escape: Arc::new(|_| AutoEscape::None) };
        // SAFETY: the text does not move and lives as long as the template that borrows it.
        let borrowed: &'static str = unsafe { &*Arc::as_ptr(&source) };
        let compile = || CompiledTemplate::new(NAME, borrowed, &config);
        let stack = borrowed.len().saturating_mul(STACK_BYTES_PER_SOURCE_BYTE);
        let compiled =
            if stack <= STACK_BYTES { on_kept_stack(STACK_BYTES, compile) } else { on_new_stack(stack, compile) };
        let mut compiled = compiled?.map_err(|error| message_of(&error))?;
        replace_operators(&mut compiled.instructions);
        compiled.blocks.values_mut().for_each(replace_operators);
        let raw = compiled.blocks.values().chain([&compiled.instructions]).map(longest_raw).max().unwrap_or(0);
        let fuel = MAX_FUEL.min(MAX_RAW_BYTES / raw.max(1) as u64);
        let mut env = jinja::environment();
        env.set_fuel(Some(fuel));
        let mut quick_env = env.clone();
        quick_env.set_fuel(Some(fuel.min(MAX_FUEL / (DEEPEST_STACK_BYTES / STACK_BYTES) as u64)));
        Ok(HoneTemplate { compiled, env, quick_env, tokens, _source: source })
    }

    fn render(&self, context: &str, date: Option<NaiveDate>) -> Result<String, Failure> {
        let Ok(Json::Object(mut context)) = serde_json::from_str(context) else {
            return Err("the messages are no JSON, or nested too deeply".into());
        };
        if let Some(Json::Array(messages)) = context.get_mut("messages") {
            messages.iter_mut().for_each(name_reasoning);
        }
        jinja::set_date(date);
        let result = match on_kept_stack(STACK_BYTES, || self.render_in(&self.quick_env, &context))? {
            Err(error) if error.kind() == ErrorKind::OutOfFuel => {
                on_new_stack(DEEPEST_STACK_BYTES, || self.render_in(&self.env, &context))?
            }
            result => result,
        };
        result.map_err(|error| message_of(&error).into())
    }

    fn render_in(&self, env: &Environment<'static>, context: &serde_json::Map<String, Json>) -> Result<String, Error> {
        budget::start();
        let values = self.tokens.iter().chain(context).map(|(name, value)| (name.as_str(), value_of(value)));
        let root = Value::from_pairs(values);
        let mut out = String::new();
        minijinja::machinery::eval(
            env,
            &self.compiled.instructions,
            root,
            &self.compiled.blocks,
            &mut make_string_output(&mut out),
            AutoEscape::None,
        )?;
        if out.len() > budget::MAX_TEXT_BYTES {
            return Err(budget::too_long());
        }
        Ok(out)
    }
}

/// A message's reasoning goes by three names: each one that a template may read is filled, as transformers does.
fn name_reasoning(message: &mut Json) {
    let Json::Object(fields) = message else { return };
    let reasoning = ["reasoning_content", "thinking", "reasoning"]
        .iter()
        .find_map(|name| fields.get(*name).filter(|value| !value.is_null()).cloned());
    let Some(reasoning) = reasoning else { return };
    let mut named = serde_json::Map::new();
    named.insert("thinking".to_string(), reasoning.clone());
    named.extend(std::mem::take(fields));
    named.insert("reasoning_content".to_string(), reasoning);
    *fields = named;
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value_of).collect(),
        Json::Object(fields) => Value::from_pairs(fields.iter().map(|(name, value)| (name.as_str(), value_of(value)))),
    }
}

/// `tokens` is a JSON object of what the template knows by name: bos_token, eos_token ...
///
/// # Safety
/// Each pointer holds as many bytes as the length after it; `out` and `error` are valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_template_parse(
    source: *const u8,
    source_len: usize,
    tokens: *const u8,
    tokens_len: usize,
    out: *mut *mut HoneTemplate,
    error: *mut HoneError,
) -> bool {
    guard(out, error, || {
        let template = HoneTemplate::parse(text(source, source_len)?, text(tokens, tokens_len)?)?;
        Ok(Box::into_raw(Box::new(template)))
    })
}

/// # Safety
/// `template` came from `hone_template_parse` and is freed once.
#[no_mangle]
pub unsafe extern "C" fn hone_template_free(template: *mut HoneTemplate) {
    free_box(template);
}

/// Renders with the variables of `context`, a JSON object, and with `date` (2026-11-26) for today's; empty: today's.
///
/// # Safety
/// `template` lives; each pointer holds as many bytes as the length after it; `out` and `error` are valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_template_render(
    template: *const HoneTemplate,
    context: *const u8,
    context_len: usize,
    date: *const u8,
    date_len: usize,
    out: *mut HoneBytes,
    error: *mut HoneError,
) -> bool {
    guard(out, error, || {
        let date = match text(date, date_len)? {
            "" => None,
            date => Some(NaiveDate::from_str(date).map_err(|_| format!("'{date}' is no date of the form 2026-11-26"))?),
        };
        Ok((*template).render(text(context, context_len)?, date)?.into())
    })
}
