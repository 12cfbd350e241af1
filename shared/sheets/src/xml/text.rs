//! Text of XML: entities, line ends, and the `_x000D_` escapes of office files.

use memchr::{memchr, memchr2, memmem};

/// Text that is not XML: an unknown entity or a forbidden character.
#[derive(Debug)]
pub(crate) struct BadText;

/// Appends raw text with entities replaced and line ends made `\n`.
///
/// With `office_escapes`, `_xHHHH_` becomes that UTF-16 unit, as ECMA-376 22.9.2.19 has it for `ST_Xstring`.
pub(crate) fn append_text(out: &mut Vec<u8>, raw: &[u8], office_escapes: bool) -> Result<(), BadText> {
    let escapes = office_escapes && memmem::find(raw, b"_x").is_some();
    if !escapes {
        return append_entities(out, raw);
    }
    let mut plain = Vec::new();
    append_entities(&mut plain, raw)?;
    append_unescaped(out, &plain);
    Ok(())
}

fn append_entities(out: &mut Vec<u8>, raw: &[u8]) -> Result<(), BadText> {
    let mut rest = raw;
    while let Some(at) = memchr2(b'&', b'\r', rest) {
        out.extend_from_slice(&rest[..at]);
        if rest[at] == b'\r' {
            out.push(b'\n');
            let skip = if rest.get(at + 1) == Some(&b'\n') { 2 } else { 1 };
            rest = &rest[at + skip..];
            continue;
        }
        let length = memchr(b';', &rest[at..]).ok_or(BadText)?;
        append_entity(out, &rest[at + 1..at + length])?;
        rest = &rest[at + length + 1..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

fn append_entity(out: &mut Vec<u8>, name: &[u8]) -> Result<(), BadText> {
    let character = match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => character(digits, 16)?,
        [b'#', digits @ ..] => character(digits, 10)?,
        _ => return Err(BadText),
    };
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(())
}

fn character(digits: &[u8], radix: u32) -> Result<char, BadText> {
    let digits = std::str::from_utf8(digits).map_err(|_| BadText)?;
    let code = u32::from_str_radix(digits, radix).map_err(|_| BadText)?;
    char::from_u32(code).filter(|found| *found != '\0').ok_or(BadText)
}

/// Replaces `_xHHHH_`. Neighbouring escapes may be the two halves of one character; a lone half becomes U+FFFD.
fn append_unescaped(out: &mut Vec<u8>, plain: &[u8]) {
    let mut rest = plain;
    let mut units: Vec<u16> = Vec::new();
    while !rest.is_empty() {
        if let Some(unit) = escape_at(rest) {
            units.push(unit);
            rest = &rest[7..];
            continue;
        }
        flush_units(out, &mut units);
        let next = memchr(b'_', &rest[1..]).map_or(rest.len(), |at| at + 1);
        out.extend_from_slice(&rest[..next]);
        rest = &rest[next..];
    }
    flush_units(out, &mut units);
}

fn escape_at(bytes: &[u8]) -> Option<u16> {
    let [b'_', b'x', digits @ .., b'_'] = bytes.get(..7)? else { return None };
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn flush_units(out: &mut Vec<u8>, units: &mut Vec<u16>) {
    for character in char::decode_utf16(units.drain(..)) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Without the four characters that XML calls white space at both ends. No-break spaces stay.
pub(crate) fn trim_xml_space(mut text: &[u8]) -> &[u8] {
    const fn is_space(byte: u8) -> bool {
        matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
    }
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("a &amp; b &lt;&gt;&quot;&apos;", "a & b <>\"'"),
            ("&#233;&#x674E;", "é李"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("a_x000D_b", "a\rb"),
            ("a_x005F_x000D_b", "a_x000D_b"),
            ("_xD83D__xDE00_", "😀"),
            ("_xD83D_!", "\u{FFFD}!"),
            ("_x12_ _xGGGG_ _", "_x12_ _xGGGG_ _"),
        ] {
            let mut out = Vec::new();
            append_text(&mut out, raw.as_bytes(), true).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn what_is_no_entity_is_refused() {
        for raw in ["&nbsp;", "&", "&;", "&#0;", "&#xD800;", "&#x110000;", "&lol"] {
            assert!(append_text(&mut Vec::new(), raw.as_bytes(), true).is_err(), "{raw}");
        }
    }
}
