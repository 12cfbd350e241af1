//! What stands for `${NAME}` in a pipeline.

use std::collections::BTreeMap;

use crate::error::PipelineError;
use crate::outbound::{ALLOW_VARIABLE, AllowList};

/// The variables of an installation, by name. They are values such as a partner's URL, never secrets.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

/// What an installation may set for its pipelines. Nothing else of the environment can be named in a pipeline: there are
/// credentials in it. `OUTBOUND_ALLOW` names the places that are not public and that pipelines may talk to all the same, as
/// `host:port,…`.
pub const INSTALLATION: [&str; 5] =
    ["PARTNER_URL", "CATALOG_URL", "ORDERS_QUEUE_URL", "ALLOW_SIMULATED_CRASH", ALLOW_VARIABLE];

impl Variables {
    /// Those of [`INSTALLATION`] that `get` has, other than as nothing: a template can only leave one out by setting it
    /// to nothing.
    pub fn of_installation(get: impl Fn(&str) -> Option<String>) -> Self {
        INSTALLATION.iter().filter_map(|name| Some((*name, get(name).filter(|value| !value.is_empty())?))).collect()
    }

    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The places that are not public and may be talked to.
    pub(crate) fn outbound(&self) -> Result<AllowList, PipelineError> {
        let text = self.get(ALLOW_VARIABLE).unwrap_or_default();
        AllowList::parse(text).map_err(|message| PipelineError::invalid(ALLOW_VARIABLE, message))
    }

    /// `text` with every `${NAME}` replaced by its value, which is not looked at again. `place` says where it stands, for
    /// the error that names a missing variable.
    pub(crate) fn fill_in(&self, text: &str, place: &str) -> Result<String, PipelineError> {
        let mut filled = String::with_capacity(text.len());
        for piece in pieces(text, place)? {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Variable(name) => filled.push_str(self.required(name, place)?),
            }
        }
        Ok(filled)
    }

    /// The variable's value; an error that names it and `place` when there is none.
    pub(crate) fn required(&self, name: &str, place: &str) -> Result<&str, PipelineError> {
        self.get(name).ok_or_else(|| PipelineError::MissingVariable { place: place.to_owned(), name: name.to_owned() })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A part of a text with variables.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// As it stands.
    Text(&'a str),
    /// The name in `${NAME}`.
    Variable(&'a str),
}

/// Takes a text with variables apart. A name is of letters, digits and underscores.
pub(crate) fn pieces<'a>(text: &'a str, place: &str) -> Result<Vec<Piece<'a>>, PipelineError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let after = &rest[start + 2..];
        let end = after.find('}').ok_or_else(|| PipelineError::invalid(place, "`${` without its `}`"))?;
        let name = &after[..end];
        let fits = |character: char| character.is_ascii_alphanumeric() || character == '_';
        if name.is_empty() || !name.chars().all(fits) {
            let message = format!("`${{{name}}}` is no variable: a name is of letters, digits and underscores");
            return Err(PipelineError::invalid(place, message));
        }
        pieces.push(Piece::Text(&rest[..start]));
        pieces.push(Piece::Variable(name));
        rest = &after[end + 1..];
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_for_pipelines_is_taken_from_the_environment() {
        let variables = Variables::of_installation(|name| match name {
            "PARTNER_URL" => Some("http://partner".to_owned()),
            "CATALOG_URL" => Some(String::new()),
            "ORDERS_QUEUE_URL" | "ALLOW_SIMULATED_CRASH" | "OUTBOUND_ALLOW" => None,
            other => panic!("{other} is not for pipelines"),
        });
        assert_eq!(variables.get("PARTNER_URL"), Some("http://partner"));
        assert_eq!(variables.get("CATALOG_URL"), None);
        let secret = variables.fill_in("${AWS_SECRET_ACCESS_KEY}", "here").unwrap_err();
        assert!(secret.to_string().contains("AWS_SECRET_ACCESS_KEY"));
    }

    #[test]
    fn variables_are_filled_in() {
        let variables = Variables::new().with("A", "1").with("B_2", "${A}");
        let check = |text: &str, expected: &str| {
            let seen = variables.fill_in(text, "here").unwrap_or_else(|error| error.to_string());
            assert_eq!(seen, expected, "{text}");
        };
        check("", "");
        check("no variables {row.a} $ }", "no variables {row.a} $ }");
        check("x${A}y${A}", "x1y1");
        check("${B_2}", "${A}");
        check("${C}", "here: the variable C is not set");
        check("${A", "here: `${` without its `}`");
        check("${}", "here: `${}` is no variable: a name is of letters, digits and underscores");
        check("${a b}", "here: `${a b}` is no variable: a name is of letters, digits and underscores");
    }
}
