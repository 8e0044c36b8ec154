//! Letters and words of any script, as Python's `str` and `re` see them. The standard library's lower case is the
//! Unicode Standard's own, as Python's is (with the final sigma, and "İ" as two characters).

use std::sync::OnceLock;

use regex_syntax::hir::{Class, HirKind};

use crate::border::{catch, slice, HoneBytes};

/// `str.lower()`. What is not UTF-8 becomes U+FFFD.
fn lowercase(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).to_lowercase()
}

/// The first and last code points of the runs of characters that `\w` of Python's `re` matches: letters, numbers and
/// the underscore. Marks are none of them, other than in Unicode's own definition of a word.
fn word_ranges() -> &'static [(u32, u32)] {
    static RANGES: OnceLock<Vec<(u32, u32)>> = OnceLock::new();
    RANGES.get_or_init(|| {
        let parsed = regex_syntax::parse(r"[\p{L}\p{N}_]").expect("the class is well formed");
        match parsed.kind() {
            HirKind::Class(Class::Unicode(class)) => {
                class.ranges().iter().map(|range| (range.start() as u32, range.end() as u32)).collect()
            }
            kind => unreachable!("a class of characters, not {kind:?}"),
        }
    })
}

fn is_word(code_point: u32) -> bool {
    let ranges = word_ranges();
    let after = ranges.partition_point(|&(first, _)| first <= code_point);
    after > 0 && code_point <= ranges[after - 1].1
}

/// The text in lower case.
///
/// # Safety
/// `input` holds `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn hone_unicode_lowercase(input: *const u8, len: usize) -> HoneBytes {
    catch(|| Ok(lowercase(slice(input, len)))).map_or(HoneBytes::EMPTY, HoneBytes::from)
}

/// Whether `\w` of Python's `re` matches the character.
#[no_mangle]
pub extern "C" fn hone_unicode_is_word(code_point: u32) -> bool {
    catch(|| Ok(is_word(code_point))).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowercase_is_pythons() {
        for (text, lower) in [
            ("ABC Déjà", "abc déjà"),
            ("ΟΔΟΣ ΣΟΣ.", "οδος σος."),       // a sigma that ends a word
            ("\u{130}\u{212a}", "i\u{307}k"), // the second is the Kelvin sign
            ("ẞ", "ß"),
            ("Ⅷ", "ⅷ"),
        ] {
            assert_eq!(lowercase(text.as_bytes()), lower);
        }
        assert_eq!(lowercase(b"A\xff"), "a\u{fffd}");
    }

    #[test]
    fn word_characters_are_pythons() {
        for character in "aZ_0é中²Ⅷªـ൧".chars() {
            assert!(is_word(character as u32), "{character}");
        }
        for character in " -'\u{301}\u{93e}Ⓐ‿😀\u{200d}".chars() {
            assert!(!is_word(character as u32), "{character}");
        }
        assert!(!is_word(0x110000));
    }
}
