//! What parent and child say to each other: one request as JSON, then frames of a kind, a length and that many bytes.
//!
//! Both are the same program, so nothing here has a version. The parent still believes nothing: lengths are bounded, and
//! whatever is no frame counts as a crash of the child.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{FileProblem, LimitBreach, ReadError};
use crate::limits::Limits;
use crate::{ReadOptions, ReadSummary, SheetChoice, SourceHint};

/// The first argument of a program that is to serve.
pub(super) const ASKED: &str = "filas-read-in-child";

/// The child has bounded itself and begins: the memory that it may use, in eight bytes.
pub(super) const READY: u8 = b'B';
/// The column names, as a JSON array.
pub(super) const COLUMNS: u8 = b'C';
/// A row: its number in four bytes, and its record.
pub(super) const ROW: u8 = b'R';
/// A row that could not be read, as [`BadRow`].
pub(super) const BAD_ROW: u8 = b'X';
/// The end of the rows, as [`Done`].
pub(super) const DONE: u8 = b'D';
/// The end by an error, as [`Failure`].
pub(super) const FAILED: u8 = b'F';

/// What is to be read, and how. The path comes as an argument, because it need not be valid text.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    filename: Option<String>,
    media_type: Option<String>,
    sheet: Option<String>,
    header_row: u32,
    /// Until the caller's deadline.
    time_left: Option<Duration>,
    pub(super) limits: Limits,
}

impl Request {
    pub(super) fn new(hint: &SourceHint, options: &ReadOptions) -> Self {
        Self {
            filename: hint.filename.clone(),
            media_type: hint.media_type.clone(),
            sheet: options.sheet.as_ref().map(|sheet| sheet.as_str().to_owned()),
            header_row: options.header_row,
            time_left: options.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())),
            limits: options.limits.clone(),
        }
    }

    pub(super) fn into_parts(self) -> (SourceHint, ReadOptions) {
        let hint = SourceHint { filename: self.filename, media_type: self.media_type };
        let options = ReadOptions {
            sheet: self.sheet.as_deref().map(SheetChoice::from),
            header_row: self.header_row,
            deadline: self.time_left.map(|left| Instant::now() + left),
            limits: self.limits,
            ..ReadOptions::default()
        };
        (hint, options)
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct BadRow {
    pub(super) row: u32,
    pub(super) code: String,
    pub(super) message: String,
}

/// The summary, but for what the parent knows: format and columns.
#[derive(Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) sheet: Option<String>,
    pub(super) rows: u64,
    pub(super) bad_rows: u64,
    pub(super) cells: u64,
    pub(super) output_bytes: u64,
}

impl Done {
    pub(super) fn new(summary: ReadSummary) -> Self {
        Self {
            sheet: summary.sheet,
            rows: summary.rows,
            bad_rows: summary.bad_rows,
            cells: summary.cells,
            output_bytes: summary.output_bytes,
        }
    }
}

/// A [`ReadError`] on its way.
#[derive(Serialize, Deserialize)]
pub(super) enum Failure {
    File(Problem),
    /// What the machine said.
    Machine(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Problem {
    code: String,
    message: String,
    sheet: Option<String>,
    row: Option<u32>,
    column: Option<String>,
    /// Name, allowed, found.
    limit: Option<(String, u64, u64)>,
}

impl Failure {
    pub(super) fn new(error: ReadError) -> Self {
        match error {
            ReadError::File(problem) => Self::File(Problem {
                code: problem.code.to_owned(),
                message: problem.message,
                sheet: problem.sheet,
                row: problem.row,
                column: problem.column,
                limit: problem.limit.map(|limit| (limit.name.to_owned(), limit.allowed, limit.found)),
            }),
            ReadError::Machine { operation, source } => Self::Machine(format!("cannot {operation}: {source}")),
        }
    }

    pub(super) fn into_error(self) -> ReadError {
        match self {
            Self::File(problem) => {
                let mut found = FileProblem::new(name(problem.code), problem.message);
                found.sheet = problem.sheet;
                found.row = problem.row;
                found.column = problem.column;
                found.limit =
                    problem.limit.map(|(limit, allowed, found)| LimitBreach { name: name(limit), allowed, found });
                found.into()
            }
            Self::Machine(said) => ReadError::machine("read the file in a process of its own", io::Error::other(said)),
        }
    }
}

/// A name that lives as long as the program. Names are literals of this same program, so that few are ever kept.
fn name(text: String) -> &'static str {
    const MOST: usize = 500;
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(text.as_str()) {
        return known;
    }
    if kept.len() >= MOST {
        return "FILE_CORRUPT";
    }
    let name: &'static str = Box::leak(text.into_boxed_str());
    kept.insert(name);
    name
}

/// Writes one frame, from the parts of its content.
pub(super) fn write(out: &mut impl Write, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).map_err(io::Error::other)?;
    out.write_all(&[kind])?;
    out.write_all(&length.to_le_bytes())?;
    parts.iter().try_for_each(|part| out.write_all(part))
}

/// Reads frames one after another into a reused buffer.
pub(super) struct Frames<R> {
    source: R,
    most: usize,
    content: Vec<u8>,
}

impl<R: Read> Frames<R> {
    /// Frames of at most so many bytes.
    pub(super) fn new(source: R, most: usize) -> Self {
        Self { source, most, content: Vec::new() }
    }

    /// The next frame; none at the end, be it clean or not, and where no frame can be.
    pub(super) fn next(&mut self) -> io::Result<Option<(u8, &[u8])>> {
        let mut head = [0; 5];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > self.most {
            return Ok(None);
        }
        let mut content = std::mem::take(&mut self.content);
        content.resize(length, 0);
        let whole = self.fill(&mut content);
        self.content = content;
        Ok(whole?.then_some((head[0], &self.content)))
    }

    fn fill(&mut self, out: &mut [u8]) -> io::Result<bool> {
        match self.source.read_exact(out) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_same_on_the_other_side() {
        let mut problem = FileProblem::limit("rows", 10, 11);
        problem.sheet = Some("S".to_owned());
        problem.row = Some(11);
        problem.column = Some("C".to_owned());
        let json = serde_json::to_vec(&Failure::new(problem.clone().into())).unwrap();
        let back = serde_json::from_slice::<Failure>(&json).unwrap().into_error();
        assert_eq!(back.problem(), Some(&problem));
        let trouble = ReadError::machine("read the disk", io::Error::other("gone"));
        let back = Failure::new(trouble).into_error();
        assert!(back.is_transient());
        assert!(back.to_json().contains("cannot read the disk: gone"), "{}", back.to_json());
    }

    #[test]
    fn frames_come_out_as_they_went_in_and_nonsense_ends_them() {
        let mut bytes = Vec::new();
        write(&mut bytes, ROW, &[b"\x02\0\0\0", b"{}"]).unwrap();
        write(&mut bytes, COLUMNS, &[]).unwrap();
        let whole = bytes.len();
        write(&mut bytes, ROW, &[b"longer than ten bytes"]).unwrap();
        for end in whole..bytes.len() {
            let mut frames = Frames::new(&bytes[..end], 10);
            assert_eq!(frames.next().unwrap(), Some((ROW, &b"\x02\0\0\0{}"[..])));
            assert_eq!(frames.next().unwrap(), Some((COLUMNS, &b""[..])));
            assert_eq!(frames.next().unwrap(), None);
        }
    }
}
