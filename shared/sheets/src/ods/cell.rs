//! One cell of an OpenDocument table: its typed value, and the text of its paragraphs.

use super::repeat;
use crate::error::{FileProblem, ReadError};
use crate::xml::{Tag, append_text};

/// What `office:value-type` says.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    Number,
    Bool,
    Date,
    Time,
    Error,
    #[default]
    Text,
}

/// The cell being read. Its buffers are reused.
#[derive(Debug, Default)]
pub(super) struct OdsCell {
    pub(super) kind: ValueType,
    pub(super) value: String,
    pub(super) text: Vec<u8>,
    pub(super) repeat: u64,
    pub(super) is_covered: bool,
    is_typed: bool,
    paragraphs: u32,
    in_paragraph: bool,
    /// Depth within the cell at which a comment began: its paragraphs are not the cell's.
    ignored_since: Option<usize>,
    depth: usize,
    after_space: bool,
}

impl OdsCell {
    pub(super) fn start(&mut self, tag: &Tag<'_>) {
        self.text.clear();
        self.value.clear();
        self.repeat = repeat(tag, b"number-columns-repeated");
        self.is_covered = tag.name == b"covered-table-cell";
        self.paragraphs = 0;
        self.in_paragraph = false;
        self.ignored_since = None;
        self.depth = 0;
        let (mut kind, mut is_error) = (None, false);
        for (name, value) in tag.attributes() {
            match name {
                b"office:value-type" => kind = Some(value_type(value)),
                b"calcext:value-type" => is_error = value == b"error",
                b"office:value"
                | b"office:date-value"
                | b"office:time-value"
                | b"office:boolean-value"
                | b"office:string-value" => {
                    let mut decoded = Vec::new();
                    if append_text(&mut decoded, value, false).is_ok() {
                        self.value = String::from_utf8_lossy(&decoded).into_owned();
                    }
                }
                _ => {}
            }
        }
        self.is_typed = kind.is_some();
        self.kind = if is_error { ValueType::Error } else { kind.unwrap_or_default() };
    }

    /// A cell without a type and without paragraphs is empty, whatever its style.
    pub(super) fn has_content(&self) -> bool {
        self.is_typed || self.paragraphs > 0
    }

    pub(super) fn start_inner(&mut self, tag: &Tag<'_>, depth: usize) {
        self.depth = depth;
        if self.ignored_since.is_some() {
            return;
        }
        match tag.name {
            b"annotation" | b"shapes" | b"frame" | b"table" => self.ignored_since = Some(depth),
            b"p" | b"h" => {
                if self.paragraphs > 0 {
                    self.text.push(b'\n');
                }
                self.paragraphs += 1;
                self.in_paragraph = true;
                self.after_space = true;
            }
            b"s" => {
                let count = tag.number_attribute(b"text:c").unwrap_or(1).min(1 << 20);
                self.text.resize(self.text.len() + count as usize, b' ');
                self.after_space = false;
            }
            b"tab" => self.text.push(b'\t'),
            b"line-break" => self.text.push(b'\n'),
            _ => {}
        }
    }

    pub(super) fn end_inner(&mut self, name: &[u8]) {
        let is_ignored = self.ignored_since.is_some();
        match name {
            b"annotation" | b"shapes" | b"frame" | b"table" => self.ignored_since = None,
            b"p" | b"h" if !is_ignored => self.in_paragraph = false,
            _ => {}
        }
    }

    /// Text of a paragraph: runs of white space are one space, as in HTML; kept spaces are `text:s`.
    pub(super) fn text(&mut self, raw: &[u8]) -> Result<(), ReadError> {
        if self.ignored_since.is_some() || !self.in_paragraph {
            return Ok(());
        }
        let mut decoded = Vec::new();
        append_text(&mut decoded, raw, false)
            .map_err(|_| FileProblem::corrupt("a cell holds text that is not valid"))?;
        for byte in decoded {
            if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                if !self.after_space {
                    self.text.push(b' ');
                }
                self.after_space = true;
            } else {
                self.text.push(byte);
                self.after_space = false;
            }
        }
        Ok(())
    }

    pub(super) fn literal(&mut self, raw: &[u8]) {
        if self.ignored_since.is_none() && self.in_paragraph {
            self.text.extend_from_slice(raw);
        }
    }
}

fn value_type(value: &[u8]) -> ValueType {
    match value {
        b"float" | b"percentage" | b"currency" => ValueType::Number,
        b"boolean" => ValueType::Bool,
        b"date" => ValueType::Date,
        b"time" => ValueType::Time,
        _ => ValueType::Text,
    }
}

/// `2024-03-01T12:30:00.000000000` without its zeros; other parts of a second as milliseconds.
pub(super) fn without_empty_fraction(text: &str) -> String {
    let Some((whole, fraction)) = text.rsplit_once('.') else {
        return text.to_owned();
    };
    let millis = &fraction[..fraction.len().min(3)];
    if fraction.bytes().all(|byte| byte == b'0') || !fraction.is_ascii() {
        return whole.to_owned();
    }
    format!("{whole}.{millis:0<3}")
}

/// A time such as `PT12H30M00S` as `12:30:00` within a day, and as a duration beyond it.
pub(super) fn time_text(value: &str) -> Option<String> {
    let (sign, rest) = match value.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", value),
    };
    let (mut amount, mut millis) = (String::new(), 0.0_f64);
    for letter in rest.strip_prefix("PT")?.chars() {
        let unit = match letter {
            'H' => 3_600_000.0,
            'M' => 60_000.0,
            'S' => 1000.0,
            digit => {
                amount.push(if digit == ',' { '.' } else { digit });
                continue;
            }
        };
        millis += amount.parse::<f64>().ok()? * unit;
        amount.clear();
    }
    let is_sane = amount.is_empty() && (0.0..1e15).contains(&millis);
    if !is_sane {
        return None;
    }
    let serial = millis / 86_400_000.0;
    let mut out = Vec::new();
    use crate::moment::{DateSystem, append_iso};
    use crate::number_format::NumberClass;
    let class = if serial < 1.0 && sign.is_empty() {
        NumberClass::Time { has_fraction: true }
    } else {
        out.extend_from_slice(sign.as_bytes());
        NumberClass::Elapsed { has_fraction: true }
    };
    append_iso(&mut out, serial, class, DateSystem::From1900);
    String::from_utf8(out).ok()
}
