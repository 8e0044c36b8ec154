//! A Parquet footer before the parquet crate believes it: the crate recurses as deep as the schema nests and allocates
//! what a list says it holds, and neither a stack that is full nor memory that is not there can be caught.
//!
//! The footer is a struct of parquet.thrift in Thrift's compact protocol. What the crate reads of the schema is read
//! here as the same bytes, so a known field of another type than the format's is an error.

use crate::byte_cursor::ByteCursor;
use parquet::file::metadata::FooterTail;
use std::io::{Read, Seek, SeekFrom};

/// The compact protocol's types.
const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Structs and lists within each other, of any part of the footer; the format's own has 5.
const MAX_DEPTH: usize = 32;

/// The fields of a struct that the crate knows: id, type (`TRUE` for both booleans) and, of a struct, its own fields.
type Fields = &'static [Field];
struct Field(i16, u8, Fields);

const fn plain(id: i16, kind: u8) -> Field {
    Field(id, kind, &[])
}

const TIME_UNIT: Fields = &[plain(1, STRUCT), plain(2, STRUCT), plain(3, STRUCT)];
const TIME: Fields = &[plain(1, TRUE), Field(2, STRUCT, TIME_UNIT)];
const LOGICAL_TYPE: Fields = &[
    plain(1, STRUCT),
    plain(2, STRUCT),
    plain(3, STRUCT),
    plain(4, STRUCT),
    Field(5, STRUCT, &[plain(1, I32), plain(2, I32)]),
    plain(6, STRUCT),
    Field(7, STRUCT, TIME),
    Field(8, STRUCT, TIME),
    Field(10, STRUCT, &[plain(1, BYTE), plain(2, TRUE)]),
    plain(11, STRUCT),
    plain(12, STRUCT),
    plain(13, STRUCT),
    plain(14, STRUCT),
    plain(15, STRUCT),
    Field(16, STRUCT, &[plain(1, BYTE)]),
    Field(17, STRUCT, &[plain(1, BINARY)]),
    Field(18, STRUCT, &[plain(1, BINARY), plain(2, I32)]),
];
const NUM_CHILDREN: i16 = 5;
const SCHEMA_ELEMENT: Fields = &[
    plain(1, I32),
    plain(2, I32),
    plain(3, I32),
    plain(4, BINARY),
    plain(NUM_CHILDREN, I32),
    plain(6, I32),
    plain(7, I32),
    plain(8, I32),
    plain(9, I32),
    Field(10, STRUCT, LOGICAL_TYPE),
];

/// The bytes of the footer's struct, out of a whole file.
pub fn read(mut file: impl Read + Seek) -> Result<Vec<u8>, String> {
    const TAIL: u64 = 8;
    let size = file.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?;
    let mut read_at = |begin: Option<u64>, bytes: &mut [u8]| {
        let begin = begin.ok_or_else(|| format!("{size} bytes are too few for its footer"))?;
        file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_exact(bytes)).map_err(|error| error.to_string())
    };
    let mut tail = [0; TAIL as usize];
    read_at(size.checked_sub(TAIL), &mut tail)?;
    let tail = FooterTail::try_new(&tail).map_err(|error| error.to_string())?;
    if tail.is_encrypted_footer() {
        return Err("the footer is encrypted".to_string());
    }
    let begin = size.checked_sub(TAIL + tail.metadata_length() as u64);
    let mut footer = vec![0; if begin.is_some() { tail.metadata_length() } else { 0 }];
    read_at(begin, &mut footer)?;
    Ok(footer)
}

/// Refuses a footer whose schema has more than `max_depth` groups within each other, the root not counted, or in which
/// something says that it holds more than can follow.
pub fn check(footer: &[u8], max_depth: usize) -> Result<(), String> {
    let mut reader = ByteCursor { bytes: footer, what: "footer" };
    let mut last = 0;
    loop {
        match reader.field(last)? {
            Some((1, I32)) => reader.integer().map(|_| last = 1)?,
            Some((2, LIST)) => break,
            _ => return Err("the footer does not begin with a version and a schema".to_string()),
        }
    }
    reader.schema(max_depth)?;
    reader.fields(2, &[], MAX_DEPTH, &mut |_, _| ())
}

impl ByteCursor<'_> {
    fn integer(&mut self) -> Result<i64, String> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Id and type of a struct's next field, or nothing at its end.
    fn field(&mut self, last: i16) -> Result<Option<(i16, u8)>, String> {
        let header = self.byte()?;
        let kind = header & 0xf;
        if kind == STOP {
            return Ok(None);
        }
        let id = match header >> 4 {
            0 => self.integer()? as i16,
            delta => last.checked_add(i16::from(delta)).ok_or("the footer has a field of an id past all")?,
        };
        Ok(Some((id, kind)))
    }

    /// Type and number of a list's elements, each of which has one byte or more.
    fn list(&mut self) -> Result<(u8, usize), String> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        if count > self.bytes.len() as u64 {
            return Err(format!("a list of {count} elements in the {} bytes that follow", self.bytes.len()));
        }
        Ok((header & 0xf, count as usize))
    }

    /// The rest of a struct after its field `last`; `seen` gets the id and value of each integer among `known`.
    fn fields(
        &mut self,
        mut last: i16,
        known: Fields,
        depth: usize,
        seen: &mut dyn FnMut(i16, i64),
    ) -> Result<(), String> {
        while let Some((id, kind)) = self.field(last)? {
            last = id;
            let field = known.iter().find(|field| field.0 == id);
            if field.is_some_and(|field| field.1 != if kind == FALSE { TRUE } else { kind }) {
                return Err(format!("field {id} of a schema element has type {kind}, which it cannot have"));
            }
            match field {
                Some(Field(_, I32, _)) => seen(id, self.integer()?),
                Some(Field(_, _, inner)) => self.value(kind, inner, depth)?,
                None => self.value(kind, &[], depth)?,
            }
        }
        Ok(())
    }

    /// A field's value; of a struct, its fields that are known.
    fn value(&mut self, kind: u8, known: Fields, depth: usize) -> Result<(), String> {
        if depth == 0 {
            return Err(format!("the footer nests deeper than {MAX_DEPTH}"));
        }
        match kind {
            TRUE | FALSE => (),
            BYTE => self.take(1).map(|_| ())?,
            I16 | I32 | I64 => self.varint().map(|_| ())?,
            DOUBLE => self.take(8).map(|_| ())?,
            BINARY => {
                let count = self.varint()?;
                self.take(count)?;
            }
            LIST => {
                let (kind, count) = self.list()?;
                // No struct of the format has a list of booleans, and not all agree on how to write one.
                if matches!(kind, TRUE | FALSE) && count > 0 {
                    return Err("the footer has a list of booleans".to_string());
                }
                for _ in 0..count {
                    self.value(kind, &[], depth - 1)?;
                }
            }
            STRUCT => self.fields(0, known, depth - 1, &mut |_, _| ())?,
            _ => return Err(format!("the footer has a field of type {kind}")),
        }
        Ok(())
    }

    /// The list of schema elements: the tree, each node before its children.
    fn schema(&mut self, max_depth: usize) -> Result<(), String> {
        let (kind, count) = self.list()?;
        if kind != STRUCT {
            return Err("the schema is not a list of structs".to_string());
        }
        // Of each group around the element, how many children are still to come.
        let mut around: Vec<usize> = Vec::new();
        for left in (0..count).rev() {
            while around.last() == Some(&0) {
                around.pop();
            }
            if let Some(children) = around.last_mut() {
                *children -= 1;
            }
            let mut children = 0;
            self.fields(0, SCHEMA_ELEMENT, MAX_DEPTH, &mut |id, value| {
                if id == NUM_CHILDREN {
                    children = value as i32;
                }
            })?;
            let children = usize::try_from(children).ok().filter(|children| *children <= left).ok_or_else(|| {
                format!("a group of the schema has {children} children, of {left} elements that follow")
            })?;
            if children > 0 {
                around.push(children);
                if around.len() > max_depth + 1 {
                    return Err(format!("the schema nests deeper than {max_depth} groups"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::byte_cursor::varint;

    /// A required element "x": a group of so many children, or an INT32.
    fn element(children: i32) -> Vec<u8> {
        let mut bytes = if children == 0 { vec![0x15, 2, 0x25, 0] } else { vec![0x35, 0] };
        bytes.extend([0x18, 1, b'x']);
        if children != 0 {
            bytes.push(0x15);
            bytes.extend(varint(((children << 1) ^ (children >> 31)) as u32 as u64));
        }
        bytes.push(STOP);
        bytes
    }

    /// Version 1, a schema, and `rest` of the fields after it.
    fn footer(elements: &[Vec<u8>], rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x15, 2, 0x19, 0xf0 | STRUCT];
        bytes.extend(varint(elements.len() as u64));
        bytes.extend(elements.concat());
        bytes.extend(rest);
        bytes
    }

    /// num_rows 0, no row groups.
    const EMPTY: &[u8] = &[0x16, 0, 0x19, 0x0c, STOP];

    fn nested(groups: usize) -> Vec<u8> {
        let mut elements = vec![element(1); groups + 1];
        elements.push(element(0));
        footer(&elements, EMPTY)
    }

    fn refusal(footer: &[u8]) -> String {
        check(footer, 128).unwrap_err()
    }

    #[test]
    fn groups_nest_as_deep_as_the_limit() {
        for groups in [0, 1, 128] {
            check(&nested(groups), 128).unwrap();
        }
        for groups in [129, 100_000] {
            assert_eq!(refusal(&nested(groups)), "the schema nests deeper than 128 groups");
        }
        // Groups beside each other, each of which ends before the next.
        let mut wide = vec![element(1000)];
        for _ in 0..1000 {
            wide.extend([element(1), element(0)]);
        }
        check(&footer(&wide, EMPTY), 1).unwrap();
        assert!(check(&footer(&wide, EMPTY), 0).is_err());
    }

    #[test]
    fn nothing_holds_more_than_can_follow() {
        assert!(refusal(&footer(&[element(2), element(0)], EMPTY)).contains("2 children, of 1 elements"));
        assert!(refusal(&footer(&[element(-1), element(0)], EMPTY)).contains("-1 children"));
        assert!(refusal(&footer(&[element(i32::MAX), element(0)], EMPTY)).contains("2147483647 children"));
        let row_groups = [&[0x16, 0, 0x19, 0xfc][..], &varint(1 << 31), &[STOP]].concat();
        assert!(refusal(&footer(&[element(1), element(0)], &row_groups)).contains("a list of 2147483648 elements"));
        let schema = [&[0x15, 2, 0x19, 0xfc][..], &varint(1 << 31), &[STOP]].concat();
        assert!(refusal(&schema).contains("a list of 2147483648 elements"));
    }

    #[test]
    fn what_the_crate_would_read_otherwise_is_refused() {
        // A number of children as an i64, a logical type as an i32, the scale of a decimal as text.
        for bytes in [&[0x56, 2][..], &[0xa5, 2], &[0xac, 0x5c, 0x18, 1, b'1', STOP, STOP]] {
            let mut wrong = bytes.to_vec();
            wrong.push(STOP);
            assert!(refusal(&footer(&[wrong], EMPTY)).contains("which it cannot have"));
        }
        // A second version is harmless, another field before the schema is not, nor is none.
        check(&[&[0x15, 2][..], &[0x05, 2, 2], &nested(1)[2..]].concat(), 128).unwrap();
        assert!(refusal(EMPTY).contains("does not begin with a version and a schema"));
        assert!(refusal(&[STOP]).contains("does not begin with a version and a schema"));
        // Lists in lists, without an end to them.
        let mut lists = vec![0x29, 0x19];
        lists.extend([0x19; 1000]);
        assert!(refusal(&footer(&[element(1), element(0)], &lists)).contains("nests deeper than 32"));
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = nested(3);
        for end in 0..whole.len() {
            assert!(check(&whole[..end], 128).is_err(), "{end} bytes");
        }
    }
}
