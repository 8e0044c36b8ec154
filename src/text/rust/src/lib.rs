//! The C ABI over three crates, `tokenizers`, `minijinja` and `parquet`, and what Python knows of characters.
//!
//! Rules of the border, the same for every function:
//! * Bytes come as pointer and length; nothing is terminated by NUL and nothing borrowed outlives the call.
//! * What a function returns is owned by the caller, and each kind has one function that frees it.
//! * A function that can fail returns false and puts a message into `error` (its `text` is to free).
//! * No panic crosses the border: it becomes an error.

mod border;
mod budget;
mod byte_cursor;
mod growth;
mod jinja;
mod parquet_footer;
mod parquet_pages;
mod parquet_rows;
mod python;
mod stack;
mod template;
mod tokenizer;
mod unicode;
