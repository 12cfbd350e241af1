//! Text as it stands between two tags, turned into JSON in one go when nothing in it needs decoding.

use memchr::memmem;

use crate::json;
use crate::xml::{BadText, append_text};

const END: u8 = 1;
const NOT_ASCII: u8 = 2;
const JSON_ESCAPE: u8 = 4;
const XML_ESCAPE: u8 = 8;
const UNDERSCORE: u8 = 16;

/// What each byte means for the text it stands in.
static MEANING: [u8; 256] = meanings();

const fn meanings() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'<' => END,
            b'&' | b'\r' => XML_ESCAPE,
            b'"' | b'\\' | 0..32 => JSON_ESCAPE,
            b'_' => UNDERSCORE,
            128.. => NOT_ASCII,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// What kinds of bytes a text has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape(u8);

/// The length of the text up to the next tag, and its shape; none when the tag is not in these bytes.
#[inline]
pub(super) fn scan(bytes: &[u8]) -> Option<(usize, Shape)> {
    let mut seen = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let meaning = MEANING[usize::from(*byte)];
        if meaning == END {
            return Some((at, Shape(seen)));
        }
        seen |= meaning;
    }
    None
}

/// Appends a raw text as a JSON string with its quotes. A text that was trimmed may keep the shape of the whole.
#[inline]
pub(super) fn append_json(out: &mut Vec<u8>, raw: &[u8], Shape(seen): Shape) -> Result<(), BadText> {
    if seen == 0 {
        out.push(b'"');
        out.extend_from_slice(raw);
        out.push(b'"');
        return Ok(());
    }
    append_unusual(out, raw, seen)
}

fn append_unusual(out: &mut Vec<u8>, raw: &[u8], seen: u8) -> Result<(), BadText> {
    let is_escaped = seen & XML_ESCAPE != 0 || seen & UNDERSCORE != 0 && memmem::find(raw, b"_x").is_some();
    if is_escaped {
        let mut text = Vec::new();
        append_text(&mut text, raw, true)?;
        json::append_text(out, std::str::from_utf8(&text).map_err(|_| BadText)?);
        return Ok(());
    }
    let text = std::str::from_utf8(raw).map_err(|_| BadText)?;
    if seen & JSON_ESCAPE != 0 {
        json::append_text(out, text);
    } else {
        out.push(b'"');
        out.extend_from_slice(raw);
        out.push(b'"');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_text_becomes_json() {
        for (raw, expected) in [
            ("plain", Ok("\"plain\"")),
            ("", Ok("\"\"")),
            ("é李", Ok("\"é李\"")),
            ("say \"x\"\\", Ok("\"say \\\"x\\\"\\\\\"")),
            ("a\tb\nc", Ok("\"a\\tb\\nc\"")),
            ("a\r\nb", Ok("\"a\\nb\"")),
            ("a &amp; _b_", Ok("\"a & _b_\"")),
            ("a_x000D_&quot;", Ok("\"a\\r\\\"\"")),
            ("&nbsp;", Err(())),
        ] {
            let bytes = format!("{raw}<");
            let (length, shape) = scan(bytes.as_bytes()).unwrap();
            assert_eq!(length, raw.len());
            let mut out = Vec::new();
            let found = append_json(&mut out, raw.as_bytes(), shape).map_err(|_| ());
            assert_eq!(found.map(|()| std::str::from_utf8(&out).unwrap()), expected, "{raw}");
        }
        let (_, shape) = scan(b"\xff<").unwrap();
        assert!(append_json(&mut Vec::new(), b"\xff", shape).is_err());
        assert!(scan(b"no tag").is_none());
    }
}
