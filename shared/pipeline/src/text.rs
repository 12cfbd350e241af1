//! Text that came from outside, made fit for a message.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// How much of a cell's value a message may contain, in characters.
pub(crate) const LONGEST_VALUE: usize = 80;

/// `text` in at most `limit` characters, the last of which is an ellipsis when something was left out.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => {
            let end = text.char_indices().nth(limit - 1).map_or(text.len(), |(at, _)| at);
            format!("{}…", &text[..end])
        }
    }
}

/// A cell's value as a message shows it: quoted when it is text, on one line, in at most 80 characters.
pub(crate) fn shown_value(value: &Value) -> String {
    match value {
        // Two characters are for the quotes. Escaping may lengthen the text, so it is done first.
        Value::String(text) => format!("\"{}\"", shortened(&escaped(text), LONGEST_VALUE - 2)),
        other => shortened(&other.to_string(), LONGEST_VALUE),
    }
}

/// The beginning of `text` without control characters; enough of it for any message.
fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(LONGEST_VALUE) {
        if character.is_control() {
            // Writing into a String cannot fail.
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(LONGEST_VALUE).is_some() {
        shown.push('…');
    }
    shown
}

/// `text` on one line: every run of white space and control characters becomes one space.
pub(crate) fn on_one_line(text: &str) -> String {
    text.split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The shortest text of a number: `3` for 3.0, `0.1` for 0.1.
pub(crate) fn number_text(number: &Number) -> String {
    let mut text = number.to_string();
    if text.ends_with(".0") {
        text.truncate(text.len() - 2);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_short() {
        for (json, expected) in [("3.0", "3"), ("-7", "-7"), ("0.10", "0.1"), ("1e300", "1e+300"), ("10.0", "10")] {
            let number = serde_json::from_str(json).unwrap();
            assert_eq!(number_text(&number), expected);
        }
    }

    #[test]
    fn values_are_shown_short_and_on_one_line() {
        let check = |value: Value, expected: &str| assert_eq!(shown_value(&value), expected);
        check("abc".into(), "\"abc\"");
        check(3.into(), "3");
        check("a\nb".into(), "\"a\\nb\"");
        check("é".repeat(78).into(), &format!("\"{}\"", "é".repeat(78)));
        check("é".repeat(79).into(), &format!("\"{}…\"", "é".repeat(77)));
        for long in [Value::from("x".repeat(5_000)), Value::from("\u{1}".repeat(100)), vec![7; 100].into()] {
            assert_eq!(shown_value(&long).chars().count(), LONGEST_VALUE);
        }
    }

    #[test]
    fn white_space_is_one_space() {
        assert_eq!(on_one_line(" a\r\n\t b\u{0}c "), "a b c");
    }
}
