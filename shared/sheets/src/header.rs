//! The header row: which columns have names, and what to say when they do not.

use std::collections::HashMap;

use crate::error::{FileProblem, ReadError, column_letters};
use crate::json;

/// The named columns, a run without gaps.
#[derive(Debug)]
pub(crate) struct Header {
    /// 0-based column of the first name.
    pub(crate) first_column: u32,
    pub(crate) names: Vec<String>,
    /// `{"name":` for the first column and `,"name":` for the others, one after another.
    keys: Vec<u8>,
    key_ends: Vec<usize>,
    /// The same keys again where they are short, in arrays: a copy of constant length is a few instructions.
    short_keys: Vec<ShortKey>,
}

/// The longest key that is kept as a [`ShortKey`].
const SHORT_KEY: usize = 31;

/// A key and its length, which is 0 when the key is too long for this.
#[derive(Debug)]
struct ShortKey {
    bytes: [u8; SHORT_KEY],
    length: u8,
}

impl Header {
    /// Checks the cells of the header row, given in column order; blank ones may be left out.
    pub(crate) fn new(cells: Vec<(u32, String)>, row: u32) -> Result<Self, ReadError> {
        let mut named: Vec<(u32, String)> = Vec::new();
        let mut missing = Vec::new();
        for (column, name) in cells {
            let name = name.trim();
            if name.is_empty() {
                continue;
            }
            let expected = named.last().map_or(column, |(last, _)| last + 1);
            missing.extend(expected..column);
            named.push((column, name.to_owned()));
        }
        if !missing.is_empty() {
            return Err(empty_header(&missing, row));
        }
        check_repeats(&named, row)?;
        let first_column = named.first().map_or(0, |(column, _)| *column);
        let names: Vec<String> = named.into_iter().map(|(_, name)| name).collect();
        let (keys, key_ends) = keys(&names);
        let mut header = Self { first_column, names, keys, key_ends, short_keys: Vec::new() };
        header.short_keys = (0..header.len()).map(|index| ShortKey::new(header.key(index))).collect();
        Ok(header)
    }

    /// Appends what [`Self::key`] says.
    #[inline]
    pub(crate) fn append_key(&self, index: usize, out: &mut Vec<u8>) {
        match self.short_keys.get(index) {
            Some(key) if key.length > 0 => {
                let end = out.len() + usize::from(key.length);
                out.extend_from_slice(&key.bytes);
                out.truncate(end);
            }
            _ => out.extend_from_slice(self.key(index)),
        }
    }

    /// The JSON that stands before the value of the n-th named column.
    #[inline]
    pub(crate) fn key(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.key_ends[index - 1] };
        &self.keys[start..self.key_ends[index]]
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

impl ShortKey {
    fn new(key: &[u8]) -> Self {
        let mut short = Self { bytes: [0; SHORT_KEY], length: 0 };
        if let Some(bytes) = short.bytes.get_mut(..key.len()) {
            bytes.copy_from_slice(key);
            short.length = key.len() as u8;
        }
        short
    }
}

fn keys(names: &[String]) -> (Vec<u8>, Vec<usize>) {
    let mut keys = Vec::new();
    let mut ends = Vec::new();
    for (index, name) in names.iter().enumerate() {
        keys.push(if index == 0 { b'{' } else { b',' });
        json::append_text(&mut keys, name);
        keys.push(b':');
        ends.push(keys.len());
    }
    (keys, ends)
}

fn check_repeats(named: &[(u32, String)], row: u32) -> Result<(), ReadError> {
    let mut columns: HashMap<&str, Vec<u32>> = HashMap::new();
    for (column, name) in named {
        columns.entry(name).or_default().push(*column);
    }
    // In the order of the sheet, so that the message is the same every time.
    let repeated: Vec<String> = named
        .iter()
        .filter(|(column, name)| columns.get(name.as_str()).is_some_and(|all| all.len() > 1 && all[0] == *column))
        .map(|(_, name)| format!("{name:?} in columns {}", letters(&columns[name.as_str()])))
        .collect();
    if repeated.is_empty() {
        return Ok(());
    }
    let message = format!("the header row repeats {}; give every column its own name", repeated.join(", "));
    Err(ReadError::from(FileProblem::new("HEADER_REPEATED", message)).in_row(row))
}

fn letters(columns: &[u32]) -> String {
    const SHOWN: usize = 10;
    let mut shown: Vec<String> = columns.iter().take(SHOWN).map(|column| column_letters(*column)).collect();
    if columns.len() > SHOWN {
        shown.push(format!("{} more", columns.len() - SHOWN));
    }
    shown.join(", ")
}

/// Columns between names that have none.
fn empty_header(columns: &[u32], row: u32) -> ReadError {
    let noun = if columns.len() == 1 { "column" } else { "columns" };
    let message = format!("the header row has no name for {noun} {}; name it or delete it", letters(columns));
    let error = ReadError::from(FileProblem::new("HEADER_EMPTY", message)).in_row(row);
    match columns.first() {
        Some(first) => error.in_column(*first),
        None => error,
    }
}

/// The header row holds nothing, but rows below it do.
pub(crate) fn missing_header(row: u32) -> ReadError {
    let message = format!(
        "row {row}, which should hold the column names, is empty; put the names there or say which row holds them"
    );
    ReadError::from(FileProblem::new("HEADER_EMPTY", message)).in_row(row)
}

/// A value under a column that has no name.
pub(crate) fn value_without_header(column: u32, row: u32) -> ReadError {
    let letters = column_letters(column);
    let message = format!("column {letters} has values but no name in the header row; name it or delete it");
    ReadError::from(FileProblem::new("HEADER_EMPTY", message)).in_row(row).in_column(column)
}
