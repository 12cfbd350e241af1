//! The columns of the failed rows.

use std::collections::HashSet;
use std::fmt;

use anyhow::Result;
use filas_domain::report::{SourceColumns, is_added};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::table::COLUMNS;

/// The most bytes of all names of columns together.
const NAME_BYTES: usize = 4 * 1024 * 1024;

/// The columns of the failed rows: those of the file, in its order, then what else single records have.
#[derive(Debug)]
pub struct Columns {
    /// `None` once they are too many.
    names: Option<Vec<String>>,
    known: HashSet<String>,
    bytes: usize,
}

/// The keys of a record, without its values.
struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Vec<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the cells of a row by column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut cells: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = cells.next_key()? {
            cells.next_value::<IgnoredAny>()?;
            keys.push(key);
        }
        Ok(keys)
    }
}

impl Columns {
    /// Those of the file, where it was one with columns.
    pub fn of(source: Option<SourceColumns>) -> Self {
        let mut columns = Self { names: Some(Vec::new()), known: HashSet::new(), bytes: 0 };
        for column in source.into_iter().flat_map(|source| source.columns) {
            columns.add(column.name);
        }
        columns
    }

    /// Takes the columns of a record.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn take(&mut self, record: &str) -> Result<()> {
        if self.names.is_none() {
            return Ok(());
        }
        let mut deserializer = serde_json::Deserializer::from_str(record);
        let keys = deserializer.deserialize_map(KeyVisitor)?;
        for key in keys {
            if !self.known.contains(&key) {
                self.add(key);
            }
        }
        Ok(())
    }

    /// Their names, in order; `None` when they are more than a spreadsheet holds.
    pub fn into_names(self) -> Option<Vec<String>> {
        self.names
    }

    fn add(&mut self, name: String) {
        let Some(names) = &mut self.names else { return };
        if is_added(&name) || !self.known.insert(name.clone()) {
            return;
        }
        self.bytes += name.len();
        names.push(name);
        if names.len() > COLUMNS || self.bytes > NAME_BYTES {
            self.names = None;
            self.known = HashSet::new();
        }
    }
}
