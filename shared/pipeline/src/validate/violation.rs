//! One thing that is wrong with a row, as a person reads it.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::text::{shortened, shown_value};

/// What stands for the column when the row as a whole is wrong.
const WHOLE_ROW: &str = "row";
/// How much of the allowed values a message lists, in characters.
const LONGEST_LIST: usize = 200;

/// One thing that is wrong with a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// The column, `row` when it is the row as a whole.
    pub(super) column: String,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.column, self.message)
    }
}

impl Violation {
    fn new(column: &str, message: impl Into<String>) -> Self {
        Self { column: column.to_owned(), message: message.into() }
    }

    /// A cell that holds an error of the spreadsheet.
    pub(super) fn error_cell(column: &str, error: &str) -> Self {
        Self::new(column, format!("the cell holds the error {}", shortened(error, crate::text::LONGEST_VALUE)))
    }

    /// A rule that the row breaks.
    pub(super) fn of_rule(column: Option<&str>, message: String) -> Self {
        Self::new(column.unwrap_or(WHOLE_ROW), message)
    }

    /// What a violation of the schema means for the columns of the row.
    pub(super) fn of(error: &ValidationError<'_>) -> Vec<Self> {
        let path = unescaped_path(error.instance_path().as_str());
        match (path.as_slice(), error.kind()) {
            ([], ValidationErrorKind::Required { property }) => {
                vec![Self::new(property.as_str().unwrap_or(WHOLE_ROW), "is required")]
            }
            (
                [],
                ValidationErrorKind::AdditionalProperties { unexpected }
                | ValidationErrorKind::UnevaluatedProperties { unexpected },
            ) => unexpected.iter().map(|column| Self::new(column, "is not a column of this pipeline")).collect(),
            ([], ValidationErrorKind::PropertyNames { error }) => {
                let column = error.instance().as_str().unwrap_or(WHOLE_ROW).to_owned();
                vec![Self::new(&column, format!("is no column name: {}", message_of(error)))]
            }
            ([], _) => vec![Self::new(WHOLE_ROW, whole_row_message(error))],
            ([column], _) => vec![Self::new(column, message_of(error))],
            // A record of an ndjson file may be nested.
            ([column, inside @ ..], _) => {
                vec![Self::new(column, format!("{}: {}", inside.join("."), message_of(error)))]
            }
        }
    }
}

/// The columns and positions that a JSON pointer leads through.
fn unescaped_path(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

fn message_of(error: &ValidationError<'_>) -> String {
    let value = shown_value(error.instance());
    match error.kind() {
        ValidationErrorKind::Enum { options } => format!("{value} is not one of {}", listed(options)),
        ValidationErrorKind::FalseSchema => format!("{value} stands where nothing is allowed"),
        ValidationErrorKind::AnyOf { .. } => format!("{value} fits none of the alternatives in `anyOf`"),
        ValidationErrorKind::OneOfNotValid { .. } => format!("{value} fits none of the alternatives in `oneOf`"),
        ValidationErrorKind::OneOfMultipleValid { .. } => format!("{value} fits more than one alternative in `oneOf`"),
        ValidationErrorKind::Not { .. } => format!("{value} is excluded by `not`"),
        _ => error.masked_with(value).to_string(),
    }
}

/// The row itself is not shown: it may be long, and its values belong to other columns.
fn whole_row_message(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::AnyOf { .. } => "fits none of the alternatives in `anyOf`".to_owned(),
        ValidationErrorKind::OneOfNotValid { .. } => "fits none of the alternatives in `oneOf`".to_owned(),
        ValidationErrorKind::OneOfMultipleValid { .. } => "fits more than one alternative in `oneOf`".to_owned(),
        ValidationErrorKind::Not { .. } => "is excluded by `not`".to_owned(),
        _ => error.masked_with("the row").to_string(),
    }
}

fn listed(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    shortened(&options.iter().map(Value::to_string).collect::<Vec<_>>().join(", "), LONGEST_LIST)
}
