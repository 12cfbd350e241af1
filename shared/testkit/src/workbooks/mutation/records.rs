//! Damage to the records of binary workbooks.

use std::ops::Range;

use super::bytes;
use crate::workbooks::random::Dice;

/// How records of a format begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// A number and a length in seven bits a byte ([MS-XLSB] 2.1.4).
    Xlsb,
    /// A number and a length of 16 bits each ([MS-XLS] 2.1.4).
    Biff,
}

/// Where a record is, and where its body begins.
struct Record {
    all: Range<usize>,
    body: usize,
}

/// One act of damage: to a number or a length, to a body, to the order of records.
pub(super) fn damage(content: &mut Vec<u8>, dice: &mut Dice, layout: Layout) {
    let records = records(content, layout);
    if records.is_empty() || dice.once_in(10) {
        return bytes::damage(content, dice, &[]);
    }
    let record = dice.pick(&records);
    match dice.below(8) {
        0 => bytes::write_number(content, record.all.start + dice.below(record.body - record.all.start), dice),
        1..=3 => bytes::write_number(content, record.body + dice.below(record.all.end - record.body + 1), dice),
        4 => drop(content.drain(record.all.clone())),
        5 => {
            let most = if dice.once_in(5) { 500 } else { 3 };
            let copies = content[record.all.clone()].repeat(1 + dice.below(most));
            let at = dice.pick(&records).all.start;
            content.splice(at..at, copies.into_iter().take(32 * 1024));
        }
        6 => {
            let at = dice.pick(&records).all.start;
            let moved = content[record.all.clone()].to_vec();
            content.splice(at..at, moved);
        }
        _ => {
            // A body cut short under a length that says so: honest, and too small for what the record is.
            let kept = dice.below(record.all.end - record.body + 1);
            let mut short = content[record.all.start..record.body + kept].to_vec();
            set_length(&mut short, record.body - record.all.start, kept, layout);
            content.splice(record.all.clone(), short);
        }
    }
}

fn set_length(record: &mut Vec<u8>, header: usize, length: usize, layout: Layout) {
    match layout {
        Layout::Biff => record[2..4].copy_from_slice(&(length as u16).to_le_bytes()),
        Layout::Xlsb => {
            let id = if record[0] & 0x80 == 0 { 1 } else { 2 };
            let mut text = Vec::new();
            let mut rest = length;
            while rest > 0x7F {
                text.push(rest as u8 & 0x7F | 0x80);
                rest >>= 7;
            }
            text.push(rest as u8);
            record.splice(id.min(header)..header, text);
        }
    }
}

/// All records up to the first that does not fit.
fn records(content: &[u8], layout: Layout) -> Vec<Record> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((body, length)) = header(content, at, layout) {
        let end = body + length;
        if end > content.len() {
            break;
        }
        found.push(Record { all: at..end, body });
        at = end;
    }
    found
}

/// Where the body of the record at a place begins, and its length.
fn header(content: &[u8], at: usize, layout: Layout) -> Option<(usize, usize)> {
    match layout {
        Layout::Biff => {
            let bytes = content.get(at..at + 4)?;
            Some((at + 4, usize::from(u16::from_le_bytes([bytes[2], bytes[3]]))))
        }
        Layout::Xlsb => {
            let mut place = at + if content.get(at)? & 0x80 == 0 { 1 } else { 2 };
            let mut length = 0;
            for shift in [0, 7, 14, 21] {
                let byte = *content.get(place)?;
                place += 1;
                length |= usize::from(byte & 0x7F) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            Some((place, length))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbooks::record;

    #[test]
    fn records_are_found() {
        let xlsb = [record(5, &[1; 200]), record(500, &[]), record(7, &[2])].concat();
        let bodies: Vec<usize> =
            records(&xlsb, Layout::Xlsb).iter().map(|record| record.all.end - record.body).collect();
        assert_eq!(bodies, [200, 0, 1]);
        assert_eq!(records(&[1, 0, 2, 0, 9, 9, 3, 0], Layout::Biff).len(), 1);
    }
}
