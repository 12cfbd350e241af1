//! One JSON value that should be a record: checked as a whole, and written without white space.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Checks that the text is one JSON object that any reader takes, and appends it without white space.
///
/// Keys are collected into `keys` when it is given. The error is a sentence for a person.
pub(super) fn append_compact(out: &mut Vec<u8>, text: &[u8], keys: Option<&mut Vec<String>>) -> Result<usize, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the record is not valid UTF-8 text".to_owned())?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut names = Vec::new();
    Object { keys: &mut names }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| explain(&error))?;
    let cells = names.len();
    check_keys(&names)?;
    if let Some(keys) = keys {
        *keys = names;
    }
    append_without_space(out, text.as_bytes());
    Ok(cells)
}

fn explain(error: &serde_json::Error) -> String {
    if error.is_data() {
        return "the record is not a JSON object".to_owned();
    }
    // serde_json counts lines and columns within the record; only the column helps.
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    format!("the record is not valid JSON: {reason} at byte {}", error.column())
}

fn check_keys(names: &[String]) -> Result<(), String> {
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("the record has the key {:?} twice", pair[0])),
        None => Ok(()),
    }
}

/// Copies JSON that was checked before, leaving out blanks between tokens.
fn append_without_space(out: &mut Vec<u8>, text: &[u8]) {
    let mut in_string = false;
    let mut is_escaped = false;
    for byte in text {
        if in_string {
            in_string = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = *byte == b'"';
        }
        out.push(*byte);
    }
}

/// Accepts an object only, and looks at everything in it.
struct Object<'k> {
    keys: &'k mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            self.keys.push(key);
            map.next_value_seed(Anything)?;
        }
        Ok(())
    }
}

/// Visits a value of any kind without keeping it, so that strings, numbers and depth are really checked:
/// `IgnoredAny` alone would let a broken `\u` escape pass that fails in whoever reads the record next.
struct Anything;

impl<'de> DeserializeSeed<'de> for Anything {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(Anything)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Anything)?;
        }
        Ok(())
    }
}
