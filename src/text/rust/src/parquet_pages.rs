//! The pages of a Parquet file before the parquet crate believes them: it allocates at once what a dictionary or a list
//! of lengths says that it holds, and memory that is not there ends the process.

use crate::byte_cursor::ByteCursor;
use parquet::basic::{Encoding, Type as PhysicalType};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::{ColumnDescPtr, Type};

/// Texts of one page whose lengths are coded as differences: a run of equal ones takes no bytes, so its size says
/// nothing. Writers close a page at a megabyte, or some thousand rows later.
const MAX_DELTA_TEXTS: u64 = 1 << 24;

fn error(message: String) -> ParquetError {
    ParquetError::General(message)
}

/// A file whose pages are checked as they are read.
pub struct CheckedFile<F>(pub F);

struct CheckedRowGroup<'a>(Box<dyn RowGroupReader + 'a>);

struct CheckedPages {
    pages: Box<dyn PageReader>,
    column: ColumnDescPtr,
}

impl<F: FileReader> FileReader for CheckedFile<F> {
    fn metadata(&self) -> &ParquetMetaData {
        self.0.metadata()
    }
    fn num_row_groups(&self) -> usize {
        self.0.num_row_groups()
    }
    fn get_row_group(&self, index: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        Ok(Box::new(CheckedRowGroup(self.0.get_row_group(index)?)))
    }
    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_file(projection, self)
    }
}

impl RowGroupReader for CheckedRowGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.0.metadata()
    }
    fn num_columns(&self) -> usize {
        self.0.num_columns()
    }
    fn get_column_page_reader(&self, index: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata().schema_descr().column(index);
        Ok(Box::new(CheckedPages { pages: self.0.get_column_page_reader(index)?, column }))
    }
    fn get_column_bloom_filter(&self, index: usize) -> Option<&Sbbf> {
        self.0.get_column_bloom_filter(index)
    }
    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;
    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        page.as_ref().map_or(Ok(()), |page| check(page, &self.column)).map_err(error)?;
        Ok(page)
    }
    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }
    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

fn check(page: &Page, column: &ColumnDescPtr) -> std::result::Result<(), String> {
    match page {
        Page::DictionaryPage { buf, num_values, .. } => {
            let each = match column.physical_type() {
                PhysicalType::BOOLEAN => return Err("a dictionary of booleans".to_string()),
                PhysicalType::FIXED_LEN_BYTE_ARRAY => column.type_length().max(1) as usize,
                _ => 4, // at least: a number's, or a text's length
            };
            if *num_values as usize > buf.len() / each {
                return Err(format!("a dictionary of {num_values} values in {} bytes", buf.len()));
            }
        }
        Page::DataPage { buf, encoding, def_level_encoding, rep_level_encoding, .. } if is_delta_text(*encoding) => {
            let mut values = &buf[..];
            for (levels, encoding) in
                [(column.max_rep_level(), rep_level_encoding), (column.max_def_level(), def_level_encoding)]
            {
                if levels > 0 {
                    if *encoding != Encoding::RLE {
                        return Err(format!("levels in {encoding} beside values in an encoding of a later version"));
                    }
                    let (size, rest) = values.split_first_chunk().ok_or("a page that ends within its levels")?;
                    values = rest.get(u32::from_le_bytes(*size) as usize..).ok_or("levels larger than their page")?;
                }
            }
            check_delta_texts(values, *encoding)?;
        }
        Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
            let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
            let values = buf.get(levels as usize..).ok_or("levels larger than their page")?;
            if is_delta_text(*encoding) {
                check_delta_texts(values, *encoding)?;
            }
        }
        Page::DataPage { .. } => (),
    }
    Ok(())
}

fn is_delta_text(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY)
}

/// The one or two lists of lengths that the values of a page begin with.
fn check_delta_texts(mut values: &[u8], encoding: Encoding) -> std::result::Result<(), String> {
    let lists = if encoding == Encoding::DELTA_BYTE_ARRAY { 2 } else { 1 };
    for list in 0..lists {
        let mut lengths = ByteCursor { bytes: values, what: "page" };
        let block_size = lengths.varint()?;
        let mini_blocks = lengths.varint()?;
        let mut left = lengths.varint()?;
        if left > MAX_DELTA_TEXTS {
            return Err(format!("a page of {left} texts; hone reads pages of {MAX_DELTA_TEXTS} at most"));
        }
        if list + 1 == lists {
            break;
        }
        // The second list comes after the blocks of the first.
        lengths.varint()?;
        left = left.saturating_sub(1);
        if mini_blocks == 0 || block_size < mini_blocks {
            return Err(format!("{mini_blocks} groups in blocks of {block_size} lengths"));
        }
        let group = block_size / mini_blocks;
        while left > 0 {
            lengths.varint()?;
            for width in lengths.take(mini_blocks)? {
                if left == 0 {
                    break;
                }
                lengths.take(group.saturating_mul(u64::from(*width)) / 8)?;
                left = left.saturating_sub(group);
            }
        }
        values = lengths.bytes;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::byte_cursor::varint;

    /// `count` lengths of 0 in blocks of 128 and groups of 32.
    fn zeros(count: u64) -> Vec<u8> {
        let blocks = vec![[0, 0, 0, 0, 0]; count.saturating_sub(1).div_ceil(128).min(1 << 20) as usize].concat();
        [varint(128), varint(4), varint(count), varint(0), blocks].concat()
    }

    #[test]
    fn lengths_of_texts_are_counted() {
        let most = zeros(MAX_DELTA_TEXTS);
        let more = zeros(MAX_DELTA_TEXTS + 1);
        let refusal = Err("a page of 16777217 texts; hone reads pages of 16777216 at most".to_string());
        assert_eq!(check_delta_texts(&most, Encoding::DELTA_LENGTH_BYTE_ARRAY), Ok(()));
        assert_eq!(check_delta_texts(&more, Encoding::DELTA_LENGTH_BYTE_ARRAY), refusal);
        for count in [0, 1, 2, 33, 128, 129, 130, 1000] {
            let prefixes = zeros(count);
            let values = |suffixes: &[u8]| [&prefixes, suffixes].concat();
            assert_eq!(check_delta_texts(&values(&most), Encoding::DELTA_BYTE_ARRAY), Ok(()), "{count}");
            assert_eq!(check_delta_texts(&values(&more), Encoding::DELTA_BYTE_ARRAY), refusal, "{count}");
        }
    }

    #[test]
    fn lengths_that_end_early_are_refused() {
        let mut lengths = zeros(1000);
        lengths[7] = 32; // the first group's width
        let suffixes = zeros(0);
        assert!(check_delta_texts(&[&lengths[..], &suffixes].concat(), Encoding::DELTA_BYTE_ARRAY).is_err());
        let without = [varint(128), varint(0), varint(9), varint(0)].concat();
        assert_eq!(
            check_delta_texts(&without, Encoding::DELTA_BYTE_ARRAY),
            Err("0 groups in blocks of 128 lengths".to_string())
        );
    }
}
