//! `{row.COLUMN}`, `{LOOK-UP.FIELD}` and `{COMPUTED}` in URLs.

use serde_json::Value;

use super::decimal;
use super::scope::{Known, Scope};
use super::value::Val;
use crate::error::PipelineError;
use crate::row::cell_error;
use crate::stage::RowValues;

/// One value of the row that is filled in somewhere as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placeholder {
    root: Root,
    /// The fields that lead into it.
    path: Vec<String>,
    /// As it was written.
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Column(String),
    Lookup(usize),
    Computed(usize),
}

impl Placeholder {
    /// Reads what stands between the braces. A column's name is everything behind `row.`, spaces included.
    pub(crate) fn compile(text: &str, scope: &Scope, place: &str) -> Result<Self, PipelineError> {
        let wrong = |message: String| PipelineError::invalid(place, message);
        if let Some(column) = text.strip_prefix("row.").filter(|column| !column.is_empty()) {
            scope.column(column).map_err(wrong)?;
            return Ok(Self { root: Root::Column(column.to_owned()), path: Vec::new(), text: text.to_owned() });
        }
        let mut parts = text.split('.').map(str::to_owned);
        let name = parts.next().unwrap_or_default();
        let path: Vec<_> = parts.collect();
        if text == "row." || name == "row" || name.is_empty() || path.iter().any(String::is_empty) {
            return Err(wrong(format!("`{{{text}}}` is no placeholder such as {{row.COLUMN}}")));
        }
        let root = match scope.find(&name) {
            Some((Known::Lookup(position), _)) => Root::Lookup(position),
            Some((Known::Computed(position), _)) => Root::Computed(position),
            Some((Known::Response, _)) | None => {
                return Err(wrong(format!(
                    "`{{{text}}}` is no placeholder such as {{row.COLUMN}}: {}",
                    scope.unknown(&name, [].into_iter())
                )));
            }
        };
        Ok(Self { root, path, text: text.to_owned() })
    }

    /// As it was written: `row.sku`.
    pub(crate) fn name(&self) -> &str {
        match &self.root {
            Root::Column(column) => column,
            _ => &self.text,
        }
    }

    /// The value as text, or why it cannot be text.
    pub(crate) fn text(&self, values: &RowValues) -> Result<String, String> {
        let root = match &self.root {
            Root::Column(column) => values.row.get(column).map(Val::from_json),
            Root::Lookup(position) => values.lookups.get(*position).map(Val::from_json),
            Root::Computed(position) => values.computed.get(*position).map(Val::borrowed),
        };
        let mut value = root.unwrap_or(Val::Null);
        for field in &self.path {
            value = value.into_entry(field).flatten().unwrap_or(Val::Null);
        }
        match value {
            Val::Text(text) if !text.is_empty() => Ok(text.into_owned()),
            Val::Number(number) => Ok(decimal::text(number)),
            Val::Bool(truth) => Ok(truth.to_string()),
            Val::Null | Val::Text(_) => Err(match self.root {
                Root::Column(_) => "the cell is empty, and the URL needs it".to_owned(),
                _ => "the value is empty, and the URL needs it".to_owned(),
            }),
            Val::Json(Value::Number(number)) => Ok(number.to_string()),
            Val::Json(json) if cell_error(json).is_some() => {
                Err(format!("the cell holds the error {}", cell_error(json).unwrap_or_default()))
            }
            _ => Err("the value is neither text nor a number, and the URL needs one".to_owned()),
        }
    }
}
