//! What a file is, by its content first and its name second, and whether the two agree.

use std::fmt;
use std::fs::File;
use std::rc::Rc;

use memchr::memmem;
use serde::Serialize;

use crate::archive::Archive;
use crate::error::{FileProblem, ReadError};
use crate::limits::Budget;
use crate::ole::{self, Ole};
use crate::options::SourceHint;
use crate::source::read_at;
use crate::xlsx::package;

const SNIFFED_BYTES: usize = 8 << 10;

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Office Open XML workbook; `.xlsm` too.
    Xlsx,
    /// Excel's binary workbook.
    Xlsb,
    /// Workbook of Excel 97 to 2003.
    Xls,
    /// OpenDocument spreadsheet.
    Ods,
    /// Text with a delimiter.
    Csv,
    /// Text with tabs.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// A JSON array of objects.
    JsonArray,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Xlsx => "xlsx",
            Self::Xlsb => "xlsb",
            Self::Xls => "xls",
            Self::Ods => "ods",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Ndjson => "ndjson",
            Self::JsonArray => "JSON array",
        })
    }
}

/// A file that was recognised, opened as far as that took.
pub(crate) enum Detected<'a> {
    Text(Format),
    Spreadsheet(Spreadsheet<'a>),
}

/// The formats with sheets.
pub(crate) enum Spreadsheet<'a> {
    Xlsx(Archive<'a>),
    Xlsb(Archive<'a>),
    Ods(Archive<'a>),
    Xls,
}

impl Detected<'_> {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Text(format) => *format,
            Self::Spreadsheet(Spreadsheet::Xlsx(_)) => Format::Xlsx,
            Self::Spreadsheet(Spreadsheet::Xlsb(_)) => Format::Xlsb,
            Self::Spreadsheet(Spreadsheet::Ods(_)) => Format::Ods,
            Self::Spreadsheet(Spreadsheet::Xls) => Format::Xls,
        }
    }
}

/// What the first bytes say.
enum Content {
    Zip,
    Ole,
    Text {
        opener: Option<u8>,
    },
    /// A known format that is none of ours, by the name a person knows.
    Foreign(&'static str),
    Unknown,
}

/// Finds out what the file is and holds it against its name.
pub(crate) fn detect<'a>(file: &'a File, hint: &SourceHint, budget: &Rc<Budget>) -> Result<Detected<'a>, ReadError> {
    let mut start = vec![0; SNIFFED_BYTES];
    let filled = read_at(file, 0, &mut start)?;
    start.truncate(filled);
    if start.is_empty() {
        return Err(FileProblem::empty("the file has no bytes").into());
    }
    let named = Named::from_hint(hint);
    match sniff(&start) {
        Content::Zip => detect_zip(file, &named, budget),
        Content::Ole => detect_ole(file, &named),
        Content::Text { opener } => detect_text(&named, opener),
        Content::Foreign(what) => Err(mismatch_or_unknown(&named, what)),
        Content::Unknown => match named.format {
            Some(format) => Err(FileProblem::corrupt(format!("its content is not {}", shown_format(format))).into()),
            None => Err(unknown("of a kind that is not known")),
        },
    }
}

/// What the name, or else the media type, says.
struct Named {
    format: Option<Format>,
    shown: String,
}

impl Named {
    fn from_hint(hint: &SourceHint) -> Self {
        let extension = hint.filename.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, end)| end.trim());
        if let Some(format) = extension.and_then(format_of_extension) {
            let shown = format!("named .{}", extension.unwrap_or_default().to_ascii_lowercase());
            return Self { format: Some(format), shown };
        }
        let media_type = hint.media_type.as_deref().unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Self { format: format_of_media_type(&essence), shown: format!("sent as {essence}") }
    }
}

fn format_of_extension(extension: &str) -> Option<Format> {
    Some(match extension.to_ascii_lowercase().as_str() {
        "xlsx" | "xlsm" | "xltx" | "xltm" => Format::Xlsx,
        "xlsb" => Format::Xlsb,
        "xls" | "xlt" => Format::Xls,
        "ods" | "ots" => Format::Ods,
        "csv" => Format::Csv,
        "tsv" | "tab" => Format::Tsv,
        "ndjson" | "jsonl" => Format::Ndjson,
        "json" => Format::JsonArray,
        _ => return None,
    })
}

fn format_of_media_type(essence: &str) -> Option<Format> {
    Some(match essence {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        | "application/vnd.ms-excel.sheet.macroenabled.12" => Format::Xlsx,
        "application/vnd.ms-excel.sheet.binary.macroenabled.12" => Format::Xlsb,
        "application/vnd.oasis.opendocument.spreadsheet" => Format::Ods,
        "text/csv" => Format::Csv,
        "text/tab-separated-values" => Format::Tsv,
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Format::Ndjson,
        "application/json" => Format::JsonArray,
        // `application/vnd.ms-excel` is sent for csv files too, by browsers on computers with Excel: it says nothing.
        _ => return None,
    })
}

fn sniff(start: &[u8]) -> Content {
    const FOREIGN: &[(&[u8], &str)] = &[
        (b"%PDF-", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"BZh", "a bzip2 archive"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
        (b"PAR1", "a Parquet file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"{\\rtf", "a rich text document"),
        (b"\x09\x00\x04\x00", "a workbook of Excel 2"),
        (b"\x09\x02\x06\x00", "a workbook of Excel 3"),
        (b"\x09\x04\x06\x00", "a workbook of Excel 4"),
    ];
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Content::Zip;
    }
    if start.starts_with(&ole::MAGIC) {
        return Content::Ole;
    }
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Content::Foreign(what);
    }
    sniff_text(start)
}

fn sniff_text(start: &[u8]) -> Content {
    let is_wide = crate::text::encoding::looks_wide(start);
    let text: Vec<u8> = if is_wide {
        start.iter().copied().filter(|byte| *byte != 0).collect()
    } else {
        start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).to_vec()
    };
    let strange =
        text.iter().filter(|byte| **byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r' | 12 | 26 | 27)).count();
    if !is_wide && (text.contains(&0) || strange * 20 > text.len()) {
        return Content::Unknown;
    }
    let visible = text.trim_ascii_start();
    let lower = visible[..visible.len().min(1024)].to_ascii_lowercase();
    if [b"<!doctype html".as_slice(), b"<html", b"<table", b"<head", b"<body"].iter().any(|tag| lower.starts_with(tag))
    {
        return Content::Foreign("a web page (HTML)");
    }
    if lower.starts_with(b"<?xml") {
        let old_excel = memmem::find(&lower, b"urn:schemas-microsoft-com:office:spreadsheet").is_some();
        let is_html = memmem::find(&lower, b"<html").is_some();
        return Content::Foreign(match (old_excel, is_html) {
            (true, _) => "an XML spreadsheet of Excel 2003",
            (false, true) => "a web page (HTML)",
            (false, false) => "an XML document",
        });
    }
    Content::Text { opener: visible.first().copied() }
}

fn detect_text<'a>(named: &Named, opener: Option<u8>) -> Result<Detected<'a>, ReadError> {
    use Format::{Csv, JsonArray, Ndjson, Tsv};
    let by_content = match opener {
        Some(b'[') => JsonArray,
        Some(b'{') => Ndjson,
        _ => Csv,
    };
    match named.format {
        None => Ok(Detected::Text(by_content)),
        Some(format @ (Csv | Tsv | Ndjson | JsonArray)) => Ok(Detected::Text(format)),
        Some(_) if opener.is_none() => Err(FileProblem::empty("the file holds only blanks").into()),
        Some(_) => Err(mismatch(
            named,
            match by_content {
                JsonArray => "a JSON array",
                Ndjson => "JSON objects",
                _ => "plain text (csv)",
            },
        )),
    }
}

fn detect_ole<'a>(file: &'a File, named: &Named) -> Result<Detected<'a>, ReadError> {
    let container = Ole::open(file)?;
    if container.stream("EncryptedPackage").is_some() {
        return Err(FileProblem::encrypted().into());
    }
    if container.stream("Workbook").is_none() && container.stream("Book").is_none() {
        let what = if container.stream("WordDocument").is_some() {
            "a Word document"
        } else {
            "an OLE2 container without a workbook"
        };
        return Err(mismatch_or_unknown(named, what));
    }
    match named.format {
        None | Some(Format::Xls) => Ok(Detected::Spreadsheet(Spreadsheet::Xls)),
        Some(_) => Err(mismatch(named, "a workbook of Excel 97 to 2003 (xls)")),
    }
}

fn detect_zip<'a>(file: &'a File, named: &Named, budget: &Rc<Budget>) -> Result<Detected<'a>, ReadError> {
    use Format::{Ods, Xlsb, Xlsx};
    if named.format.is_some_and(|format| !matches!(format, Xlsx | Xlsb | Ods)) {
        let what = match Archive::open(file, Rc::clone(budget)).and_then(|archive| kind_of_zip(&archive)) {
            Ok(ZipKind::Readable(format)) => shown_format(format),
            Ok(ZipKind::Foreign(what)) => what,
            Err(error) if error.is_transient() => return Err(error),
            // What exactly a damaged container is does not matter: it is not what its name says.
            Err(_) => "a zip container",
        };
        return Err(mismatch(named, what));
    }
    let archive = Archive::open(file, Rc::clone(budget))?;
    let format = match kind_of_zip(&archive)? {
        ZipKind::Readable(format) => format,
        ZipKind::Foreign(what) => return Err(mismatch_or_unknown(named, what)),
    };
    if named.format.is_some_and(|said| said != format) {
        return Err(mismatch(named, shown_format(format)));
    }
    Ok(Detected::Spreadsheet(match format {
        Xlsb => Spreadsheet::Xlsb(archive),
        Ods => Spreadsheet::Ods(archive),
        _ => Spreadsheet::Xlsx(archive),
    }))
}

enum ZipKind {
    Readable(Format),
    Foreign(&'static str),
}

fn kind_of_zip(archive: &Archive<'_>) -> Result<ZipKind, ReadError> {
    const MIMETYPE_BYTES: u64 = 1024;
    if archive.contains("mimetype") && archive.contains("content.xml") {
        let mimetype = archive.small_part("mimetype", MIMETYPE_BYTES)?;
        let is_sheet = memmem::find(&mimetype, b"opendocument.spreadsheet").is_some();
        return Ok(if is_sheet {
            ZipKind::Readable(Format::Ods)
        } else {
            ZipKind::Foreign("an OpenDocument file that is no spreadsheet")
        });
    }
    if let Some(main) = package::main_part(archive)? {
        let lower = main.to_ascii_lowercase();
        return Ok(match lower.as_str() {
            part if part.ends_with(".bin") => ZipKind::Readable(Format::Xlsb),
            part if part.starts_with("word/") => ZipKind::Foreign("a Word document"),
            part if part.starts_with("ppt/") => ZipKind::Foreign("a PowerPoint presentation"),
            _ => ZipKind::Readable(Format::Xlsx),
        });
    }
    let is_numbers = archive.contains("Index/Document.iwa") || archive.contains("Index.zip");
    Ok(ZipKind::Foreign(if is_numbers { "an Apple iWork document" } else { "a zip archive" }))
}

fn shown_format(format: Format) -> &'static str {
    match format {
        Format::Xlsx => "an Excel workbook (xlsx)",
        Format::Xlsb => "a binary Excel workbook (xlsb)",
        Format::Xls => "a workbook of Excel 97 to 2003 (xls)",
        Format::Ods => "an OpenDocument spreadsheet (ods)",
        Format::Csv => "csv text",
        Format::Tsv => "text with tabs",
        Format::Ndjson => "JSON lines",
        Format::JsonArray => "a JSON array",
    }
}

fn mismatch_or_unknown(named: &Named, what: &str) -> ReadError {
    match named.format {
        Some(_) => mismatch(named, what),
        None => unknown(what),
    }
}

fn mismatch(named: &Named, what: &str) -> ReadError {
    let message =
        format!("the file is {} but it is {what}; upload the right file, or give it the ending that fits", named.shown);
    FileProblem::new("FORMAT_MISMATCH", message).into()
}

fn unknown(what: &str) -> ReadError {
    let message = format!("the file is {what}; upload xlsx, xlsb, xls, ods, csv, tsv, ndjson or a JSON array");
    FileProblem::new("FORMAT_UNKNOWN", message).into()
}
