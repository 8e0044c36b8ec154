//! Bytes read from their begin, none of them past their end.

pub struct ByteCursor<'a> {
    pub bytes: &'a [u8],
    /// What it is that ends too early, for messages.
    pub what: &'static str,
}

impl<'a> ByteCursor<'a> {
    pub fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let (taken, rest) =
            self.bytes.split_at_checked(count).ok_or_else(|| format!("the {} ends early", self.what))?;
        self.bytes = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    /// Seven bits a byte, the least significant first.
    pub fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(format!("the {} has a number of more than 64 bits", self.what))
    }
}

/// What `ByteCursor::varint` reads.
#[cfg(test)]
pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
