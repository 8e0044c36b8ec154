//! Stacks for recursion whose depth a template decides.
//!
//! A thread keeps its stack from one rendering to the next: a map for each would cost system calls, and a race for what
//! is left where address space is short.

use crate::border::Failure;
use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::null_mut;

/// Below a stack: a step too deep is a fault, not a write into what lies there.
const GUARD_BYTES: usize = 64 << 10;

/// Pages that nobody touches cost address space, and no memory.
struct Stack {
    map: *mut c_void,
    bytes: usize,
}

impl Stack {
    fn new(bytes: usize) -> Result<Stack, Failure> {
        let whole = bytes + GUARD_BYTES;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a map of its own; the guard lies within it.
        let map = unsafe { libc::mmap(null_mut(), whole, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if map == libc::MAP_FAILED {
            return Err(Failure::no_memory(format!(
                "a chat template needs {} MiB of address space for each thread (see ulimit -v, or use fewer --threads)",
                whole >> 20
            )));
        }
        let stack = Stack { map, bytes: whole };
        if unsafe { libc::mprotect(map, GUARD_BYTES, libc::PROT_NONE) } != 0 {
            return Err(Failure::no_memory("no guard page for a chat template's stack"));
        }
        Ok(stack)
    }

    fn run<T>(&self, body: impl FnOnce() -> T) -> T {
        // SAFETY: the map is page-aligned, nobody else is on it, and no panic leaves the callback.
        let result = unsafe {
            let base = self.map.cast::<u8>().add(GUARD_BYTES);
            psm::on_stack(base, self.bytes - GUARD_BYTES, || catch_unwind(AssertUnwindSafe(body)))
        };
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: it was mapped so, and nobody is on it.
        unsafe { libc::munmap(self.map, self.bytes) };
    }
}

thread_local! {
    static KEPT: Cell<Option<Stack>> = const { Cell::new(None) };
}

/// Runs `body` on the stack of `bytes` that this thread keeps; `bytes` is the same in every call.
pub fn on_kept_stack<T>(bytes: usize, body: impl FnOnce() -> T) -> Result<T, Failure> {
    let stack = match KEPT.take() {
        Some(stack) => stack,
        None => Stack::new(bytes)?,
    };
    let result = stack.run(body);
    KEPT.set(Some(stack));
    Ok(result)
}

/// Runs `body` on a stack of `bytes` that is gone afterwards.
pub fn on_new_stack<T>(bytes: usize, body: impl FnOnce() -> T) -> Result<T, Failure> {
    Ok(Stack::new(bytes)?.run(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(levels: usize) -> usize {
        let frame = std::hint::black_box([levels as u8; 1024]);
        if levels == 0 {
            return 0;
        }
        depth(levels - 1) + 1 + usize::from(frame[0] != levels as u8)
    }

    #[test]
    fn a_body_has_the_whole_stack() {
        assert_eq!(on_new_stack(64 << 20, || depth(40_000)), Ok(40_000));
        // Twice, and within itself.
        let nested = || on_kept_stack(16 << 20, || on_kept_stack(16 << 20, || depth(10_000)));
        assert_eq!(nested(), Ok(Ok(10_000)));
        assert_eq!(nested(), Ok(Ok(10_000)));
    }

    #[test]
    fn a_panic_comes_through() {
        let caught = catch_unwind(|| on_new_stack(1 << 20, || -> u8 { panic!("deep") }));
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"deep"));
    }

    #[test]
    fn no_room_is_a_want_of_memory() {
        let failure = on_new_stack(1 << 60, || ()).unwrap_err();
        assert!(failure.memory, "{failure:?}");
    }
}
