//! tokenizer.json: text to ids and back.

use crate::border::{catch, free_box, guard, slice, text, HoneBytes, HoneError};
use crate::growth::Growth;
use tokenizers::{DecoderWrapper, Tokenizer};

/// A tokenizer and what is asked of it for every id.
pub struct HoneTokenizer {
    inner: Tokenizer,
    /// One flag per id up to the largest one.
    known: Vec<bool>,
    special: Vec<bool>,
    /// Tokens that were added to the model's own, special or not: they stand in the text as they are.
    added: Vec<bool>,
    /// The tokens <0x00> to <0xFF> of a tokenizer that falls back to bytes.
    byte: Vec<bool>,
    size: usize,
    growth: Growth,
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

impl HoneTokenizer {
    fn from_json(json: &[u8], max_vocabulary: usize) -> Result<HoneTokenizer, String> {
        let growth = Growth::of(json)?;
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
        let mut added = vec![false; known.len()];
        for (id, token) in inner.get_added_tokens_decoder() {
            if let Some(flag) = special.get_mut(id as usize) {
                *flag = token.special;
                added[id as usize] = true;
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
        Ok(HoneTokenizer { inner, known, special, added, byte, size: vocabulary.len(), growth })
    }

    fn encode(&self, input: &str, add_special: bool, with_offsets: bool) -> Result<HoneIds, String> {
        self.growth.check(input, self.inner.get_normalizer())?;
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
    error: *mut HoneError,
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
    error: *mut HoneError,
) -> bool {
    guard(out, error, || Ok((*tokenizer).encode(text(input, len)?, add_special, with_offsets)?))
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
    error: *mut HoneError,
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
    catch(|| Ok((*tokenizer).inner.token_to_id(text(token, len)?))).ok().flatten().map_or(-1, i64::from)
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
    match catch(|| Ok((*tokenizer).inner.id_to_token(id))) {
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

/// Whether the token was added to those that the model of the tokenizer has of itself, special or not.
///
/// # Safety
/// `tokenizer` lives.
#[no_mangle]
pub unsafe extern "C" fn hone_tokenizer_is_added(tokenizer: *const HoneTokenizer, id: u32) -> bool {
    flag(&(*tokenizer).added, id)
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
    error: *mut HoneError,
) -> bool {
    guard(out, error, || {
        (*tokenizer).inner.to_string(true).map(HoneBytes::from).map_err(|error| error.to_string().into())
    })
}
