//! Damage to XML that keeps it looking like XML, so that it gets behind the tokenizer.

use std::ops::Range;

use super::bytes;
use crate::workbooks::random::Dice;

/// What stands in the parts of workbooks, and what should not.
const WORDS: [&[u8]; 40] = [
    b"<c r=\"XFD1048576\" t=\"s\"><v>4294967295</v></c>",
    b"<c r=\"A1\"><v>1</v></c>",
    b"<c r=\"ZZZZZZ1\"/>",
    b"<c t=\"inlineStr\"><is><t>x</t></is></c>",
    b"<c t=\"str\"><v>x</v></c>",
    b"<c t=\"e\"><v>#N/A</v></c>",
    b"<c t=\"d\"><v>2024-02-30T25:61:61Z</v></c>",
    b"<row r=\"1048576\">",
    b"<row r=\"0\">",
    b"<row>",
    b"</row>",
    b"</c>",
    b"</sheetData>",
    b"<sheetData>",
    b"<si>",
    b"<si/>",
    b"<rPh sb=\"0\" eb=\"1\">",
    b"</rPh>",
    b"<t xml:space=\"preserve\">",
    b"<!DOCTYPE x [<!ENTITY a \"b\">]>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<?xml version=\"1.0\" encoding=\"UTF-16\"?>",
    b"<?x ",
    b"&#x110000;",
    b"&#xD800;",
    b"&#0;",
    b"&a;",
    b"&amp",
    b"_xD83D__xDE00_",
    b"_xFFFF_",
    b"\xFF\xFE",
    b"\xEF\xBB\xBF",
    b"\xC0\x80",
    b"table:number-columns-repeated=\"4294967295\"",
    b"table:number-rows-repeated=\"1048577\"",
    b"<text:s text:c=\"4294967295\"/>",
    b"xmlns:x=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"",
];

/// Values of attributes and of cells at which readers break.
const VALUES: [&[u8]; 26] = [
    b"",
    b"0",
    b"-1",
    b"1",
    b"60",
    b"1048576",
    b"1048577",
    b"4294967295",
    b"4294967296",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"1e400",
    b"-1e-400",
    b"NaN",
    b"inf",
    b"2958466",
    b"0.99999999999999999",
    b"1.7976931348623157E308",
    b"A0",
    b"XFE1",
    b"$A$1",
    b"s",
    b"d",
    b"../../../xl/workbook.xml",
    b"PT9999999999999999999H",
    b"9999-12-31T23:59:59.9999999",
];

/// One act of damage: to a tag, an attribute, a text, a run of elements, or to bytes whatever they are.
pub(super) fn damage(content: &mut Vec<u8>, dice: &mut Dice) {
    match dice.below(10) {
        0 | 1 => bytes::damage(content, dice, &WORDS),
        2 | 3 => set_attribute(content, dice),
        4 => set_text(content, dice),
        5 => {
            if let Some(tag) = tag(content, dice) {
                content.drain(tag);
            }
        }
        6 => repeat_run(content, dice),
        7 => move_run(content, dice),
        8 => {
            if let Some(tag) = tag(content, dice) {
                let word = dice.pick(&WORDS).to_vec();
                let end = if dice.once_in(2) { tag.start } else { tag.end };
                content.splice(tag.start..end, word);
            }
        }
        _ => rename(content, dice),
    }
}

/// A tag somewhere, with its brackets.
fn tag(content: &[u8], dice: &mut Dice) -> Option<Range<usize>> {
    let from = dice.below(content.len());
    let start = from + content.get(from..)?.iter().position(|byte| *byte == b'<')?;
    let length = content[start..].iter().position(|byte| *byte == b'>')?;
    Some(start..start + length + 1)
}

/// From one tag to another behind it, not too far.
fn run_of_tags(content: &[u8], dice: &mut Dice) -> Option<Range<usize>> {
    let start = tag(content, dice)?.start;
    let mut end = start;
    for _ in 0..=dice.below(12) {
        match content[end..].iter().position(|byte| *byte == b'>') {
            Some(length) => end += length + 1,
            None => break,
        }
    }
    Some(start..end)
}

fn set_attribute(content: &mut Vec<u8>, dice: &mut Dice) {
    let from = dice.below(content.len());
    let Some(equals) = content[from..].windows(2).position(|pair| pair == b"=\"") else { return };
    let start = from + equals + 2;
    let Some(length) = content[start..].iter().position(|byte| *byte == b'"') else { return };
    let mut value = dice.pick(&VALUES).to_vec();
    if dice.once_in(30) {
        value = value.repeat(1 + dice.below(4000));
    }
    content.splice(start..start + length, value);
}

fn set_text(content: &mut Vec<u8>, dice: &mut Dice) {
    let from = dice.below(content.len());
    let Some(close) = content[from..].windows(2).position(|pair| pair == b"</") else { return };
    let end = from + close;
    let start = content[..end].iter().rposition(|byte| *byte == b'>').map_or(end, |at| at + 1);
    content.splice(start..end, dice.pick(&VALUES).to_vec());
}

/// Up to a few thousand times, within reason.
fn repeat_run(content: &mut Vec<u8>, dice: &mut Dice) {
    const MOST: usize = 32 * 1024;
    let Some(run) = run_of_tags(content, dice) else { return };
    let most = if dice.once_in(6) { 2000 } else { 3 };
    let times = (1 + dice.below(most)).min(1 + MOST / run.len().max(1));
    let copies = content[run.clone()].repeat(times);
    content.splice(run.end..run.end, copies);
}

fn move_run(content: &mut Vec<u8>, dice: &mut Dice) {
    let Some(run) = run_of_tags(content, dice) else { return };
    let moved: Vec<u8> = content.drain(run).collect();
    let at = tag(content, dice).map_or(content.len(), |tag| tag.start);
    content.splice(at..at, moved);
}

/// Gives a tag the name of another.
fn rename(content: &mut Vec<u8>, dice: &mut Dice) {
    let (Some(from), Some(to)) = (tag(content, dice), tag(content, dice)) else { return };
    let name = |tag: &Range<usize>| {
        let inside = &content[tag.start + 1..tag.end];
        let length = inside.iter().position(|byte| b" />\n\t".contains(byte) && *byte != b'/').unwrap_or(0);
        tag.start + 1..tag.start + 1 + length
    };
    let (source, target) = (name(&from), name(&to));
    let word = content[source].to_vec();
    content.splice(target, word);
}
