//! The failed rows as a table: which columns it has, what is known of each, and which cell of a row is to blame.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};
use filas_domain::outcome::Stage;
use filas_domain::report::{ADDED_COLUMNS, ResultFile};
use filas_pipeline::{PipelineSpec, expectations};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The most columns of the person's own: what a workbook holds, less those that are added.
pub const COLUMNS: usize = 16_384 - ADDED_COLUMNS.len();

/// What the rows were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A workbook of which the number formats are known.
    Formatted,
    /// Another workbook: dates are known by their looks only.
    Workbook,
    /// csv or JSON: what looks like a date is text.
    Text,
}

impl Source {
    /// By the name of the format.
    pub fn of(format: Option<&str>) -> Self {
        match format {
            Some("xlsx") => Self::Formatted,
            Some("xlsb" | "xls" | "ods") => Self::Workbook,
            _ => Self::Text,
        }
    }
}

/// A column of the person's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its number format, where one is known or what the pipeline wants asks for one.
    pub format: Option<String>,
    /// What its cells should be, to be put behind "It should be".
    pub expected: Option<String>,
}

/// What the files of failed rows have in common.
#[derive(Debug, Clone)]
pub struct Table {
    /// The person's own columns; `None` when they are more than a spreadsheet holds.
    pub columns: Option<Vec<Column>>,
    /// What the rows were read from.
    pub source: Source,
    /// The row that holds the names, from 1: where the pipeline looks for it.
    pub header_row: u32,
    positions: HashMap<String, usize>,
    /// By look-up, the columns that it asks for.
    lookups: BTreeMap<String, Vec<String>>,
}

/// A row that failed, with its record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FailedRow {
    /// Its number in the file.
    pub row: u32,
    /// Where it failed.
    pub stage: Stage,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// Its cells; empty when it could not be read.
    #[serde(default)]
    pub record: Map<String, Value>,
}

impl FailedRow {
    /// Reads a line of the file of failed outcomes.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(line: &[u8]) -> Result<Self> {
        serde_json::from_slice(line).context("a failed outcome is not readable")
    }
}

impl Table {
    /// The table of rows with these columns, read from `source`, of a pipeline; `formats` by column.
    pub fn new(
        names: Option<Vec<String>>,
        source: Source,
        formats: &BTreeMap<String, String>,
        spec: Option<&PipelineSpec>,
    ) -> Self {
        let expected = expectations(spec.and_then(|spec| spec.validate.as_ref()));
        let column = |name: String| {
            let expectation = expected.get(&name);
            // What is typed into an empty cell of a text column must not lose its zeros.
            let wanted = || expectation.filter(|found| found.is_text && source != Source::Text).map(|_| "@".to_owned());
            let format = formats.get(&name).cloned().or_else(wanted);
            Column { format, expected: expectation.map(|found| found.words.clone()), name }
        };
        let columns: Option<Vec<Column>> = names.map(|names| names.into_iter().map(column).collect());
        let named = columns.iter().flatten().enumerate().map(|(at, column)| (column.name.clone(), at));
        let lookups = spec.into_iter().flat_map(|spec| spec.enrich.iter());
        Self {
            positions: named.collect(),
            columns,
            source,
            header_row: spec.map_or(1, |spec| spec.rows.header.max(1)),
            lookups: lookups.map(|(name, lookup)| (name.to_owned(), asked_for(&lookup.get))).collect(),
        }
    }

    /// Whether the rows fit into a file of this kind. Records have no columns in common, and always do.
    pub fn fits(&self, file: ResultFile) -> bool {
        self.columns.is_some() || file == ResultFile::Records
    }

    /// The cells that are to blame, by column, with what is wrong with each and what it should be.
    pub fn blamed(&self, row: &FailedRow) -> Vec<(usize, String)> {
        let mut blamed: Vec<(usize, String)> = match row.stage {
            Stage::Read => Vec::new(),
            Stage::Enrich => self.asked_in_vain(&row.message),
            Stage::Validate | Stage::Compute | Stage::Deliver => self.named_in(&row.message),
        };
        for (position, text) in &mut blamed {
            let expected = self.columns.iter().flatten().nth(*position).and_then(|column| column.expected.as_deref());
            if let Some(expected) = expected {
                text.push_str("\nIt should be: ");
                text.push_str(expected);
            }
        }
        blamed
    }

    /// A message says `column: what is wrong`, and several with `; ` between them. A value in it may say the same, so only
    /// what is a column counts.
    fn named_in(&self, message: &str) -> Vec<(usize, String)> {
        let mut starts = vec![0];
        starts.extend(message.match_indices("; ").map(|(at, _)| at + 2));
        let named: Vec<(usize, usize)> = starts
            .into_iter()
            .filter_map(|start| Some((start, self.column_before_colon(&message[start..])?)))
            .collect();
        let ends = named.iter().skip(1).map(|(start, _)| start - 2).chain([message.len()]);
        let mut blamed: Vec<(usize, String)> = Vec::new();
        for ((start, position), end) in named.iter().zip(ends) {
            let text = &message[*start..end];
            match blamed.iter_mut().find(|(known, _)| known == position) {
                Some((_, known)) => {
                    known.push('\n');
                    known.push_str(text);
                }
                None => blamed.push((*position, text.to_owned())),
            }
        }
        blamed
    }

    fn column_before_colon(&self, text: &str) -> Option<usize> {
        text.match_indices(": ").take(3).find_map(|(at, _)| self.positions.get(&text[..at]).copied())
    }

    /// A look-up that found nothing says `look-up: what happened`; to blame is what it asked for.
    fn asked_in_vain(&self, message: &str) -> Vec<(usize, String)> {
        let name = message.split_once(": ").map_or("", |(name, _)| name);
        let columns = self.lookups.get(name).into_iter().flatten();
        columns.filter_map(|column| Some((*self.positions.get(column)?, message.to_owned()))).collect()
    }
}

/// The columns in `{row.COLUMN}`.
fn asked_for(url: &str) -> Vec<String> {
    let parts = url.split("{row.").skip(1).filter_map(|part| part.split_once('}'));
    parts.map(|(column, _)| column.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let spec = filas_pipeline::parse(
            "name: p\nrows: { header: 3 }\nvalidate:\n  required: [id]\n  properties:\n    id: { type: string }\n    \
             quantity: { type: integer, minimum: 1 }\n    'note: x': { type: string }\nenrich:\n  product: { get: \
             \"https://example.com/{row.id}\" }\ndeliver: none\n",
        )
        .unwrap();
        let names = ["id", "quantity", "note: x", "free"].map(str::to_owned).to_vec();
        let formats = BTreeMap::from([("quantity".to_owned(), "0.00".to_owned())]);
        Table::new(Some(names), Source::Formatted, &formats, Some(&spec))
    }

    fn check(stage: Stage, message: &str, expected: &[(usize, &str)]) {
        let row = FailedRow { row: 2, stage, code: "C".into(), message: message.into(), record: Map::new() };
        let found = table().blamed(&row);
        let found: Vec<_> = found.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(found, expected, "{message}");
    }

    #[test]
    fn the_cells_that_are_to_blame_are_named() {
        let quantity = "quantity: 0 is less than the minimum of 1\nIt should be: a whole number, at least 1";
        check(Stage::Validate, "quantity: 0 is less than the minimum of 1", &[(1, quantity)]);
        check(
            Stage::Validate,
            "id: is required; quantity: 0 is less than the minimum of 1",
            &[(0, "id: is required\nIt should be: text"), (1, quantity)],
        );
        check(Stage::Validate, "note: x: \"a; b\" is wrong", &[(2, "note: x: \"a; b\" is wrong\nIt should be: text")]);
        check(Stage::Validate, "free: one; free: two", &[(3, "free: one\nfree: two")]);
        check(Stage::Validate, "row: fits none of the alternatives", &[]);
        check(
            Stage::Enrich,
            "product: there is nothing at /x (404)",
            &[(0, "product: there is nothing at /x (404)\nIt should be: text")],
        );
        check(Stage::Deliver, "the partner answered 422", &[]);
        check(Stage::Read, "id: x", &[]);
    }

    #[test]
    fn columns_have_the_formats_that_are_known_or_wanted() {
        let table = table();
        let formats: Vec<_> = table.columns.iter().flatten().map(|column| column.format.as_deref()).collect();
        assert_eq!(formats, [Some("@"), Some("0.00"), Some("@"), None]);
        assert_eq!(table.header_row, 3);
    }
}
