//! The names that an expression may use.

use super::types::Types;
use super::value::{write_text, write_value};
use crate::error::{PipelineError, nearest};
use crate::stage::RowValues;

/// Words that CEL keeps for itself, and ours.
const RESERVED: [&str; 24] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "response",
    "return",
    "row",
    "true",
    "typeof",
    "var",
    "void",
    "while",
];

/// The names that an expression may use at one point of a pipeline: the row, the look-ups so far, the computed values so
/// far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// The columns that the schema names, with their types; `None` when it names none, and then any column may be asked
    /// for.
    columns: Option<Vec<(String, Types)>>,
    names: Vec<(String, Known, Types)>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The answer of the look-up at this position.
    Lookup(usize),
    /// The computed value at this position.
    Computed(usize),
    /// A partner's answer.
    Response,
}

impl Scope {
    /// A row with these columns and nothing else.
    pub(crate) fn of_row(columns: Option<Vec<(String, Types)>>) -> Self {
        Self { columns, names: Vec::new() }
    }

    /// Adds the next look-up.
    pub(crate) fn add_lookup(&mut self, name: &str, place: &str) -> Result<(), PipelineError> {
        let position = self.count(|known| matches!(known, Known::Lookup(_)));
        self.add(name, Known::Lookup(position), Types::ANY, place)
    }

    /// Adds the next computed value.
    pub(super) fn add_computed(&mut self, name: &str, types: Types, place: &str) -> Result<(), PipelineError> {
        let position = self.count(|known| matches!(known, Known::Computed(_)));
        self.add(name, Known::Computed(position), types, place)
    }

    /// The same with a partner's answer under the name `response`.
    pub(crate) fn with_response(&self) -> Self {
        let mut scope = self.clone();
        scope.names.push(("response".to_owned(), Known::Response, Types::MAP));
        scope
    }

    fn count(&self, which: impl Fn(Known) -> bool) -> usize {
        self.names.iter().filter(|(_, known, _)| which(*known)).count()
    }

    fn add(&mut self, name: &str, known: Known, types: Types, place: &str) -> Result<(), PipelineError> {
        let mut bytes = name.bytes();
        let begins = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
        if !begins || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(PipelineError::invalid(place, "a name is of letters, digits and underscores, no digit first"));
        }
        if RESERVED.contains(&name) {
            return Err(PipelineError::invalid(place, format!("`{name}` has another meaning in expressions")));
        }
        if self.find(name).is_some() {
            return Err(PipelineError::invalid(place, format!("`{name}` is the name of a look-up already")));
        }
        self.names.push((name.to_owned(), known, types));
        Ok(())
    }

    pub(super) fn find(&self, name: &str) -> Option<(Known, Types)> {
        self.names.iter().find(|(known, ..)| known == name).map(|(_, known, types)| (*known, *types))
    }

    /// The types of a column, or why there is no such column.
    pub(super) fn column(&self, column: &str) -> Result<Types, String> {
        let Some(columns) = &self.columns else { return Ok(Types::ANY) };
        if let Some((_, types)) = columns.iter().find(|(known, _)| known == column) {
            return Ok(*types);
        }
        Err(match nearest(column, columns.iter().map(|(name, _)| name.as_str())) {
            Some(nearest) => format!("`validate` names no column `{column}`, did you mean `{nearest}`?"),
            None => format!("`validate` names no column `{column}`: add it to `properties`, as in `{column}: {{}}`"),
        })
    }

    /// Refuses a column that the schema does not name.
    pub(crate) fn check_column(&self, column: &str, place: &str) -> Result<(), PipelineError> {
        self.column(column).map(drop).map_err(|message| PipelineError::invalid(place, message))
    }

    /// What to say of a name that is not known here.
    pub(super) fn unknown(&self, name: &str, locals: impl Iterator<Item = String>) -> String {
        let is_column = self.columns.iter().flatten().any(|(column, _)| column == name);
        if is_column {
            return format!("unknown name `{name}`: the column is `row.{name}`");
        }
        let known: Vec<String> = ["row".to_owned()]
            .into_iter()
            .chain(self.names.iter().map(|(name, ..)| name.clone()))
            .chain(locals)
            .collect();
        match nearest(name, known.iter().map(String::as_str)) {
            Some(nearest) => format!("unknown name `{name}`, did you mean `{nearest}`?"),
            None => format!("unknown name `{name}`, known here: {}", known.join(", ")),
        }
    }

    /// The row as JSON, with the computed values behind the columns. A computed value takes the place of a column of its
    /// name.
    pub(crate) fn row_json(&self, values: &RowValues) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let computed = self.names.iter().filter_map(|(name, known, _)| match known {
            Known::Computed(position) => Some((name, values.computed.get(*position)?)),
            _ => None,
        });
        let columns = values.row.as_object().into_iter().flatten();
        let is_computed = |column: &str| matches!(self.find(column), Some((Known::Computed(_), _)));
        out.push(b'{');
        for (column, cell) in columns.filter(|(column, _)| !is_computed(column)) {
            write_key(column, &mut out);
            write_value(cell, &mut out);
        }
        for (name, value) in computed {
            write_key(name, &mut out);
            value.write_json(&mut out);
        }
        out.push(b'}');
        out
    }
}

/// Appends a key behind what is there, with a comma where one is needed.
fn write_key(key: &str, out: &mut Vec<u8>) {
    if out.len() > 1 {
        out.push(b',');
    }
    write_text(key, out);
    out.push(b':');
}
