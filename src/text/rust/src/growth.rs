//! How much longer a tokenizer may make a text before it cuts it: a tokenizer.json may replace each letter by a
//! megabyte, and a row of a kilobyte would fill the memory.

use serde_json::Value as Json;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

/// What a text may come to. Each byte of it costs some twenty while it is cut.
const MAX_BYTES: f64 = (256 << 20) as f64;
/// What the pre-tokenizer may make of each byte.
const MAX_CUT_GROWTH: f64 = 64.0;

#[derive(serde::Deserialize)]
struct Parts {
    #[serde(default)]
    normalizer: Json,
    #[serde(default)]
    pre_tokenizer: Json,
}

/// Upper bounds: for each byte of a text, and once.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    per_byte: f64,
    once: f64,
}

const NONE: Bound = Bound { per_byte: 1.0, once: 0.0 };

pub struct Growth {
    normalizer: Bound,
    cut: Bound,
}

fn text_len(object: &Json, name: &str) -> f64 {
    object[name].as_str().map_or(0.0, |text| text.len() as f64)
}

/// What a part of a tokenizer.json, by its name, may make of a text.
fn bound_of(part: &Json) -> Result<Bound, String> {
    let per_byte = |per_byte: f64| Ok(Bound { per_byte, once: 0.0 });
    match part["type"].as_str().unwrap_or_default() {
        "Sequence" => {
            let parts = part["normalizers"].as_array().or(part["pretokenizers"].as_array());
            parts.into_iter().flatten().try_fold(NONE, |before, part| {
                let next = bound_of(part)?;
                Ok(Bound { per_byte: before.per_byte * next.per_byte, once: before.once * next.per_byte + next.once })
            })
        }
        "Replace" => match part["pattern"]["String"].as_str() {
            Some(pattern) if !pattern.is_empty() => {
                per_byte((text_len(part, "content") / pattern.len() as f64).max(1.0))
            }
            // Where an expression matches is not known: everywhere, at most, and once at the end.
            _ => Ok(Bound { per_byte: 1.0 + text_len(part, "content"), once: text_len(part, "content") }),
        },
        "Prepend" => Ok(Bound { per_byte: 1.0, once: text_len(part, "prepend") }),
        "Precompiled" => per_byte(longest_replacement(part["precompiled_charsmap"].as_str().unwrap_or_default())?),
        // The worst character of Unicode for each.
        "NFKC" | "NFKD" => per_byte(12.0),
        "NFC" | "NFD" | "Lowercase" => per_byte(3.0),
        "BertNormalizer" => per_byte(9.0),
        // A space becomes a character of three bytes or four, and one may come in front of each word.
        "Metaspace" => Ok(Bound { per_byte: 8.0, once: 4.0 }),
        "ByteLevel" => Ok(Bound { per_byte: 2.0, once: 2.0 }),
        _ => Ok(NONE),
    }
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// SentencePiece's map of characters: the size of its trie in bytes, the trie, and the replacements, each with a NUL
/// behind it. Memory for the trie is taken before a look at how many bytes follow: a size that lies is refused here.
fn longest_replacement(map: &str) -> Result<f64, String> {
    let cut_off = || "the normalizer's precompiled_charsmap is cut off".to_string();
    let bytes = from_base64(map).ok_or_else(cut_off)?;
    let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut_off)?;
    let replacements = rest.get(u32::from_le_bytes(*size) as usize..).ok_or_else(cut_off)?;
    let longest = replacements.split(|&byte| byte == 0).map(<[u8]>::len).max().unwrap_or(0);
    Ok(longest.max(1) as f64)
}

impl Growth {
    pub fn of(json: &[u8]) -> Result<Growth, String> {
        let parts: Parts = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let growth = Growth { normalizer: bound_of(&parts.normalizer)?, cut: bound_of(&parts.pre_tokenizer)? };
        if growth.cut.per_byte > MAX_CUT_GROWTH || growth.cut.once > MAX_BYTES {
            return Err(format!("its pre_tokenizer makes up to {:.0} bytes of one", growth.cut.per_byte));
        }
        Ok(growth)
    }

    /// To call before `input` is encoded.
    pub fn check(&self, input: &str, normalizer: Option<&NormalizerWrapper>) -> Result<(), String> {
        let Bound { per_byte, once } = self.normalizer;
        let Some(normalizer) = normalizer else { return Ok(()) };
        if input.len() as f64 * per_byte + once <= MAX_BYTES {
            return Ok(());
        }
        // The bound is far above what most texts come to: a piece at a time says what this one does.
        let piece = ((MAX_BYTES / 16.0 - once) / per_byte).max(0.0) as usize;
        let mut made = once;
        let mut rest = input;
        while !rest.is_empty() && made <= MAX_BYTES && piece >= 4 {
            let mut end = piece.min(rest.len());
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (now, later) = rest.split_at(end);
            let mut text = NormalizedString::from(now);
            normalizer.normalize(&mut text).map_err(|error| error.to_string())?;
            made += text.get().len() as f64;
            rest = later;
        }
        if rest.is_empty() && made <= MAX_BYTES {
            return Ok(());
        }
        Err(format!(
            "the tokenizer's normalizer makes more than {} MiB of a text of {} bytes",
            MAX_BYTES as usize >> 20,
            input.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds_multiply() {
        let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
        let parts = json!({"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u{2581}"}, double, double,
            {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "yy"},
            {"type": "Replace", "pattern": {"String": "long"}, "content": "l"}]});
        assert_eq!(bound_of(&parts), Ok(Bound { per_byte: 12.0, once: 38.0 }));
        assert_eq!(bound_of(&Json::Null), Ok(NONE));
    }

    #[test]
    fn a_character_map_has_its_longest_replacement() {
        // Trie of 4 bytes, then "abc" and "d".
        assert_eq!(longest_replacement("BAAAAAAAAABhYmMAZAA="), Ok(3.0));
        assert!(longest_replacement("BAAA").is_err());
        assert!(longest_replacement("/////wAA").is_err());
        assert!(longest_replacement("~").is_err());
    }

    #[test]
    fn what_a_text_comes_to_is_measured() {
        let long = "b".repeat(1 << 20);
        let parts = json!({"type": "Replace", "pattern": {"String": "a"}, "content": long});
        let normalizer: NormalizerWrapper = serde_json::from_value(parts.clone()).unwrap();
        let growth = Growth { normalizer: bound_of(&parts).unwrap(), cut: NONE };
        assert!(growth.check(&"b".repeat(1000), Some(&normalizer)).is_ok());
        assert!(growth.check(&"b".repeat(100_000), Some(&normalizer)).is_ok());
        assert!(growth.check(&"a".repeat(200), Some(&normalizer)).is_ok());
        let error = growth.check(&"ab".repeat(1000), Some(&normalizer)).unwrap_err();
        assert!(error.contains("256 MiB of a text of 2000 bytes"), "{error}");
        assert!(growth.check(&"a".repeat(1000), None).is_ok());
    }
}
