//! Failed rows as a workbook: the person's own columns and formats, then what was wrong, and on each cell that is to blame
//! a note of what it should be.
//!
//! The cells go to a temporary file while they come, so memory does not grow with the rows; the notes are kept in memory,
//! which is why there is a most of them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use filas_domain::ports::{Clock, ObjectReader, ObjectStream, ObjectWriter, TaskCatalogue, TaskLedger};
use filas_domain::report::{ADDED_COLUMNS, ResultFile};
use filas_domain::task::Task;
use rust_xlsxwriter::{Color, DocProperties, ExcelDateTime, Format, FormatAlign, Note, Workbook, Worksheet, XlsxError};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use crate::cells::{Cell, LONGEST_TEXT, TEXT_FORMAT, cell};
use crate::job::{Job, Verdict};
use crate::lines::Lines;
use crate::outcomes::lines_of;
use crate::table::{Column, FailedRow, Table};

/// Rows of a sheet, the names included.
const SHEET_ROWS: u32 = 1_048_576;

/// Cells that get a note. A spreadsheet program draws each as a shape of its own and gets slow with more; the reason
/// stands in every row anyway.
const NOTES: usize = 20_000;

/// The most characters of a note.
const NOTE_CHARACTERS: usize = 1_000;

/// The most bytes of a sheet before it is compressed: what the function's temporary space holds.
const SHEET_BYTES: u64 = 2_500 * 1024 * 1024;

/// About what a cell takes besides its text.
const CELL_BYTES: u64 = 48;

/// Chunks of lines that may wait for the one who writes.
const CHUNKS_WAITING: usize = 2;

/// Bytes that go to the store in one go.
const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// Kept back for compressing the sheet and storing the workbook: the largest takes about half of it.
const TIME_TO_SAVE: Duration = Duration::from_secs(90);

/// Less time than this is not worth beginning with.
const TIME_TO_BEGIN: Duration = Duration::from_secs(120);

/// What the workbook says of itself.
struct About {
    sheet: String,
    title: String,
    created: ExcelDateTime,
}

impl<L, O, C> Job<'_, L, O, C>
where
    L: TaskLedger + TaskCatalogue,
    O: ObjectReader + ObjectWriter,
    C: Clock,
{
    /// Writes the workbook and says how many rows it has, or why it is not written. It ends early when it would be larger
    /// than a workbook can be, or than there is time for in a whole invocation.
    pub(crate) async fn write_workbook(&self, task: &Task, table: &Table) -> Result<Result<u64, Verdict>> {
        let left = self.time_left();
        if left < self.at_most(TIME_TO_BEGIN, 50) {
            return Ok(Err(Verdict::OutOfTime));
        }
        let until = Instant::now() + left.saturating_sub(self.at_most(TIME_TO_SAVE, 30));
        let about = About::of(task)?;
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
        let path = tempfile::NamedTempFile::new().context("make a temporary file")?.into_temp_path();
        let (target, columns) = (path.to_path_buf(), table.clone());
        let writer = tokio::task::spawn_blocking(move || write(&target, &columns, &about, chunks, until));
        let mut lines = Lines::open(self.objects, self.key(ResultFile::Failed)).await?;
        while let Some(chunk) = lines.next().await? {
            // The writer has had enough, or is in trouble: it says so itself.
            if sender.send(chunk).await.is_err() {
                break;
            }
        }
        drop(sender);
        let rows = writer.await.context("write the workbook")??;
        Ok(self.store_file(&path).await?.map(|()| rows))
    }

    async fn store_file(&self, path: &Path) -> Result<Result<(), Verdict>> {
        let file = ResultFile::Workbook;
        let mut stream = self.objects.create(&self.key(file), file.media_type()).await?;
        match copy(path, &mut stream).await {
            Ok(()) => self.complete(stream).await,
            Err(error) => {
                // What was begun is swept up by the bucket's rule for unfinished uploads, if this fails as well.
                stream.abandon().await.ok();
                Err(error)
            }
        }
    }
}

async fn copy(path: &Path, stream: &mut impl ObjectStream) -> Result<()> {
    let mut file = File::open(path).await.context("open the workbook")?;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).await.context("read the workbook")?;
        if read == 0 {
            return Ok(());
        }
        stream.append(piece).await?;
    }
}

impl About {
    fn of(task: &Task) -> Result<Self> {
        let order = &task.head.order;
        // A sheet that was asked for by name is found under that name when the workbook is uploaded again.
        let named = order.sheet.clone().filter(|name| name.parse::<u32>().is_err());
        let filename = order.filename.as_deref().unwrap_or("the upload");
        let finished = task.head.finished.unwrap_or(task.head.updated);
        Ok(Self {
            sheet: named.unwrap_or_else(|| "Failed rows".to_owned()),
            title: format!("Failed rows of {filename}"),
            // Not the present moment: the same workbook twice is the same bytes twice.
            created: ExcelDateTime::from_timestamp(i64::try_from(finished.as_secs())?)?,
        })
    }
}

/// The formats of one column: as it is, and for text that must stay text; each also for a cell that is to blame.
struct Formats {
    column: Option<Format>,
    text: Format,
    marked: Format,
    marked_text: Format,
}

/// A sheet under way.
struct Sheet<'a> {
    sheet: &'a mut Worksheet,
    table: &'a Table,
    columns: &'a [Column],
    formats: Vec<Formats>,
    wrapped: Format,
    next_row: u32,
    notes: usize,
    bytes: u64,
}

/// Writes the rows of all chunks, as many as fit, and says how many.
fn write(
    path: &Path,
    table: &Table,
    about: &About,
    mut chunks: mpsc::Receiver<Vec<u8>>,
    until: Instant,
) -> Result<u64> {
    let mut workbook = Workbook::new();
    let properties = DocProperties::new().set_title(&about.title).set_author("Filas");
    workbook.set_properties(&properties.set_creation_datetime(&about.created));
    let columns = table.columns.as_deref().unwrap_or_default();
    let mut sheet = Sheet::begin(workbook.add_worksheet_with_constant_memory()?, table, columns)?;
    // A name that a sheet cannot have is one that it did not have.
    if sheet.sheet.set_name(&about.sheet).is_err() {
        sheet.sheet.set_name("Failed rows")?;
    }
    let first_row = sheet.next_row;
    'all: while let Some(chunk) = chunks.blocking_recv() {
        for line in lines_of(&chunk) {
            if sheet.is_full() || Instant::now() > until {
                break 'all;
            }
            sheet.row(&FailedRow::read(line)?)?;
        }
    }
    let rows = u64::from(sheet.next_row - first_row);
    workbook.save(path).context("save the workbook")?;
    Ok(rows)
}

impl<'a> Sheet<'a> {
    /// The sheet with its names, which stand where the pipeline looks for them.
    fn begin(sheet: &'a mut Worksheet, table: &'a Table, columns: &'a [Column]) -> Result<Self> {
        let header_row = table.header_row - 1;
        let (own, added) =
            (Format::new().set_bold(), Format::new().set_bold().set_background_color(Color::RGB(0x00DD_E7F3)));
        let mut formats = Vec::with_capacity(columns.len());
        for (position, column) in (0..).zip(columns) {
            let of_column = column.format.as_deref().map(|format| Format::new().set_num_format(format));
            if let Some(format) = &of_column {
                sheet.set_column_format(position, format)?;
            }
            formats.push(Formats {
                column: of_column,
                text: Format::new().set_num_format(TEXT_FORMAT),
                marked: marked(column.format.as_deref()),
                marked_text: marked(Some(TEXT_FORMAT)),
            });
            sheet.set_column_width(position, width(&column.name))?;
            sheet.write_string_with_format(header_row, position, cut(&column.name).0, &own)?;
        }
        let after = u16::try_from(columns.len())?;
        for (position, name) in (after..).zip(ADDED_COLUMNS) {
            sheet.set_column_width(position, if position == after + 3 { 60.0 } else { width(name) })?;
            sheet.write_string_with_format(header_row, position, name, &added)?;
        }
        sheet.set_freeze_panes(table.header_row, 0)?;
        let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
        Ok(Self { sheet, table, columns, formats, wrapped, next_row: table.header_row, notes: 0, bytes: 0 })
    }

    fn is_full(&self) -> bool {
        self.next_row >= SHEET_ROWS || self.bytes > SHEET_BYTES
    }

    fn row(&mut self, row: &FailedRow) -> Result<()> {
        let blamed = self.table.blamed(row);
        let mut reason = row.message.clone();
        for (at, (position, column)) in (0_u16..).zip(self.columns).enumerate() {
            let is_blamed = blamed.iter().any(|(blamed, _)| *blamed == at);
            let value = row.record.get(&column.name).unwrap_or(&serde_json::Value::Null);
            let cell = cell(value, column, self.table.source);
            if let Cell::Text(text, _) = &cell
                && cut(text).1
            {
                reason.push_str(&format!("; {}: cut, a workbook has no longer cells; take the csv file", column.name));
            }
            self.cell(position, &cell, is_blamed)?;
        }
        for (at, text) in blamed {
            if self.notes < NOTES {
                self.notes += 1;
                let text: String = text.chars().take(NOTE_CHARACTERS).collect();
                let note = Note::new(text).add_author_prefix(false).set_author("Filas").set_width(260).set_height(90);
                self.sheet.insert_note(self.next_row, u16::try_from(at)?, &note)?;
            }
        }
        let after = u16::try_from(self.columns.len())?;
        self.sheet.write_number(self.next_row, after, row.row)?;
        self.sheet.write_string(self.next_row, after + 1, row.stage.as_str())?;
        self.sheet.write_string(self.next_row, after + 2, cut(&row.code).0)?;
        self.sheet.write_string_with_format(self.next_row, after + 3, cut(&reason).0, &self.wrapped)?;
        self.bytes += 4 * CELL_BYTES + reason.len() as u64;
        self.next_row += 1;
        Ok(())
    }

    fn cell(&mut self, column: u16, cell: &Cell, is_blamed: bool) -> Result<(), XlsxError> {
        let formats = &self.formats[usize::from(column)];
        let own = if is_blamed { Some(&formats.marked) } else { formats.column.as_ref() };
        let special = |format: Option<&str>| match is_blamed {
            true => marked(format),
            false => format.map_or_else(Format::new, |format| Format::new().set_num_format(format)),
        };
        let (row, sheet) = (self.next_row, &mut *self.sheet);
        self.bytes += CELL_BYTES;
        let is_own = |format: Option<&str>| format == self.columns[usize::from(column)].format.as_deref();
        match (cell, own) {
            (Cell::Empty, Some(format)) if is_blamed => sheet.write_blank(row, column, format)?,
            (Cell::Empty, _) => return Ok(()),
            (Cell::Bool(truth), Some(format)) => sheet.write_boolean_with_format(row, column, *truth, format)?,
            (Cell::Bool(truth), None) => sheet.write_boolean(row, column, *truth)?,
            (Cell::Number(number, format), Some(own)) if is_own(format.as_deref()) => {
                sheet.write_number_with_format(row, column, *number, own)?
            }
            (Cell::Number(number, None), None) => sheet.write_number(row, column, *number)?,
            (Cell::Number(number, format), _) => {
                sheet.write_number_with_format(row, column, *number, &special(format.as_deref()))?
            }
            (Cell::Text(text, format), own) => {
                let text = cut(text).0;
                self.bytes += text.len() as u64;
                match (format, own) {
                    (Some(_), _) => {
                        let format = if is_blamed { &formats.marked_text } else { &formats.text };
                        sheet.write_string_with_format(row, column, text, format)?
                    }
                    (None, Some(own)) => sheet.write_string_with_format(row, column, text, own)?,
                    (None, None) => sheet.write_string(row, column, text)?,
                }
            }
        };
        Ok(())
    }
}

/// A cell that is to blame.
fn marked(format: Option<&str>) -> Format {
    let marked = Format::new().set_background_color(Color::RGB(0x00FF_D9D9));
    format.map_or(marked.clone(), |format| marked.set_num_format(format))
}

fn width(name: &str) -> f64 {
    let characters = u32::try_from(name.chars().count()).unwrap_or(u32::MAX);
    f64::from(characters.clamp(8, 38) + 2)
}

/// As much of a text as a cell holds, and whether that is not all. A workbook counts in UTF-16.
fn cut(text: &str) -> (&str, bool) {
    if text.len() <= LONGEST_TEXT {
        return (text, false);
    }
    let mut units = 0;
    for (at, letter) in text.char_indices() {
        units += letter.len_utf16();
        if units > LONGEST_TEXT {
            return (&text[..at], true);
        }
    }
    (text, false)
}
