//! What a cell should be, in words, as the schema says it: for the person who mends the cell.

use std::collections::BTreeMap;

use serde_json::Value;

use super::coerce::TypeSet;
use crate::text::shortened;

/// How much of the allowed values, or of a pattern, is told, in characters.
const LONGEST: usize = 200;

/// What the cells of a column should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// In words, to be put behind "It should be".
    pub words: String,
    /// Whether it is text and nothing else, and no date: what is typed there is not to be taken for a number.
    pub is_text: bool,
    /// Whether it is a date or a time.
    pub is_date: bool,
}

/// What the schema of a row says of its columns, by column.
pub fn expectations(schema: Option<&Value>) -> BTreeMap<String, Expectation> {
    let Some(schema) = schema else { return BTreeMap::new() };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut found: BTreeMap<String, Expectation> = properties
        .map(|(name, property)| {
            let property = TypeSet::resolve(property, schema);
            (name.clone(), expectation(property, required.contains(&name.as_str())))
        })
        .collect();
    for name in required {
        let anything = || Expectation { words: "not empty".to_owned(), is_text: false, is_date: false };
        found.entry(name.to_owned()).or_insert_with(anything);
    }
    found.retain(|_, expectation| !expectation.words.is_empty());
    found
}

fn expectation(property: &Value, is_required: bool) -> Expectation {
    let format = property.get("format").and_then(Value::as_str);
    let is_date = matches!(format, Some("date" | "date-time" | "time"));
    let mut words: Vec<String> = kind(property, format).into_iter().collect();
    if let Some(options) = property.get("enum").and_then(Value::as_array) {
        words = vec![format!("one of {}", listed(options))];
    }
    if let Some(only) = property.get("const") {
        words = vec![listed(std::slice::from_ref(only))];
    }
    let number = |keyword: &str| property.get(keyword).filter(|bound| bound.is_number());
    for (keyword, says) in [
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
        ("multipleOf", "a multiple of"),
    ] {
        words.extend(number(keyword).map(|bound| format!("{says} {bound}")));
    }
    for (keyword, says) in [("minLength", "at least"), ("maxLength", "at most")] {
        let length = number(keyword).and_then(Value::as_u64);
        words.extend(length.map(|length| format!("{says} {length} character{}", if length == 1 { "" } else { "s" })));
    }
    if let Some(pattern) = property.get("pattern").and_then(Value::as_str) {
        words.push(format!("of the pattern {}", shortened(pattern, LONGEST)));
    }
    if let Some(described) = property.get("description").and_then(Value::as_str) {
        words.push(shortened(described.trim(), LONGEST));
    }
    if words.is_empty() && is_required {
        words.push("not empty".to_owned());
    }
    let is_text = !is_date && property.get("type").is_some_and(|kind| kind == "string");
    Expectation { words: words.join(", "), is_text, is_date }
}

/// What kind of value, by `format` or else by `type`.
fn kind(property: &Value, format: Option<&str>) -> Option<String> {
    let of_format = format.map(|format| match format {
        "date" => "a date, such as 2024-01-31".to_owned(),
        "date-time" => "a date with a time, such as 2024-01-31T10:00:00Z".to_owned(),
        "time" => "a time of day, such as 10:00:00Z".to_owned(),
        "email" => "an e-mail address".to_owned(),
        "uri" => "an address, such as https://example.com".to_owned(),
        "uuid" => "a UUID".to_owned(),
        other => format!("a value of the format {other}"),
    });
    of_format.or_else(|| {
        let named = |name: &Value| match name.as_str()? {
            "integer" => Some("a whole number"),
            "number" => Some("a number"),
            "boolean" => Some("TRUE or FALSE"),
            "string" => Some("text"),
            _ => None,
        };
        let names: Vec<&str> = match property.get("type")? {
            Value::Array(names) => names.iter().filter_map(named).collect(),
            name => named(name).into_iter().collect(),
        };
        (!names.is_empty()).then(|| names.join(" or "))
    })
}

fn listed(options: &[Value]) -> String {
    let shown: Vec<String> =
        options.iter().map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned)).collect();
    shortened(&shown.join(", "), LONGEST)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(property: Value, expected: &str) {
        let schema = json!({ "properties": { "a": property } });
        let found = expectations(Some(&schema)).remove("a").map(|found| found.words);
        assert_eq!(found.as_deref().unwrap_or_default(), expected, "{schema}");
    }

    #[test]
    fn a_schema_is_told_in_words() {
        check(json!({"type": "integer", "minimum": 1}), "a whole number, at least 1");
        check(json!({"type": "number", "minimum": 0, "maximum": 0.5}), "a number, at least 0, at most 0.5");
        check(json!({"type": "string", "enum": ["EUR", "USD"]}), "one of EUR, USD");
        check(json!({"type": "string", "format": "date"}), "a date, such as 2024-01-31");
        check(json!({"type": "string", "pattern": "^[0-9]{8}$"}), "text, of the pattern ^[0-9]{8}$");
        check(
            json!({"type": "string", "minLength": 1, "maxLength": 9}),
            "text, at least 1 character, at most 9 characters",
        );
        check(json!({"type": ["boolean", "number"]}), "TRUE or FALSE or a number");
        check(json!({"const": 3}), "3");
        check(json!({"description": "the name on the bill"}), "the name on the bill");
        check(json!({}), "");
        check(json!(true), "");
    }

    #[test]
    fn references_are_followed_and_what_is_required_is_not_empty() {
        let schema = json!({
            "required": ["id", "b"],
            "properties": {"a": {"$ref": "#/$defs/count"}, "b": {}},
            "$defs": {"count": {"type": "integer"}},
        });
        let found = expectations(Some(&schema));
        let words: Vec<_> = found.iter().map(|(name, found)| (name.as_str(), found.words.as_str())).collect();
        assert_eq!(words, [("a", "a whole number"), ("b", "not empty"), ("id", "not empty")]);
        assert!(expectations(None).is_empty());
    }

    #[test]
    fn text_is_told_from_dates_and_numbers() {
        let is_text = |property: Value| {
            expectations(Some(&json!({ "properties": { "a": property } }))).remove("a").map(|found| found.is_text)
        };
        assert_eq!(is_text(json!({"type": "string"})), Some(true));
        assert_eq!(is_text(json!({"type": "string", "format": "date"})), Some(false));
        assert_eq!(is_text(json!({"type": ["string", "integer"]})), Some(false));
        assert_eq!(is_text(json!({"type": "integer"})), Some(false));
    }
}
