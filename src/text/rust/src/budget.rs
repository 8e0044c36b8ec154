//! What one rendering may use. Fuel bounds the number of steps; these bound what a step can make: the bytes that are
//! alive, and the bytes that were ever made. A template is part of a downloaded model, so it may be hostile.

use minijinja::{Error, ErrorKind};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The longest text that a rendering may give, and the longest that any step in it may make.
pub const MAX_TEXT_BYTES: usize = 64 << 20;
/// The longest list that a step may make.
pub const MAX_LIST_ITEMS: usize = 1 << 20;
/// What may be alive at once.
const MAX_LIVE_BYTES: isize = 1 << 30;
/// What may be made in all: bounds the time that copying takes.
const MAX_MADE_BYTES: usize = 16 << 30;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static LIVE_AT_START: Cell<isize> = const { Cell::new(0) };
    static MADE: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a count per thread of the bytes that this crate holds.
struct Counting;

/// Ends the process as a want of memory ends it elsewhere: Rust would abort, and no row is to blame.
fn out_of_memory() -> ! {
    const TEXT: &[u8] = b"error: not enough memory: use fewer --threads, or free some memory\n";
    // SAFETY: both may be called at any time.
    unsafe {
        libc::write(2, TEXT.as_ptr().cast(), TEXT.len());
        libc::_exit(5)
    }
}

fn count(change: isize) {
    // No thread-local left: the thread is ending, and nobody asks for its count any more.
    let _ = LIVE.try_with(|live| live.set(live.get().wrapping_add(change)));
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let pointer = System.alloc(layout);
        if pointer.is_null() {
            out_of_memory();
        }
        count(layout.size() as isize);
        pointer
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let pointer = System.alloc_zeroed(layout);
        if pointer.is_null() {
            out_of_memory();
        }
        count(layout.size() as isize);
        pointer
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        System.dealloc(pointer, layout);
        count(-(layout.size() as isize));
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let moved = System.realloc(pointer, layout, size);
        if moved.is_null() {
            out_of_memory();
        }
        count(size as isize - layout.size() as isize);
        moved
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Begins a rendering on this thread.
pub fn start() {
    LIVE_AT_START.set(LIVE.get());
    MADE.set(0);
}

fn too_large(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("the template makes {what}"))
}

/// What a step fails with that makes more than `MAX_TEXT_BYTES`.
pub fn too_long() -> Error {
    too_large("a text of more than 64 MiB")
}

/// To call before a step that makes `bytes` of text.
pub fn charge(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_TEXT_BYTES {
        return Err(too_long());
    }
    // Some steps are cheap in bytes and still take time.
    let made = MADE.get().saturating_add(bytes).saturating_add(16);
    MADE.set(made);
    if made > MAX_MADE_BYTES {
        return Err(too_large("more than 16 GiB of text in all"));
    }
    if LIVE.get().wrapping_sub(LIVE_AT_START.get()) > MAX_LIVE_BYTES {
        return Err(too_large("more than 1 GiB of values"));
    }
    Ok(())
}

/// To call before a step that makes a list.
pub fn charge_items(items: usize) -> Result<(), Error> {
    if items > MAX_LIST_ITEMS {
        return Err(too_large("a list of more than 1048576 items"));
    }
    charge(items.saturating_mul(size_of::<minijinja::Value>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_and_a_list_have_a_limit() {
        start();
        assert!(charge(MAX_TEXT_BYTES).is_ok());
        assert!(charge(MAX_TEXT_BYTES + 1).is_err());
        assert!(charge_items(MAX_LIST_ITEMS).is_ok());
        assert!(charge_items(MAX_LIST_ITEMS + 1).is_err());
    }

    #[test]
    fn what_is_made_adds_up() {
        start();
        let fits = MAX_MADE_BYTES / (MAX_TEXT_BYTES + 16);
        for _ in 0..fits {
            charge(MAX_TEXT_BYTES).unwrap();
        }
        assert!(charge(MAX_TEXT_BYTES).is_err());
        start();
        assert!(charge(1).is_ok());
    }

    #[test]
    fn what_lives_is_counted() {
        start();
        let before = LIVE.get();
        let held = vec![1u8; 1000];
        assert_eq!(LIVE.get() - before, held.capacity() as isize);
        drop(held);
        assert_eq!(LIVE.get(), before);
    }
}
