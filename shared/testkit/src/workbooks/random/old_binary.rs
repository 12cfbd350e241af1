//! A random sheet in the old binary format ([MS-XLS]), record by record.

use super::{RandomSheet, Value};
use crate::workbooks::OleBuilder;

/// Cell formats: general, built-in date 14, a moment of our own, built-in time 21, built-in `[h]:mm:ss`.
const FORMATS: [u16; 5] = [0, 14, 164, 21, 46];
const MOMENT: &str = "yyyy-mm-dd hh:mm:ss";
/// The most that one record holds.
const RECORD: usize = 8_224;

/// The workbook of a sheet. Texts are shared; those that do not fit into one record of shared strings are labels.
pub fn xls(sheet: &RandomSheet) -> Vec<u8> {
    OleBuilder::new().stream("Workbook", &stream(sheet)).build()
}

fn stream(sheet: &RandomSheet) -> Vec<u8> {
    let (cells, strings) = cells(sheet);
    let mut before = begin(5);
    let mut format = 164_u16.to_le_bytes().to_vec();
    format.extend(text(MOMENT));
    before.extend(record(0x041E, &format));
    for id in FORMATS {
        let mut body = vec![0; 20];
        body[2..4].copy_from_slice(&id.to_le_bytes());
        before.extend(record(0x00E0, &body));
    }
    let mut after = strings;
    after.extend(record(0x000A, &[]));
    let bundle = |at: u32| record(0x0085, &[&at.to_le_bytes()[..], &[0, 0, 6, 0], b"Sheet1"].concat());
    let start = before.len() + bundle(0).len() + after.len();
    let mut size = 0_u32.to_le_bytes().to_vec();
    size.extend_from_slice(&(sheet.rows.len() as u32 + 1).to_le_bytes());
    size.extend_from_slice(&[0, 0]);
    size.extend_from_slice(&(sheet.columns.len() as u16).to_le_bytes());
    size.extend_from_slice(&[0, 0]);
    let sheet_start = [begin(0x10), record(0x0200, &size)].concat();
    [before, bundle(start as u32), after, sheet_start, cells, record(0x000A, &[])].concat()
}

/// The records of all cells, and the record of the shared strings.
fn cells(sheet: &RandomSheet) -> (Vec<u8>, Vec<u8>) {
    let names: Vec<Value> = sheet.columns.iter().map(|name| Value::Text(name.clone())).collect();
    let (mut out, mut shared, mut count) = (Vec::new(), vec![0_u8; 8], 0_u32);
    for (row, values) in (0_u16..).zip(std::iter::once(&names).chain(&sheet.rows)) {
        for (column, value) in (0_u16..).zip(values) {
            let place = |format: u16| {
                let fields = [row, column, format];
                fields.iter().flat_map(|field| field.to_le_bytes()).collect::<Vec<u8>>()
            };
            let real = value.serial().unwrap_or_default().to_le_bytes();
            match value {
                Value::Empty => {}
                Value::Text(content) if shared.len() + text(content).len() < RECORD => {
                    shared.extend(text(content));
                    out.extend(record(0x00FD, &[place(0), count.to_le_bytes().to_vec()].concat()));
                    count += 1;
                }
                Value::Text(content) => out.extend(record(0x0204, &[place(0), text(content)].concat())),
                Value::Bool(value) => out.extend(record(0x0205, &[place(0), vec![u8::from(*value), 0]].concat())),
                Value::Error(code) => out.extend(record(0x0205, &[place(0), vec![error_code(code), 1]].concat())),
                _ => out.extend(record(0x0203, &[place(format_of(value)), real.to_vec()].concat())),
            }
        }
    }
    shared[..4].copy_from_slice(&count.to_le_bytes());
    shared[4..8].copy_from_slice(&count.to_le_bytes());
    (out, record(0x00FC, &shared))
}

fn format_of(value: &Value) -> u16 {
    match value {
        Value::Date(_) => 1,
        Value::Moment { .. } => 2,
        Value::Time(_) => 3,
        Value::Elapsed(_) => 4,
        _ => 0,
    }
}

/// The byte of an error ([MS-XLS] 2.5.10), which the binary format within zip has too.
pub(super) fn error_code(text: &str) -> u8 {
    match text {
        "#NULL!" => 0x00,
        "#DIV/0!" => 0x07,
        "#VALUE!" => 0x0F,
        "#REF!" => 0x17,
        "#NAME?" => 0x1D,
        "#NUM!" => 0x24,
        _ => 0x2A,
    }
}

fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(body.len() as u16).to_le_bytes()[..], body].concat()
}

fn begin(kind: u16) -> Vec<u8> {
    record(0x0809, &[&0x0600_u16.to_le_bytes()[..], &kind.to_le_bytes()[..], &[0; 12]].concat())
}

/// A text of 16-bit characters with its length before it.
fn text(content: &str) -> Vec<u8> {
    let units: Vec<u16> = content.encode_utf16().collect();
    let mut out = (units.len() as u16).to_le_bytes().to_vec();
    out.push(1);
    out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    out
}

/// The stream `Workbook` of an OLE container ([MS-CFB]), for streams of at least 4,096 bytes in a container whose
/// sector table is listed in its header.
pub(in crate::workbooks) fn stream_of(file: &[u8]) -> Option<Vec<u8>> {
    const SECTOR: usize = 512;
    let long = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
    let sector = |number: u32| {
        let start = (number as usize + 1).checked_mul(SECTOR)?;
        file.get(start..(start + SECTOR).min(file.len()))
    };
    let mut table: Vec<u32> = Vec::new();
    for index in 0..(long(44)? as usize).min(109) {
        let entries = sector(long(76 + 4 * index)?)?;
        table.extend(entries.chunks_exact(4).map(|entry| u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]])));
    }
    let chain = |first: u32| {
        let mut out = Vec::new();
        let mut next = first;
        while let (true, Some(content)) = (out.len() < file.len(), sector(next)) {
            out.extend_from_slice(content);
            next = *table.get(next as usize)?;
        }
        Some(out)
    };
    let name: Vec<u8> = "Workbook\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let directory = chain(long(48)?)?;
    let entry = directory.chunks_exact(128).find(|entry| entry.starts_with(&name))?;
    let number = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
    let mut stream = chain(number(116))?;
    stream.truncate(number(120) as usize);
    (number(120) >= 4096).then_some(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_comes_back_out_of_its_container() {
        let sheet = RandomSheet::new(3);
        let mut expected = stream(&sheet);
        expected.resize(expected.len().max(4096).next_multiple_of(512), 0);
        assert!(stream_of(&xls(&sheet)) == Some(expected));
        assert_eq!(stream_of(b"no container"), None);
    }
}
