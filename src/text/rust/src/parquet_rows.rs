//! Rows of a Parquet file as lines of JSON, in batches.

use crate::border::{free_box, guard, text, HoneBytes, HoneError};
use crate::parquet_footer;
use crate::parquet_pages::CheckedFile;
use crate::python::write_json_string;
use chrono::{DateTime, NaiveDate, NaiveTime};
use parquet::data_type::{ByteArray, Decimal};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use std::fmt::Write;
use std::fs::File;

/// A file and the place in it.
pub struct HoneParquet {
    rows: RowIter<'static>,
    columns: Vec<String>,
    /// What `datasets` says of the columns, as JSON; empty: another program wrote the file.
    huggingface: String,
    num_rows: i64,
    next_row: u64,
    max_row_bytes: usize,
    /// After an error the iterator's state means nothing: no row may be read again.
    broken: bool,
}

/// Rows: `text` holds them one after the other, `ends` where each one ends.
#[repr(C)]
pub struct HoneRows {
    pub text: HoneBytes,
    pub ends: *mut usize,
    pub len: usize,
}

impl HoneParquet {
    fn open(path: &str, max_row_bytes: usize, max_depth: usize) -> Result<HoneParquet, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let footer = parquet_footer::read(&file)?;
        parquet_footer::check(&footer, max_depth)?;
        // The schema that was checked and no other, should the footer have a second.
        let schema = ParquetMetaDataReader::decode_schema(&footer).map_err(|error| error.to_string())?;
        let options = ReadOptionsBuilder::new().with_parquet_schema(schema).build();
        let reader = SerializedFileReader::new_with_options(file, options).map_err(|error| error.to_string())?;
        let metadata = reader.metadata().file_metadata();
        let num_rows = metadata.num_rows();
        if num_rows < 0 {
            return Err(format!("the footer says {num_rows} rows"));
        }
        let columns =
            metadata.schema_descr().root_schema().get_fields().iter().map(|field| field.name().to_string()).collect();
        let huggingface = metadata
            .key_value_metadata()
            .and_then(|pairs| pairs.iter().find(|pair| pair.key == "huggingface"))
            .and_then(|pair| pair.value.clone())
            .unwrap_or_default();
        let rows = RowIter::from_file_into(Box::new(CheckedFile(reader)));
        Ok(HoneParquet { rows, columns, huggingface, num_rows, next_row: 0, max_row_bytes, broken: false })
    }

    fn read(&mut self, max_rows: usize) -> Result<(String, Vec<usize>), String> {
        if self.broken {
            return Err("the file could not be read further".to_string());
        }
        // Cleared only on the way out, so that a panic leaves it set.
        self.broken = true;
        let mut json = String::new();
        let mut ends = Vec::new();
        while ends.len() < max_rows {
            let Some(row) = self.rows.next() else {
                if self.next_row < self.num_rows as u64 {
                    return Err(format!("{} rows, but the footer says {}", self.next_row, self.num_rows));
                }
                break;
            };
            let begin = json.len();
            let number = self.next_row + 1;
            let row = row.map_err(|error| format!("row {number}: {error}"))?;
            RowWriter { json: &mut json, limit: begin + self.max_row_bytes }
                .row(&row, true)
                .map_err(|error| format!("row {number}: {error}"))?;
            ends.push(json.len());
            self.next_row = number;
        }
        self.broken = false;
        Ok((json, ends))
    }
}

struct RowWriter<'a> {
    json: &'a mut String,
    limit: usize,
}

impl RowWriter<'_> {
    /// A struct of a column has every member that any row has: what a row lacks is null in it, and left out.
    fn row(&mut self, row: &Row, with_nulls: bool) -> Result<(), String> {
        self.json.push('{');
        let fields = row.get_column_iter().filter(|(_, field)| with_nulls || !matches!(field, Field::Null));
        for (index, (name, field)) in fields.enumerate() {
            if index > 0 {
                self.json.push(',');
            }
            write_json_string(self.json, name, false);
            self.json.push(':');
            self.field(field).map_err(|error| format!("column '{name}': {error}"))?;
            if self.json.len() >= self.limit {
                return Err("is larger than a row may be".to_string());
            }
        }
        self.json.push('}');
        if self.json.len() > self.limit {
            return Err("is larger than a row may be".to_string());
        }
        Ok(())
    }

    fn field(&mut self, field: &Field) -> Result<(), String> {
        match field {
            Field::Null => self.json.push_str("null"),
            Field::Bool(value) => self.json.push_str(if *value { "true" } else { "false" }),
            Field::Byte(value) => self.display(value),
            Field::Short(value) => self.display(value),
            Field::Int(value) => self.display(value),
            Field::Long(value) => self.display(value),
            Field::UByte(value) => self.display(value),
            Field::UShort(value) => self.display(value),
            Field::UInt(value) => self.display(value),
            Field::ULong(value) => self.display(value),
            Field::Float16(value) => self.float(f64::from(f32::from(*value)), f32::from(*value)),
            Field::Float(value) => self.float(f64::from(*value), value),
            Field::Double(value) => self.float(*value, value),
            Field::Decimal(value) => self.json.push_str(&decimal_text(value)),
            Field::Str(value) => write_json_string(self.json, value, false),
            Field::Bytes(value) => self.bytes(value)?,
            Field::Date(days) => self.quoted(date_text(*days)?),
            Field::TimeMillis(value) => self.quoted(time_text(i64::from(*value) * 1000)?),
            Field::TimeMicros(value) => self.quoted(time_text(*value)?),
            Field::TimestampMillis(value) => {
                self.quoted(timestamp_text(value.checked_mul(1000).ok_or("a time outside the calendar")?)?)
            }
            Field::TimestampMicros(value) => self.quoted(timestamp_text(*value)?),
            Field::Group(row) => self.row(row, false)?,
            Field::ListInternal(list) => {
                self.json.push('[');
                for (index, element) in list.elements().iter().enumerate() {
                    if index > 0 {
                        self.json.push(',');
                    }
                    self.field(element)?;
                    if self.json.len() >= self.limit {
                        return Err("is larger than a row may be".to_string());
                    }
                }
                self.json.push(']');
            }
            Field::MapInternal(map) => {
                self.json.push('{');
                for (index, (key, value)) in map.entries().iter().enumerate() {
                    if index > 0 {
                        self.json.push(',');
                    }
                    self.key(key)?;
                    self.json.push(':');
                    self.field(value)?;
                }
                self.json.push('}');
            }
        }
        Ok(())
    }

    /// A key of a JSON object is a string, whatever the map's keys are.
    fn key(&mut self, key: &Field) -> Result<(), String> {
        if let Field::Str(text) = key {
            write_json_string(self.json, text, false);
            return Ok(());
        }
        let mut text = String::new();
        RowWriter { json: &mut text, limit: self.limit }.field(key)?;
        let plain = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&text);
        write_json_string(self.json, plain, false);
        Ok(())
    }

    fn display(&mut self, value: &impl std::fmt::Display) {
        write!(self.json, "{value}").expect("a String takes everything");
    }

    /// The shortest text that reads back as the same number; JSON has none for NaN and the infinities.
    fn float(&mut self, value: f64, text: impl std::fmt::Debug) {
        if value.is_finite() {
            write!(self.json, "{text:?}").expect("a String takes everything");
        } else {
            self.json.push_str("null");
        }
    }

    fn quoted(&mut self, text: String) {
        write_json_string(self.json, &text, false);
    }

    fn bytes(&mut self, value: &ByteArray) -> Result<(), String> {
        let text = std::str::from_utf8(value.data()).map_err(|error| {
            format!("not UTF-8: byte {} does not begin or continue a character", error.valid_up_to())
        })?;
        write_json_string(self.json, text, false);
        Ok(())
    }
}

/// The exact decimal, as a JSON number: two's complement, big-endian, with `scale` digits after the point.
fn decimal_text(value: &Decimal) -> String {
    let data = value.data();
    let negative = data.first().is_some_and(|byte| byte & 0x80 != 0);
    // Decimal digits of the magnitude, least significant first: base 256 to base 10, one byte at a time.
    let mut digits = vec![0u8];
    for &byte in data {
        let mut carry = u32::from(if negative { !byte } else { byte });
        for digit in digits.iter_mut() {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    if negative {
        for digit in digits.iter_mut() {
            *digit = (*digit + 1) % 10;
            if *digit != 0 {
                break;
            }
        }
        if digits.iter().all(|&digit| digit == 0) {
            digits.push(1);
        }
    }
    // A scale past what any precision allows is a damaged schema; it must not become a gigabyte of zeros.
    let scale = value.scale().clamp(0, 1000) as usize;
    while digits.len() < scale + 1 {
        digits.push(0);
    }
    while digits.len() > scale + 1 && digits.last() == Some(&0) {
        digits.pop();
    }
    let mut text = String::from(if negative { "-" } else { "" });
    for (place, digit) in digits.iter().enumerate().rev() {
        text.push((b'0' + digit) as char);
        if place == scale && scale > 0 {
            text.push('.');
        }
    }
    text
}

fn date_text(days: i32) -> Result<String, String> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date");
    epoch
        .checked_add_signed(chrono::TimeDelta::days(i64::from(days)))
        .map(|date| date.to_string())
        .ok_or_else(|| "a date outside the calendar".to_string())
}

fn time_text(micros: i64) -> Result<String, String> {
    let seconds = u32::try_from(micros.div_euclid(1_000_000)).map_err(|_| "a time outside the day".to_string())?;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, (micros.rem_euclid(1_000_000) * 1000) as u32)
        .map(|time| time.to_string())
        .ok_or_else(|| "a time outside the day".to_string())
}

fn timestamp_text(micros: i64) -> Result<String, String> {
    DateTime::from_timestamp_micros(micros)
        .map(|time| time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f").to_string())
        .ok_or_else(|| "a time outside the calendar".to_string())
}

/// # Safety
/// `path` holds `len` bytes; `out` and `error` are valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_parquet_open(
    path: *const u8,
    len: usize,
    max_row_bytes: usize,
    max_depth: usize,
    out: *mut *mut HoneParquet,
    error: *mut HoneError,
) -> bool {
    guard(out, error, || Ok(Box::into_raw(Box::new(HoneParquet::open(text(path, len)?, max_row_bytes, max_depth)?))))
}

/// # Safety
/// `file` came from `hone_parquet_open` and is freed once.
#[no_mangle]
pub unsafe extern "C" fn hone_parquet_free(file: *mut HoneParquet) {
    free_box(file);
}

/// # Safety
/// `file` lives.
#[no_mangle]
pub unsafe extern "C" fn hone_parquet_num_rows(file: *const HoneParquet) -> i64 {
    (*file).num_rows
}

/// # Safety
/// `file` lives.
#[no_mangle]
pub unsafe extern "C" fn hone_parquet_num_columns(file: *const HoneParquet) -> usize {
    (*file).columns.len()
}

/// The name of column `index`, which is below the number of columns.
///
/// # Safety
/// `file` lives.
#[no_mangle]
pub unsafe extern "C" fn hone_parquet_column(file: *const HoneParquet, index: usize) -> HoneBytes {
    let file = &*file;
    file.columns.get(index).cloned().unwrap_or_default().into()
}

/// The metadata "huggingface" of the file, or nothing.
///
/// # Safety
/// `file` lives.
#[no_mangle]
pub unsafe extern "C" fn hone_parquet_huggingface(file: *const HoneParquet) -> HoneBytes {
    (*file).huggingface.clone().into()
}

/// # Safety
/// `file` lives and no other thread uses it; `out` and `error` are valid for writing.
#[no_mangle]
pub unsafe extern "C" fn hone_parquet_read(
    file: *mut HoneParquet,
    max_rows: usize,
    out: *mut HoneRows,
    error: *mut HoneError,
) -> bool {
    guard(out, error, || {
        let (json, ends) = (*file).read(max_rows)?;
        let len = ends.len();
        let ends = if len == 0 { std::ptr::null_mut() } else { Box::into_raw(ends.into_boxed_slice()) as *mut usize };
        Ok(HoneRows { text: json.into(), ends, len })
    })
}

/// # Safety
/// `rows` came from `hone_parquet_read` and is freed once.
#[no_mangle]
pub unsafe extern "C" fn hone_rows_free(rows: HoneRows) {
    crate::border::hone_bytes_free(rows.text);
    if !rows.ends.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(rows.ends, rows.len)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(bytes: &[u8], scale: i32) -> String {
        decimal_text(&Decimal::from_bytes(ByteArray::from(bytes.to_vec()), 38, scale))
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal(&[0], 0), "0");
        assert_eq!(decimal(&[0x04, 0xd2], 2), "12.34");
        assert_eq!(decimal(&[0xff], 0), "-1");
        assert_eq!(decimal(&[0xff], 3), "-0.001");
        assert_eq!(decimal(&[0x80, 0x00], 0), "-32768");
        assert_eq!(decimal(&[0xff, 0x00], 1), "-25.6");
        assert_eq!(decimal(&[0x7f; 16], 0), "169473963133173273960190490760135540607");
    }

    #[test]
    fn times_read_as_iso() {
        assert_eq!(date_text(19_000).unwrap(), "2022-01-08");
        assert_eq!(date_text(-1).unwrap(), "1969-12-31");
        assert!(date_text(i32::MAX).is_err());
        assert_eq!(time_text(3_600_000_001).unwrap(), "01:00:00.000001");
        assert!(time_text(-1).is_err());
        assert!(time_text(86_400_000_000).is_err());
        assert_eq!(timestamp_text(0).unwrap(), "1970-01-01T00:00:00");
        assert_eq!(timestamp_text(1_500_000).unwrap(), "1970-01-01T00:00:01.500");
        assert!(timestamp_text(i64::MAX).is_err());
    }
}
