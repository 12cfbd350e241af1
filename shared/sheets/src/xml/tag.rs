//! A start tag: its name and its attributes, found without copying.

/// The inside of a start tag, as it stands in the buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag<'a> {
    /// Local name, without the prefix.
    pub(crate) name: &'a [u8],
    pub(super) full_name_length: usize,
    attributes: &'a [u8],
}

impl<'a> Tag<'a> {
    #[inline]
    pub(crate) fn new(inner: &'a [u8]) -> Self {
        let full = full_name(inner);
        Self { name: local_name(full), full_name_length: full.len(), attributes: &inner[full.len()..] }
    }

    /// All attributes in order: the name with its prefix, and the raw value.
    #[inline]
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.attributes }
    }

    /// The raw value of the attribute with exactly this name.
    pub(crate) fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The raw value of the first attribute with this local name, whatever its prefix.
    pub(crate) fn local_attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes().find(|(found, _)| local_name(found) == name).map(|(_, value)| value)
    }

    /// The value of an attribute as text, entities replaced. `None` when it is absent or not valid text.
    pub(crate) fn text_attribute(&self, name: &[u8]) -> Option<String> {
        decode(self.attribute(name)?)
    }

    /// As [`Self::text_attribute`], by local name.
    pub(crate) fn local_text_attribute(&self, name: &[u8]) -> Option<String> {
        decode(self.local_attribute(name)?)
    }

    /// The value of an attribute as a whole number.
    pub(crate) fn number_attribute(&self, name: &[u8]) -> Option<u32> {
        std::str::from_utf8(self.attribute(name)?).ok()?.trim().parse().ok()
    }

    /// The value of an attribute as a truth value: `1` and `true` are true.
    pub(crate) fn flag_attribute(&self, name: &[u8]) -> Option<bool> {
        self.attribute(name).map(|value| matches!(value, b"1" | b"true" | b"on"))
    }
}

fn decode(raw: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    super::append_text(&mut text, raw, false).ok()?;
    String::from_utf8(text).ok()
}

/// Walks over `name="value"` pairs; stops at the first thing that is none.
pub(crate) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // Plain loops: attributes are so short that a call of memchr would cost more than it saves.
        let rest = self.rest;
        let start = rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let equals = start + rest[start..].iter().position(|byte| *byte == b'=')?;
        let name = rest[start..equals].trim_ascii_end();
        let quote_at = equals + 1 + rest[equals + 1..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let quote = rest[quote_at];
        if quote != b'"' && quote != b'\'' {
            return None;
        }
        let value = &rest[quote_at + 1..];
        let end = quote_at + 1 + value.iter().position(|byte| *byte == quote)?;
        self.rest = &rest[end + 1..];
        Some((name, &rest[quote_at + 1..end]))
    }
}

/// Where a tag ends: the first `>` outside quotes.
#[inline]
pub(crate) fn end_of_tag(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'>' => return Some(at),
            quote @ (b'"' | b'\'') => {
                at += 2 + bytes[at + 1..].iter().position(|byte| *byte == quote)?;
            }
            _ => at += 1,
        }
    }
}

#[inline]
pub(super) fn full_name(inner: &[u8]) -> &[u8] {
    let end = inner.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    &inner[..end.unwrap_or(inner.len())]
}

/// The name without its prefix.
#[inline]
pub(crate) fn local_name(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|byte| *byte == b':') {
        Some(colon) => &name[colon + 1..],
        None => name,
    }
}

/// The last seven bytes and the length: names of office files differ in them.
#[inline]
pub(super) fn fingerprint(name: &[u8]) -> u64 {
    name.iter().fold(name.len() as u64, |sum, byte| (sum << 8) | u64::from(*byte))
}
