//! Failed rows as csv and as records.

use anyhow::Result;
use filas_domain::ports::{Clock, ObjectReader, ObjectStream, ObjectWriter, TaskCatalogue, TaskLedger};
use filas_domain::report::{
    ADDED_COLUMNS, CODE_COLUMN, REASON_COLUMN, ROW_COLUMN, ResultFile, STAGE_COLUMN, is_added, needs_guard,
};
use serde_json::Value;

use crate::job::{Job, Verdict};
use crate::lines::Lines;
use crate::outcomes::lines_of;
use crate::table::{FailedRow, Table};

/// Says that a file is UTF-8: without it, a spreadsheet program on Windows takes it for something else.
const BYTE_ORDER_MARK: &str = "\u{feff}";

impl<L, O, C> Job<'_, L, O, C>
where
    L: TaskLedger + TaskCatalogue,
    O: ObjectReader + ObjectWriter,
    C: Clock,
{
    /// Writes the failed rows as csv or as records, from the file of failed outcomes, or says why not.
    pub(crate) async fn write_text(&self, file: ResultFile, table: &Table) -> Result<Result<(), Verdict>> {
        let mut lines = Lines::open(self.objects, self.key(ResultFile::Failed)).await?;
        let mut stream = self.objects.create(&self.key(file), file.media_type()).await?;
        match self.append_text(&mut lines, &mut stream, file, table).await {
            Ok(true) => self.complete(stream).await,
            ended => {
                // What was begun is swept up by the bucket's rule for unfinished uploads, if this fails as well.
                stream.abandon().await.ok();
                ended.map(|_| Err(Verdict::OutOfTime))
            }
        }
    }

    /// Appends every row; false when the time is up.
    async fn append_text(
        &self,
        lines: &mut Lines<'_, O>,
        stream: &mut impl ObjectStream,
        file: ResultFile,
        table: &Table,
    ) -> Result<bool> {
        let mut out = Vec::new();
        if file == ResultFile::Csv {
            csv_header(&mut out, table);
        }
        while let Some(chunk) = lines.next().await? {
            for line in lines_of(&chunk) {
                let row = FailedRow::read(line)?;
                match file {
                    ResultFile::Csv => csv_row(&mut out, table, &row),
                    _ => record(&mut out, row)?,
                }
            }
            stream.append(std::mem::take(&mut out)).await?;
            if self.is_late() {
                return Ok(false);
            }
        }
        if !out.is_empty() {
            stream.append(out).await?;
        }
        Ok(true)
    }
}

fn csv_header(out: &mut Vec<u8>, table: &Table) {
    out.extend_from_slice(BYTE_ORDER_MARK.as_bytes());
    // The names stand where the pipeline looks for them.
    for _ in 1..table.header_row {
        out.extend_from_slice(b"\r\n");
    }
    let names = table.columns.iter().flatten().map(|column| column.name.as_str()).chain(ADDED_COLUMNS);
    csv_line(out, names.map(str::to_owned));
}

fn csv_row(out: &mut Vec<u8>, table: &Table, row: &FailedRow) {
    let own = table.columns.iter().flatten().map(|column| row.record.get(&column.name).map_or_else(String::new, shown));
    let added = [row.row.to_string(), row.stage.as_str().to_owned(), row.code.clone(), row.message.clone()];
    csv_line(out, own.chain(added.map(guarded)));
}

fn csv_line(out: &mut Vec<u8>, fields: impl Iterator<Item = String>) {
    for (position, field) in fields.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        let needs_quotes =
            field.contains(['"', ',', ';', '\t', '\r', '\n', '|']) || field.starts_with(' ') || field.ends_with(' ');
        match needs_quotes {
            true => out.extend_from_slice(format!("\"{}\"", field.replace('"', "\"\"")).as_bytes()),
            false => out.extend_from_slice(field.as_bytes()),
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn guarded(text: String) -> String {
    if needs_guard(&text) { format!("'{text}") } else { text }
}

/// A cell as csv has it: text that could be taken for a formula is guarded, and no value is text that is not.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text.clone()),
        value => guarded(plain(value)),
    }
}

/// A value that is no text, as text.
pub(crate) fn plain(value: &Value) -> String {
    let error = value.as_object().filter(|cell| cell.len() == 1).and_then(|cell| cell.get("error")?.as_str());
    error.map_or_else(|| value.to_string(), str::to_owned)
}

/// A record as it was, with what was wrong: to be mended and uploaded again like any ndjson file.
fn record(out: &mut Vec<u8>, row: FailedRow) -> Result<()> {
    let mut record = row.record;
    record.retain(|name, _| !is_added(name));
    record.insert(ROW_COLUMN.into(), row.row.into());
    record.insert(STAGE_COLUMN.into(), row.stage.as_str().into());
    record.insert(CODE_COLUMN.into(), row.code.into());
    record.insert(REASON_COLUMN.into(), row.message.into());
    serde_json::to_writer(&mut *out, &record)?;
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_csv_cell_is_never_a_formula() {
        let check = |value: Value, expected: &str| {
            let mut out = Vec::new();
            csv_line(&mut out, [shown(&value), "end".to_owned()].into_iter());
            assert_eq!(String::from_utf8(out).unwrap(), format!("{expected},end\r\n"), "{value}");
        };
        check(json!("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        check(json!("+49 170"), "'+49 170");
        check(json!("@x"), "'@x");
        check(json!("-2+3"), "'-2+3");
        check(json!("\t=1"), "\"'\t=1\"");
        check(json!("-5"), "-5");
        check(json!(-5.25), "-5.25");
        check(json!(null), "");
        check(json!(true), "true");
        check(json!({"error": "#N/A"}), "#N/A");
        check(json!(["a", 1]), "\"[\"\"a\"\",1]\"");
        check(json!("00012345"), "00012345");
        check(json!("a;b"), "\"a;b\"");
        check(json!(" x"), "\" x\"");
    }
}
