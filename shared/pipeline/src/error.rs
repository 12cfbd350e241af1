//! What can be wrong with a pipeline, as opposed to a row.

use thiserror::Error;

use crate::spec::Places;

/// Why a pipeline file cannot be used. All of it is found before the first row is touched, and none of it is transient.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The text is no YAML, or not of the pipeline's shape.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line in the file, from 1; 0 when it is not known.
        line: u64,
        /// Column in the line, from 1.
        column: u64,
        /// What is wrong.
        message: String,
    },
    /// A key that the format does not have.
    #[error("line {line}, column {column}: unknown key `{key}`{}", meant(.nearest.as_deref(), .known))]
    UnknownKey {
        /// Line in the file, from 1.
        line: u64,
        /// Column in the line, from 1.
        column: u64,
        /// The key.
        key: String,
        /// The known key that it resembles.
        nearest: Option<String>,
        /// The keys that are known here.
        known: Vec<String>,
    },
    /// `${NAME}` for which there is no variable.
    #[error("{place}: the variable {name} is not set")]
    MissingVariable {
        /// Where in the pipeline it stands.
        place: String,
        /// Its name.
        name: String,
    },
    /// A value that makes no sense where it stands.
    #[error("{}{place}: {message}", at(*.line, *.column))]
    Invalid {
        /// Line in the file, from 1; 0 when it is not known.
        line: u64,
        /// Column in the line, from 1. Of an expression that stands on one line it is the column of what is wrong.
        column: u64,
        /// Where in the pipeline it stands, such as `deliver.http.timeout`.
        place: String,
        /// How many characters of the value come before what is wrong.
        offset: usize,
        /// What is wrong.
        message: String,
    },
    /// The HTTP client cannot be made: a broken installation, such as one without root certificates.
    #[error("make the HTTP client")]
    HttpClient(#[source] crate::outbound::HttpClientError),
}

impl PipelineError {
    /// A value that makes no sense at `place`.
    pub(crate) fn invalid(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_inside(place, 0, message)
    }

    /// A value at `place` of which something behind `offset` characters makes no sense.
    pub(crate) fn invalid_inside(place: impl Into<String>, offset: usize, message: impl Into<String>) -> Self {
        Self::Invalid { line: 0, column: 0, place: place.into(), offset, message: message.into() }
    }

    /// The same with line and column, if its place is known.
    pub(crate) fn located(self, places: &Places) -> Self {
        match self {
            Self::Invalid { line: 0, place, offset, message, .. } => {
                let (line, column) = places.find(&place).map_or((0, 0), |position| position.inside(offset));
                Self::Invalid { line, column, place, offset, message }
            }
            other => other,
        }
    }
}

fn at(line: u64, column: u64) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}

fn meant(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!(", did you mean `{nearest}`?"),
        None => format!(", known here: {}", known.join(", ")),
    }
}

/// The candidate that `word` most resembles, if it resembles one: at most a third of its letters differ, or one of two.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let letters = word.chars().count();
    let allowed = (letters / 3).max(1).min(letters.saturating_sub(1));
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
