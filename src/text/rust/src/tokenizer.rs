//! tokenizer.json: text to ids and back.

use crate::border::{free_box, guard, slice, text, HoneBytes};
use tokenizers::{DecoderWrapper, Tokenizer};

/// A tokenizer and what is asked of it for every id.
pub struct HoneTokenizer {
    inner: Tokenizer,
    /// One flag per id up to the largest one.
    known: Vec<bool>,
    special: Vec<bool>,
    /// The tokens <0x00> to <0xFF> of a tokenizer that falls back to bytes.
    byte: Vec<bool>,
    size: usize,
}

/// Ids, and the byte range of the text behind each one: `offsets` holds 2 * len numbers, or is null when not asked for.
#[repr(C)]
pub struct HoneIds {
    pub ids: *mut i32,
    pub offsets: *mut usize,
    pub len: usize,
}

fn into_raw<T>(values: Vec<T>) -> *mut T {
    if values.is_empty() {
        return std::ptr::null_mut();
    }
    Box::into_raw(values.into_boxed_slice()) as *mut T
}

fn falls_back_to_bytes(decoder: &DecoderWrapper) -> bool {
    match decoder {
        DecoderWrapper::ByteFallback(_) => true,
        DecoderWrapper::Sequence(sequence) => sequence.get_decoders().iter().any(falls_back_to_bytes),
        _ => false,
    }
}

fn flag(flags: &[bool], id: u32) -> bool {
    flags.get(id as usize).copied().unwrap_or(false)
}

#[derive(serde::Deserialize)]
struct Normalization {
    #[serde(default)]
    normalizer: serde_json::Value,
}

/// The little-endian number that the first four bytes of a base64 text stand for; None when it has fewer, or no base64.
fn first_number(base64: &str) -> Option<u32> {
    let mut bits = 0u64;
    for place in 0..6 {
        let value = match *base64.as_bytes().get(place)? {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u64::from(value);
    }
    Some(((bits >> 4) as u32).swap_bytes())
}

/// SentencePiece's map of characters begins with the size of its trie in bytes, for which memory is taken before a look
/// at how many bytes follow: a size that lies is refused here.
fn check_character_maps(normalizer: &serde_json::Value) -> Result<(), String> {
    match normalizer {
        serde_json::Value::Object(fields) => fields.iter().try_for_each(|(name, value)| match value.as_str() {
            Some(map) if name == "precompiled_charsmap" => match first_number(map) {
                Some(size) if u64::from(size) <= map.len() as u64 / 4 * 3 => Ok(()),
                _ => Err("the normalizer's precompiled_charsmap is cut off".into()),
            },
            _ => check_character_maps(value),
        }),
        serde_json::Value::Array(items) => items.iter().try_for_each(check_character_maps),
        _ => Ok(()),
    }
}

impl HoneTokenizer {
    fn from_json(json: &[u8], max_vocabulary: usize) -> Result<HoneTokenizer, String> {
        let normalization: Normalization = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        check_character_maps(&normalization.normalizer)?;
        let mut inner = Tokenizer::from_bytes(json).map_err(|error| error.to_string())?;
        // A tokenizer.json may carry the truncation and padding of its last use: a caller that wants them says so.
        inner.with_truncation(None).map_err(|error| error.to_string())?;
        inner.with_padding(None);
        let vocabulary = inner.get_vocab(true);
        if vocabulary.len() > max_vocabulary {
            return Err(format!("{} tokens, more than {max_vocabulary}", vocabulary.len()));
        }
        let mut ids: Vec<u32> = vocabulary.values().copied().collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two tokens have the id {}", pair[0]));
        }
        let mut known = Vec::new();
        for (token, &id) in &vocabulary {
            let index = id as usize;
            if index >= max_vocabulary {
                return Err(format!("token {token:?} has the id {id}, past {max_vocabulary}"));
            }
            if known.len() <= index {
                known.resize(index + 1, false);
            }
            known[index] = true;
        }
        let mut special = vec![false; known.len()];
        for (id, token) in inner.get_added_tokens_decoder() {
            if let Some(flag) = special.get_mut(id as usize) {
                *flag = token.special;
            }
        }
        let mut byte = vec![false; known.len()];
        if inner.get_decoder().is_some_and(falls_back_to_bytes) {
            for value in 0..=255 {
                if let Some(&id) = vocabulary.get(&format!("<0x{value:02X}>")) {
                    byte[id as usize] = true;
                }
            }
        }
        Ok(HoneTokenizer { inner, known, special, byte, size: vocabulary.len() })
    }

    fn encode(&self, input: &str, add_special: bool, with_offsets: bool) -> Result<HoneIds, String> {
        let encoding = self.inner.encode(input, add_special).map_err(|error| error.to_string())?;
        let ids: Vec<i32> = encoding.get_ids().iter().map(|&id| id as i32).collect();
        let len = ids.len();
        let offsets = if with_offsets {
            into_raw(encoding.get_offsets().iter().flat_map(|&(begin, end)| [begin, end]).collect())
        } else {
            std::ptr::null_mut()
        };
        Ok(HoneIds { ids: into_raw(ids), offsets, len })
    }

    fn decode(&self, ids: &[i32], skip_special: bool) -> Result<String, String> {
        let mut checked = Vec::with_capacity(ids.len());
        for (place, &id) in ids.iter().enumerate() {
            match usize::try_from(id).ok().and_then(|index| self.known.get(index)) {
                Some(true) => checked.push(id as u32),
                _ => return Err(format!("id {id} at place {place} is not in the vocabulary of {} tokens", self.size)),
            }
        }
        self.inner.decode(&checked, skip_special).map_err(|error| error.to_string())
    }
}

/// # Safety
/// `json` holds `len` bytes; `out` and `error` are valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_from_json(
    json: *const u8,
    len: usize,
    max_vocabulary: usize,
    out: *mut *mut HoneTokenizer,
    error: *mut HoneBytes,
) -> bool {
    guard(out, error, || {
        let tokenizer = HoneTokenizer::from_json(text(json, len)?.as_bytes(), max_vocabulary)?;
        Ok(Box::into_raw(Box::new(tokenizer)))
    })
}

/// # Safety
/// `tokenizer` came from `hone_tokenizer_from_json` and is freed once.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_free(tokenizer: *mut HoneTokenizer) {
    free_box(tokenizer);
}

/// # Safety
/// `tokenizer` lives; `input` holds `len` bytes; `out` and `error` are valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_encode(
    tokenizer: *const HoneTokenizer,
    input: *const u8,
    len: usize,
    add_special: bool,
    with_offsets: bool,
    out: *mut HoneIds,
    error: *mut HoneBytes,
) -> bool {
    guard(out, error, || (*tokenizer).encode(text(input, len)?, add_special, with_offsets))
}

/// # Safety
/// `ids` came from `hone_tokenizer_encode` and is freed once.
#[no_mangle]
pub unsafe extern "C" fn hone_ids_free(ids: HoneIds) {
    if !ids.ids.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(ids.ids, ids.len)));
    }
    if !ids.offsets.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(ids.offsets, 2 * ids.len)));
    }
}

/// # Safety
/// `tokenizer` lives; `ids` holds `len` ids; `out` and `error` are valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_decode(
    tokenizer: *const HoneTokenizer,
    ids: *const i32,
    len: usize,
    skip_special: bool,
    out: *mut HoneBytes,
    error: *mut HoneBytes,
) -> bool {
    guard(out, error, || Ok((*tokenizer).decode(slice(ids, len), skip_special)?.into()))
}

/// The id of a token, or -1.
///
/// # Safety
/// `tokenizer` lives; `token` holds `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_token_to_id(
    tokenizer: *const HoneTokenizer,
    token: *const u8,
    len: usize,
) -> i64 {
    crate::border::catch(|| Ok((*tokenizer).inner.token_to_id(text(token, len)?))).ok().flatten().map_or(-1, i64::from)
}

/// The token of an id; false when there is none.
///
/// # Safety
/// `tokenizer` lives; `out` is valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_id_to_token(
    tokenizer: *const HoneTokenizer,
    id: u32,
    out: *mut HoneBytes,
) -> bool {
    match crate::border::catch(|| Ok((*tokenizer).inner.id_to_token(id))) {
        Ok(Some(token)) => {
            out.write(token.into());
            true
        }
        _ => false,
    }
}

/// # Safety
/// `tokenizer` lives.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_is_special(tokenizer: *const HoneTokenizer, id: u32) -> bool {
    flag(&(*tokenizer).special, id)
}

/// Whether the token stands for a byte of a character that the vocabulary does not have.
///
/// # Safety
/// `tokenizer` lives.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_is_byte(tokenizer: *const HoneTokenizer, id: u32) -> bool {
    flag(&(*tokenizer).byte, id)
}

/// # Safety
/// `tokenizer` lives.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_size(tokenizer: *const HoneTokenizer) -> usize {
    (*tokenizer).size
}

/// # Safety
/// `tokenizer` lives; `out` and `error` are valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_to_json(
    tokenizer: *const HoneTokenizer,
    out: *mut HoneBytes,
    error: *mut HoneBytes,
) -> bool {
    guard(out, error, || (*tokenizer).inner.to_string(true).map(HoneBytes::from).map_err(|error| error.to_string()))
}
