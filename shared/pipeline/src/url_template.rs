//! URLs with `${NAME}` and placeholders such as `{row.COLUMN}` in them.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use crate::compute::{Placeholder, Scope};
use crate::error::PipelineError;
use crate::stage::RowValues;
use crate::variables::{Piece, Variables, pieces};

/// Everything but the unreserved characters of RFC 3986, section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL in which values of the row are filled in, each percent-encoded so that it stays one piece of the URL.
#[derive(Debug)]
pub(crate) struct UrlTemplate {
    pieces: Vec<UrlPiece>,
}

#[derive(Debug, PartialEq)]
enum UrlPiece {
    Text(String),
    Value(Placeholder),
}

/// A row that does not fit the URL: which column, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) String);

impl UrlTemplate {
    /// Takes `text` apart and fills in the variables; placeholders may use the names in `scope`. Scheme and host must be
    /// there without the row: a cell may say what is asked of a partner and never who the partner is.
    pub(crate) fn compile(
        text: &str,
        variables: &Variables,
        scope: &Scope,
        place: &str,
    ) -> Result<(Self, Url), PipelineError> {
        let mut template = Self { pieces: Vec::new() };
        for piece in pieces(text, place)? {
            match piece {
                Piece::Text(text) => template.add_text_with_values(text, scope, place)?,
                Piece::Variable(name) => template.add_text(variables.required(name, place)?),
            }
        }
        let example = template.example(place)?;
        Ok((template, example))
    }

    fn add_text_with_values(&mut self, text: &str, scope: &Scope, place: &str) -> Result<(), PipelineError> {
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let after = &rest[start + 1..];
            let end = after.find('}').ok_or_else(|| PipelineError::invalid(place, "`{` without its `}`"))?;
            let value = Placeholder::compile(&after[..end], scope, place)?;
            self.add_text(&rest[..start]);
            self.pieces.push(UrlPiece::Value(value));
            rest = &after[end + 1..];
        }
        self.add_text(rest);
        Ok(())
    }

    /// Adds literal text. Where a slash meets a slash one is left: a base URL that ends with one is as good as one without.
    fn add_text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(UrlPiece::Text(before)) => {
                let text = if before.ends_with('/') { text.strip_prefix('/').unwrap_or(text) } else { text };
                before.push_str(text);
            }
            _ => self.pieces.push(UrlPiece::Text(text.to_owned())),
        }
    }

    /// The URL of a row that has `x` everywhere. Refuses what could not become a URL whatever the row says.
    fn example(&self, place: &str) -> Result<Url, PipelineError> {
        let fixed = match self.pieces.first() {
            Some(UrlPiece::Text(text)) => text.as_str(),
            _ => "",
        };
        let host_is_fixed = match fixed.split_once("://") {
            Some((_, after)) => self.pieces.len() == 1 || after.contains(['/', '?']),
            None => false,
        };
        if !host_is_fixed {
            return Err(PipelineError::invalid(
                place,
                "scheme and host must not depend on the row, as in https://host/…",
            ));
        }
        let example =
            self.assemble(|_| Ok("x".to_owned())).map_err(|misfit| PipelineError::invalid(place, misfit.0))?;
        if !matches!(example.scheme(), "http" | "https") {
            return Err(PipelineError::invalid(place, format!("the scheme {} is not http or https", example.scheme())));
        }
        if !example.username().is_empty() || example.password().is_some() {
            return Err(PipelineError::invalid(place, "a URL must not hold a user name or password"));
        }
        Ok(example)
    }

    /// The URL for one row.
    pub(crate) fn fill_in(&self, values: &RowValues) -> Result<Url, Misfit> {
        self.assemble(|value| value.text(values).map_err(|why| Misfit(format!("{}: {why}", value.name()))))
    }

    fn assemble(&self, text_of: impl Fn(&Placeholder) -> Result<String, Misfit>) -> Result<Url, Misfit> {
        let mut url = String::new();
        for piece in &self.pieces {
            match piece {
                UrlPiece::Text(text) => url.push_str(text),
                UrlPiece::Value(value) => {
                    // Writing into a String cannot fail.
                    let _ = write!(url, "{}", utf8_percent_encode(&text_of(value)?, ENCODED));
                }
            }
        }
        // A URL parser resolves these, and `/prices/..` is another resource; no encoding protects them.
        let path = url.split(['?', '#']).next().unwrap_or_default();
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(Misfit("the URL would have a path segment `.` or `..`".to_owned()));
        }
        Url::parse(&url).map_err(|error| Misfit(format!("no URL: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::values;

    fn compile(text: &str) -> Result<UrlTemplate, String> {
        let variables = Variables::new().with("P", "http://partner:80/base/").with("ODD", "http://p/{row.sku}");
        let compiled = UrlTemplate::compile(text, &variables, &Scope::default(), "put");
        compiled.map(|(template, _)| template).map_err(|error| error.to_string())
    }

    #[test]
    fn cells_are_filled_in_encoded() {
        let check = |template: &str, row: Value, expected: &str| {
            let seen = compile(template).unwrap().fill_in(&values(row)).map_or_else(|misfit| misfit.0, String::from);
            assert_eq!(seen, expected, "{template}");
        };
        check("${P}/prices/{row.sku}", json!({"sku": "00012345"}), "http://partner/base/prices/00012345");
        check("https://p/a?x={row.x}&y=1", json!({"x": "1&y=2#é"}), "https://p/a?x=1%26y%3D2%23%C3%A9&y=1");
        check("http://p/{row.a}/{row.b c}", json!({"a": "x/../y", "b c": true}), "http://p/x%2F..%2Fy/true");
        check("http://p/{row.a}", json!({"a": 3.0}), "http://p/3");
        check("http://p/{row.a}", json!({"a": "100%"}), "http://p/100%25");
        // What a variable holds is text and never a placeholder.
        check("${ODD}", json!({"sku": 1}), "http://p/%7Brow.sku%7D");
        check("http://p/{row.a}", json!({"a": ".."}), "the URL would have a path segment `.` or `..`");
        check("http://p/{row.a}{row.a}", json!({"a": "."}), "the URL would have a path segment `.` or `..`");
        check("http://p/{row.a}", json!({}), "a: the cell is empty, and the URL needs it");
        check("http://p/{row.a}", json!({"a": ""}), "a: the cell is empty, and the URL needs it");
        check("http://p/{row.a}", json!({"a": {"error": "#N/A"}}), "a: the cell holds the error #N/A");
        check(
            "http://p/{row.a}",
            json!({"a": [1]}),
            "a: the value is neither text nor a number, and the URL needs one",
        );
    }

    #[test]
    fn urls_that_cannot_work_are_refused() {
        let check = |template: &str, expected: &str| {
            let error = compile(template).unwrap_err();
            assert!(error.contains(expected), "{template}: {error}");
        };
        check("${MISSING}/x", "put: the variable MISSING is not set");
        check("/prices/{row.sku}", "scheme and host must not depend on the row");
        check("http://{row.host}/x", "scheme and host must not depend on the row");
        check("http://partner{row.tail}/x", "scheme and host must not depend on the row");
        check("{row.url}", "scheme and host must not depend on the row");
        check("ftp://p/x", "the scheme ftp is not http or https");
        check("http://me:secret@p/x", "must not hold a user name or password");
        check("http:///", "no URL");
        check("http://p/{sku}", "`{sku}` is no placeholder such as {row.COLUMN}");
        check("http://p/{row.}", "`{row.}` is no placeholder");
        check("http://p/{row.sku", "`{` without its `}`");
    }
}
