//! What every exported function stands on: owned bytes, borrowed slices, and the net under panics.

use std::any::Any;
use std::cell::Cell;
use std::panic::{catch_unwind, set_hook, take_hook, AssertUnwindSafe};
use std::sync::Once;

/// Bytes owned by the caller until `hone_bytes_free`. `data` is null when there are none.
#[repr(C)]
pub struct HoneBytes {
    pub data: *mut u8,
    pub len: usize,
}

impl HoneBytes {
    pub const EMPTY: HoneBytes = HoneBytes { data: std::ptr::null_mut(), len: 0 };
}

impl From<Vec<u8>> for HoneBytes {
    fn from(bytes: Vec<u8>) -> HoneBytes {
        if bytes.is_empty() {
            return HoneBytes::EMPTY;
        }
        let boxed = bytes.into_boxed_slice();
        let len = boxed.len();
        HoneBytes { data: Box::into_raw(boxed) as *mut u8, len }
    }
}

impl From<String> for HoneBytes {
    fn from(text: String) -> HoneBytes {
        text.into_bytes().into()
    }
}

/// Frees what a function of this crate returned as bytes.
///
/// # Safety
/// `bytes` came from this crate and is freed once.
#[no_mangle]
pub unsafe extern "C" fn hone_bytes_free(bytes: HoneBytes) {
    if !bytes.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(bytes.data, bytes.len)));
    }
}

/// The slice that pointer and length describe; a null pointer is an empty slice.
///
/// # Safety
/// `data` is null or points to `len` readable elements that stay unchanged while the slice is used.
pub unsafe fn slice<'a, T>(data: *const T, len: usize) -> &'a [T] {
    if data.is_null() || len == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, len)
    }
}

/// The text that pointer and length describe, or which byte is not UTF-8.
///
/// # Safety
/// As for `slice`.
pub unsafe fn text<'a>(data: *const u8, len: usize) -> Result<&'a str, String> {
    std::str::from_utf8(slice(data, len))
        .map_err(|error| format!("not UTF-8: byte {} does not begin or continue a character", error.valid_up_to()))
}

/// Why something failed, and whether only for want of memory: then nothing that was handed in is to blame.
#[derive(Debug, PartialEq)]
pub struct Failure {
    pub text: String,
    pub memory: bool,
}

impl Failure {
    pub fn no_memory(text: impl Into<String>) -> Failure {
        Failure { text: text.into(), memory: true }
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Failure {
        Failure { text, memory: false }
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Failure {
        text.to_string().into()
    }
}

/// A `Failure` for the caller, who frees `text` with `hone_bytes_free`.
#[repr(C)]
pub struct HoneError {
    pub text: HoneBytes,
    pub memory: bool,
}

impl From<Failure> for HoneError {
    fn from(failure: Failure) -> HoneError {
        HoneError { text: failure.text.into(), memory: failure.memory }
    }
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let reason = panic
        .downcast_ref::<&str>()
        .map(|text| text.to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_string());
    // A payload whose own drop panics would unwind into C++; what that leaves is never dropped.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second);
    }
    format!("internal failure: {reason}")
}

thread_local! {
    /// How many `catch`es are on this thread's stack.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
}

/// A panic that becomes an error must not also write a trace to standard error.
fn quiet_caught_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| {
            if CATCHING.get() == 0 {
                previous(info);
            }
        }));
    });
}

/// Runs `body`, with a panic as an error.
pub fn catch<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    quiet_caught_panics();
    CATCHING.set(CATCHING.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(body));
    CATCHING.set(CATCHING.get() - 1);
    match result {
        Ok(result) => result,
        Err(panic) => Err(panic_text(panic).into()),
    }
}

/// Runs `body` and stores its value in `*out` or its failure in `*error`; returns whether it worked.
///
/// # Safety
/// `out` and `error` are valid for writing; what they held is not dropped.
pub unsafe fn guard<T>(out: *mut T, error: *mut HoneError, body: impl FnOnce() -> Result<T, Failure>) -> bool {
    match catch(body) {
        Ok(value) => {
            out.write(value);
            true
        }
        Err(failure) => {
            error.write(failure.into());
            false
        }
    }
}

/// Drops a box that was handed out as a raw pointer; null is nothing.
///
/// # Safety
/// `pointer` came from `Box::into_raw` and is freed once.
pub unsafe fn free_box<T>(pointer: *mut T) {
    if !pointer.is_null() {
        let _ = catch(|| {
            drop(Box::from_raw(pointer));
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_border() {
        let bytes: HoneBytes = "a\0b".to_string().into();
        assert_eq!(unsafe { slice(bytes.data, bytes.len) }, b"a\0b");
        unsafe { hone_bytes_free(bytes) };
        let none: HoneBytes = String::new().into();
        assert!(none.data.is_null());
        unsafe { hone_bytes_free(none) };
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let failure = catch::<()>(|| panic!("index {} of {}", 3, 2)).unwrap_err();
        assert_eq!(failure, "internal failure: index 3 of 2".into());
        let mut out = 7;
        let mut error = HoneError { text: HoneBytes::EMPTY, memory: true };
        assert!(!unsafe { guard(&mut out, &mut error, || Err("bad".into())) });
        assert_eq!((out, unsafe { text(error.text.data, error.text.len) }), (7, Ok("bad")));
        assert!(!error.memory);
        unsafe { hone_bytes_free(error.text) };
    }

    #[test]
    fn text_names_the_bad_byte() {
        let bytes = b"ab\xffc";
        let error = unsafe { text(bytes.as_ptr(), bytes.len()) }.unwrap_err();
        assert!(error.contains("byte 2"), "{error}");
        assert_eq!(unsafe { text(std::ptr::null(), 0) }, Ok(""));
    }
}
