//! Whether a file has a key twice.
//!
//! Rows of one file are spread over many workers, none of which sees all of them; whoever reads the file does. The index
//! remembers a hash and the number of every row and takes 20 bytes a slot, which is 23 to 35 MB for a million rows: it
//! grows by half when seven eighths of its slots are taken, and both tables exist while it does.
//!
//! The hash has 128 bits: two SipHashes with random keys, so that nobody can make a file in which different keys collide.
//! The chance that any two of a million different keys do is below 10⁻²⁶.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::row::cell_error;
use crate::text::{number_text, shown_value};

/// The code of a row whose key an earlier row has.
pub const CODE: &str = "DUPLICATE_KEY";

const FIRST_SLOTS: usize = 1024;

/// The keys of the rows so far.
pub struct KeyIndex {
    column: String,
    hashers: [RandomState; 2],
    slots: Vec<Slot>,
    taken: usize,
}

/// A row and the hash of its key. Four-byte parts, so that a slot needs no padding.
#[derive(Clone, Copy)]
struct Slot {
    hash: [u32; 4],
    /// The row's number; 0 where there is none.
    row: u32,
}

const FREE: Slot = Slot { hash: [0; 4], row: 0 };

/// A row whose key an earlier row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The first row with this key.
    pub first_row: u32,
    /// What is wrong, for people: it names the column, the key and the first row.
    pub message: String,
}

impl fmt::Debug for KeyIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyIndex").field("column", &self.column).field("taken", &self.taken).finish()
    }
}

impl KeyIndex {
    /// An empty index of the keys in `column`.
    pub fn new(column: impl Into<String>) -> Self {
        let hashers = [RandomState::new(), RandomState::new()];
        Self { column: column.into(), hashers, slots: vec![FREE; FIRST_SLOTS], taken: 0 }
    }

    /// Remembers the key of row `row`, whose number is never 0, and says whether an earlier row has the same. `record` is
    /// the row's cells as a JSON object. A number and its text are the same key. An empty cell and an error cell are no
    /// keys, and twice the same row is none.
    ///
    /// # Errors
    /// When `record` is no JSON object.
    pub fn check(&mut self, row: u32, record: &[u8]) -> Result<Option<Duplicate>, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(record);
        let Some(key) = reader.deserialize_map(KeyVisitor(&self.column))? else { return Ok(None) };
        let text = match &key {
            Value::String(text) if !text.is_empty() => text.clone(),
            Value::Number(number) => number_text(number),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::String(_) => return Ok(None),
            other if cell_error(other).is_some() => return Ok(None),
            other => other.to_string(),
        };
        Ok(self.add(row, &text).map(|first_row| Duplicate {
            first_row,
            message: format!("{}: {} is the key of row {first_row} already", self.column, shown_value(&key)),
        }))
    }

    /// The memory that it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    /// The first row with this key, if it is another.
    fn add(&mut self, row: u32, key: &str) -> Option<u32> {
        if (self.taken + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        let [low, high] = [self.hashers[0].hash_one(key), self.hashers[1].hash_one(key)];
        #[expect(clippy::cast_possible_truncation, reason = "the halves of a hash")]
        let hash = [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32];
        let slot = find(&mut self.slots, hash);
        if slot.row != 0 {
            return (slot.row != row).then_some(slot.row);
        }
        *slot = Slot { hash, row };
        self.taken += 1;
        None
    }

    fn grow(&mut self) {
        let larger = vec![FREE; self.slots.len() / 2 * 3];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if slot.row != 0 {
                *find(&mut self.slots, slot.hash) = slot;
            }
        }
    }
}

/// The slot with this hash, or the free one where it belongs. There is always a free one.
fn find(slots: &mut [Slot], hash: [u32; 4]) -> &mut Slot {
    let spread = u64::from(hash[0]) * slots.len() as u64;
    // The product's upper half is below the number of slots.
    let mut at = (spread >> 32) as usize;
    while slots[at].row != 0 && slots[at].hash != hash {
        at = if at + 1 == slots.len() { 0 } else { at + 1 };
    }
    &mut slots[at]
}

/// Takes one column's cell out of a record.
struct KeyVisitor<'a>(&'a str);

impl<'de> Visitor<'de> for KeyVisitor<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the cells of a row by column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut cells: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(column) = cells.next_key::<ColumnName<'de>>()? {
            if column.0 == self.0 {
                found = Some(cells.next_value()?);
            } else {
                cells.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A column's name, borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct ColumnName<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_row_is_told_of_the_first() {
        let mut index = KeyIndex::new("id");
        let mut check = |row: u32, record: &str, expected: Option<&str>| {
            let seen = index.check(row, record.as_bytes()).unwrap();
            assert_eq!(seen.map(|duplicate| duplicate.message).as_deref(), expected, "{record}");
        };
        check(2, r#"{"id":"A-1","x":[1,{"id":"A-2"}]}"#, None);
        check(3, r#"{"x":1,"id":"A-2"}"#, None);
        check(4, r#"{"x":1,"id":"A-1"}"#, Some("id: \"A-1\" is the key of row 2 already"));
        check(5, r#"{"x":1,"id":"A-1"}"#, Some("id: \"A-1\" is the key of row 2 already"));
        check(3, r#"{"x":1,"id":"A-2"}"#, None);
        check(6, r#"{"id":7}"#, None);
        check(7, r#"{"id":"7"}"#, Some("id: \"7\" is the key of row 6 already"));
        check(8, r#"{"id":7.0}"#, Some("id: 7.0 is the key of row 6 already"));
        check(9, r#"{"id":"007"}"#, None);
        for row in 10..14 {
            check(row, r#"{"id":null}"#, None);
            check(row, r#"{"id":""}"#, None);
            check(row, r##"{"id":{"error":"#N/A"}}"##, None);
            check(row, r#"{"other":"A-1"}"#, None);
        }
    }

    #[test]
    fn a_record_that_is_none_is_an_error() {
        for damaged in ["", "[]", "{", "7"] {
            assert!(KeyIndex::new("id").check(2, damaged.as_bytes()).is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_million_rows_are_told_apart_in_bounded_memory() {
        let mut index = KeyIndex::new("id");
        for row in 2..1_000_002_u32 {
            assert_eq!(index.add(row, &format!("A-{row}")), None);
        }
        assert!(index.bytes() <= 35_000_000, "{} bytes", index.bytes());
        for row in (2..1_000_002_u32).step_by(997) {
            assert_eq!(index.add(2_000_000, &format!("A-{row}")), Some(row));
        }
    }
}
