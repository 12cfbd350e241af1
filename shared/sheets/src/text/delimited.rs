//! csv and tsv, record by record. Values stay text; what is missing or empty is null.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use filas_domain::report::{CODE_COLUMN, without_guard};

use super::delimiter;
use super::output::{Output, too_long};
use crate::detect::Format;
use crate::error::{FileProblem, ReadError, column_letters};
use crate::header::{Header, value_without_header};
use crate::json;
use crate::limits::{Budget, check};
use crate::rows::Assembled;
use crate::source::ByteSource;

const BUFFER_BYTES: usize = 64 << 10;
const FIRST_FIELDS: usize = 64;

/// One record as the csv parser left it: its fields back to back, and where each ends.
struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    length: usize,
    count: usize,
}

impl Fields {
    fn field(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    fn is_blank(&self) -> bool {
        self.length == 0
    }
}

/// Feeds the parser and counts lines.
struct Records<'b, S> {
    source: S,
    budget: &'b Budget,
    parser: Reader,
    buffer: Vec<u8>,
    position: usize,
    filled: usize,
    source_ended: bool,
    fields: Fields,
    /// The line that the next byte belongs to, and the one on which the current record started.
    line: u32,
    record_line: u32,
    after_return: bool,
    record_bytes: u64,
}

/// Reads a delimited file.
pub(super) fn read(
    source: impl ByteSource,
    format: Format,
    budget: &Budget,
    header_row: u32,
    mut output: Output<'_>,
) -> Result<Assembled, ReadError> {
    let mut records = Records::new(source, budget, if format == Format::Tsv { b'\t' } else { b',' })?;
    let mut header: Option<(Header, usize)> = None;
    let mut record = Vec::new();
    // Failed rows that were mended: their cells were guarded against being taken for formulas when they were written.
    let mut is_ours = false;
    while records.next()? {
        let (line, fields) = (records.record_line, &records.fields);
        match &header {
            None if line < header_row.max(1) || fields.is_blank() => {}
            None => {
                let found = take_header(fields, line, budget)?;
                // Names of nothing but spaces are a blank line to a person.
                if found.len() > 0 {
                    output.columns(found.names.clone())?;
                    is_ours = found.names.iter().any(|name| name == CODE_COLUMN);
                    header = Some((found, fields.count));
                }
            }
            Some(_) if fields.is_blank() => {}
            Some((_, expected)) if fields.count != *expected => {
                let message = format!("the line has {} fields, the header has {expected}", fields.count);
                output.bad_row(line, "RAGGED_ROW", &message)?;
            }
            Some((header, _)) => match write_record(&mut record, header, is_ours, fields, line)? {
                Ok(()) => output.row(line, &record, fields.count)?,
                Err(column) => {
                    let message = format!("column {} is not valid UTF-8 text", column_letters(column));
                    output.bad_row(line, "INVALID_TEXT", &message)?;
                }
            },
        }
    }
    if header.is_none() {
        return Err(FileProblem::empty("the file has no header line").into());
    }
    output.finish()
}

fn take_header(fields: &Fields, line: u32, budget: &Budget) -> Result<Header, ReadError> {
    let mut cells = Vec::new();
    for index in 0..fields.count {
        let Ok(name) = std::str::from_utf8(fields.field(index)) else {
            let error = ReadError::from(FileProblem::corrupt("a column name is not valid UTF-8 text"));
            return Err(error.in_row(line).in_column(index as u32));
        };
        cells.push((index as u32, name.to_owned()));
    }
    check("columns", budget.limits.columns, fields.count as u64)?;
    Header::new(cells, line)
}

/// Writes the JSON of a record, of a file that Filas wrote (`is_ours`) or of another; the inner error is the column whose text is broken.
fn write_record(
    record: &mut Vec<u8>,
    header: &Header,
    is_ours: bool,
    fields: &Fields,
    line: u32,
) -> Result<Result<(), u32>, ReadError> {
    record.clear();
    let first = header.first_column as usize;
    for index in 0..fields.count {
        let field = fields.field(index);
        let column = index as u32;
        if !(first..first + header.len()).contains(&index) {
            if !field.is_empty() {
                return Err(value_without_header(column, line));
            }
            continue;
        }
        record.extend_from_slice(header.key(index - first));
        if field.is_empty() {
            record.extend_from_slice(b"null");
            continue;
        }
        let Ok(text) = std::str::from_utf8(field) else { return Ok(Err(column)) };
        json::append_text(record, if is_ours { without_guard(text) } else { text });
    }
    record.push(b'}');
    Ok(Ok(()))
}

impl<'b, S: ByteSource> Records<'b, S> {
    fn new(mut source: S, budget: &'b Budget, fallback: u8) -> Result<Self, ReadError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut filled = 0;
        let mut source_ended = false;
        while filled < buffer.len() && !source_ended {
            let count = source.read(&mut buffer[filled..])?;
            filled += count;
            source_ended = count == 0;
        }
        let found = delimiter::detect(&buffer[..filled], source_ended, fallback);
        Ok(Self {
            source,
            budget,
            parser: ReaderBuilder::new().delimiter(found.byte).build(),
            buffer,
            position: found.preamble,
            filled,
            source_ended,
            fields: Fields { bytes: vec![0; 4096], ends: vec![0; FIRST_FIELDS], length: 0, count: 0 },
            line: if found.preamble > 0 { 2 } else { 1 },
            record_line: 1,
            after_return: false,
            record_bytes: 0,
        })
    }

    /// Reads the next record into `fields`; false at the end of the file.
    fn next(&mut self) -> Result<bool, ReadError> {
        self.skip_line_ends()?;
        self.record_line = self.line;
        self.record_bytes = 0;
        self.fields.length = 0;
        self.fields.count = 0;
        if self.at_end() {
            return Ok(false);
        }
        loop {
            self.fill()?;
            if self.at_end() {
                return self.end_last_record();
            }
            let input = &self.buffer[self.position..self.filled];
            let fields = &mut self.fields;
            let (result, used, made, ended) =
                self.parser.read_record(input, &mut fields.bytes[fields.length..], &mut fields.ends[fields.count..]);
            fields.length += made;
            fields.count += ended;
            self.consume(used);
            self.check_length()?;
            match result {
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return Ok(false),
                ReadRecordResult::OutputFull => self.fields.bytes.resize(self.fields.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.more_ends()?,
            }
        }
    }

    /// The file ends inside a record. A line end is put behind it: if that does not end the record, a quote is open.
    fn end_last_record(&mut self) -> Result<bool, ReadError> {
        loop {
            let fields = &mut self.fields;
            let (result, _, made, ended) =
                self.parser.read_record(b"\n", &mut fields.bytes[fields.length..], &mut fields.ends[fields.count..]);
            fields.length += made;
            fields.count += ended;
            match result {
                ReadRecordResult::Record => return Ok(true),
                ReadRecordResult::End => return Ok(false),
                ReadRecordResult::OutputFull => self.fields.bytes.resize(self.fields.bytes.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.more_ends()?,
                ReadRecordResult::InputEmpty => {
                    let detail = "a quote is opened in this record and never closed";
                    return Err(ReadError::from(FileProblem::corrupt(detail)).in_row(self.record_line));
                }
            }
        }
    }

    fn more_ends(&mut self) -> Result<(), ReadError> {
        check("columns", self.budget.limits.columns, self.fields.count as u64 + 1)
            .map_err(|error| error.in_row(self.record_line))?;
        self.fields.ends.resize(self.fields.ends.len() * 2, 0);
        Ok(())
    }

    fn check_length(&self) -> Result<(), ReadError> {
        let limits = &self.budget.limits;
        if self.record_bytes > limits.record_bytes {
            return Err(too_long(limits.record_bytes, self.record_bytes as usize, self.record_line));
        }
        let fields = &self.fields;
        let open_field = if fields.count == 0 { 0 } else { fields.ends[fields.count - 1] };
        let longest = (0..fields.count).map(|index| fields.field(index).len()).max().unwrap_or(0);
        let longest = longest.max(fields.length.saturating_sub(open_field));
        check("cell_bytes", limits.cell_bytes, longest as u64).map_err(|error| error.in_row(self.record_line))
    }

    /// Blank lines belong to no record, but they count.
    fn skip_line_ends(&mut self) -> Result<(), ReadError> {
        loop {
            self.fill()?;
            let rest = &self.buffer[self.position..self.filled];
            let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            if blank == 0 {
                return Ok(());
            }
            self.consume(blank);
        }
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        if self.position == self.filled && !self.source_ended {
            self.position = 0;
            self.filled = self.source.read(&mut self.buffer)?;
            self.source_ended = self.filled == 0;
        }
        Ok(())
    }

    fn at_end(&self) -> bool {
        self.position == self.filled && self.source_ended
    }

    /// Moves on and counts the line ends passed: `\n`, `\r\n`, and the `\r` of old Macs.
    fn consume(&mut self, count: usize) {
        for byte in &self.buffer[self.position..self.position + count] {
            match byte {
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => self.line += 1,
                _ => {}
            }
            self.after_return = *byte == b'\r';
        }
        self.position += count;
        self.record_bytes += count as u64;
    }
}
