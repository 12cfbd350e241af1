//! The files of a task that has ended: written without being asked for, and mended and uploaded again.
#![cfg(feature = "cloud")]

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use filas_cli::client::{FailuresFormat, Upload};
use filas_cli::progress::Silent;
use filas_domain::TaskId;
use filas_domain::batch::Selection;
use filas_domain::task::TaskState;
use filas_domain::view::TaskView;
use filas_e2e::{Stack, check_books, folder, write};
use rust_xlsxwriter::{Format, Workbook};
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// The stream tells of an end within moments. The sweeper, which makes up for it when it does not, waits for minutes.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);

/// Orders as a person keeps them: codes with zeros in front, German dates, amounts with two places, notes that look like
/// formulas. Four rows have a fault each.
fn orders(path: &Path) -> Result<()> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name("Orders")?;
    let (day, amount) = (Format::new().set_num_format("dd.mm.yyyy"), Format::new().set_num_format("#,##0.00"));
    let names = ["order_id", "sku", "customer", "quantity", "unit_price", "currency", "order_date", "express", "note"];
    for (column, name) in (0..).zip(names) {
        sheet.write_string(0, column, name)?;
    }
    for row in 1..=200_u32 {
        sheet.write_string(row, 0, format!("ORD-{row:04}"))?;
        sheet.write_string(row, 1, format!("{row:08}"))?;
        sheet.write_string(row, 2, "Zoë Müller")?;
        sheet.write_number(row, 3, row % 7 + 1)?;
        sheet.write_number_with_format(row, 4, f64::from(row) + 0.5, &amount)?;
        sheet.write_string(row, 5, "EUR")?;
        sheet.write_number_with_format(row, 6, 45_000 + row, &day)?;
        sheet.write_boolean(row, 7, row % 2 == 0)?;
        sheet.write_string(row, 8, "=SUM(A1:A9)")?;
    }
    // Rows 11, 51, 101 and 201, as the person counts them.
    sheet.write_number(10, 3, 0)?;
    sheet.write_string(50, 3, "three")?;
    sheet.write_blank(100, 1, &Format::new())?;
    sheet.write_string(200, 5, "XTS")?;
    workbook.save(path)?;
    Ok(())
}

fn read_part(workbook: &Path, name: &str) -> Result<String> {
    let mut archive = ZipArchive::new(std::fs::File::open(workbook)?)?;
    let mut text = String::new();
    archive.by_name(name)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Writes `inner` into a cell of a sheet, as a spreadsheet program does: the cell keeps its style.
fn set_cell(sheet: &mut String, cell: &str, kind: &str, inner: &str) -> Result<()> {
    let start = sheet.find(&format!("<c r=\"{cell}\"")).with_context(|| format!("there is no cell {cell}"))?;
    let tag_end = start + sheet[start..].find('>').context("a tag ends")?;
    let is_empty = sheet[..tag_end].ends_with('/');
    let end = if is_empty { tag_end + 1 } else { start + sheet[start..].find("</c>").context("a cell ends")? + 4 };
    let style = sheet[start..tag_end].split(" s=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("0");
    let mended = format!("<c r=\"{cell}\" s=\"{style}\"{kind}>{inner}</c>");
    sheet.replace_range(start..end, &mended);
    Ok(())
}

/// Mends cells of a workbook and leaves everything else as it is: the added columns, the notes, the formats.
fn mend(workbook: &Path, into: &Path, cells: &[(&str, &str, &str)]) -> Result<()> {
    const SHEET: &str = "xl/worksheets/sheet1.xml";
    let mut sheet = read_part(workbook, SHEET)?;
    for (cell, kind, inner) in cells {
        set_cell(&mut sheet, cell, kind, inner)?;
    }
    let mut archive = ZipArchive::new(std::fs::File::open(workbook)?)?;
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut part = archive.by_index(index)?;
        let name = part.name()?.into_owned();
        out.start_file(name.clone(), SimpleFileOptions::default())?;
        match name == SHEET {
            true => out.write_all(sheet.as_bytes())?,
            false => drop(std::io::copy(&mut part, &mut out)?),
        }
    }
    std::fs::write(into, out.finish()?.into_inner())?;
    Ok(())
}

/// What one GET answers, without patience.
fn status_of(stack: &Stack, path: &str) -> Result<u16> {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().new_agent();
    let request = agent.get(format!("{}{path}", stack.url)).header("authorization", format!("Bearer {}", stack.key));
    Ok(request.call()?.status().as_u16())
}

/// A file of results, by its link in the task.
fn linked(stack: &Stack, task: &TaskView, link: &str) -> Result<String> {
    let path = task.links.get(link).with_context(|| format!("the task has no link {link}"))?;
    let request = ureq::get(format!("{}{path}", stack.url)).header("authorization", format!("Bearer {}", stack.key));
    Ok(request.call()?.into_body().with_config().limit(1 << 30).read_to_string()?)
}

fn failures(stack: &Stack, id: TaskId, format: FailuresFormat, path: &Path) -> Result<()> {
    stack.client().save_failures(id, format, path, &mut Silent)?;
    Ok(())
}

#[test]
fn a_workbook_of_failed_rows_is_mended_and_uploaded_again_and_every_row_succeeds() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = folder.path().join("orders.xlsx");
    orders(&file)?;
    let task = stack.process(&Upload::new(file, "orders-check"))?;
    ensure!(task.state == TaskState::CompletedWithFailures && task.failed == 4, "{task:?}");
    let workbook = folder.path().join("failures.xlsx");
    failures(&stack, task.id, FailuresFormat::Xlsx, &workbook)?;
    // Each cell that is to blame says what it should be.
    let notes = read_part(&workbook, "xl/comments1.xml")?;
    for (cell, says) in [
        ("D2", "0 is less than the minimum of 1"),
        ("D3", "a whole number, at least 1"),
        ("B4", "sku: is required"),
        ("F5", "one of EUR, USD, GBP"),
    ] {
        let note =
            notes.split_once(&format!("ref=\"{cell}\"")).with_context(|| format!("no note on {cell}: {notes}"))?.1;
        let note = note.split("</comment>").next().unwrap_or_default();
        ensure!(note.contains(says), "{cell}: {note}");
    }
    let sheet = read_part(&workbook, "xl/worksheets/sheet1.xml")?;
    ensure!(!sheet.contains("<f>") && sheet.contains("=SUM(A1:A9)"), "text that looks like a formula is text");
    // As it is, every row fails again.
    let again = stack.process(&Upload::new(&workbook, "orders-check"))?;
    ensure!((again.total, again.failed) == (Some(4), 4), "{again:?}");
    let mended = folder.path().join("mended.xlsx");
    let text = " t=\"inlineStr\"";
    mend(
        &workbook,
        &mended,
        &[
            ("D2", "", "<v>3</v>"),
            ("D3", "", "<v>3</v>"),
            ("B4", text, "<is><t>00000100</t></is>"),
            ("F5", text, "<is><t>EUR</t></is>"),
        ],
    )?;
    let last = stack.process(&Upload::new(mended, "orders-check"))?;
    ensure!(last.state == TaskState::Completed && last.succeeded == 4, "{last:?}");
    Ok(())
}

const CSV: &str = "order_id,sku,customer,quantity,unit_price,currency,order_date\n\
                   A1,00012345,=1+1,0,1.5,EUR,2024-01-02\nA2,00012346,+49 170,2,1.5,EUR,2024-01-02\n\
                   A3,00012347,\"@x; y\",three,-1,EUR,2024-01-02\n";

#[test]
fn csv_and_records_of_failed_rows_are_mended_and_uploaded_again_and_every_row_succeeds() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = write(folder.path(), "orders.csv", CSV)?;
    let task = stack.process(&Upload::new(file, "orders-check"))?;
    ensure!((task.succeeded, task.failed) == (1, 2), "{task:?}");
    for (format, name) in [(FailuresFormat::Csv, "a.csv"), (FailuresFormat::Ndjson, "a.ndjson")] {
        let path = folder.path().join(name);
        failures(&stack, task.id, format, &path)?;
        let text = std::fs::read_to_string(&path)?;
        if format == FailuresFormat::Csv {
            ensure!(text.contains("'=1+1") && text.contains("\"'@x; y\"") && text.contains("filas_reason"), "{text}");
            ensure!(text.contains(",three,-1,"), "a negative number is no formula: {text}");
            std::fs::write(&path, text.replace(",0,1.5", ",1,1.5").replace(",three,-1,", ",3,1,"))?;
        } else {
            let text = text.replace("\"quantity\":\"0\"", "\"quantity\":1").replace("\"three\"", "3");
            std::fs::write(&path, text.replace("\"-1\"", "1"))?;
        }
        let again = stack.process(&Upload::new(&path, "orders-check"))?;
        ensure!(again.state == TaskState::Completed && again.succeeded == 2, "{name}: {again:?}");
    }
    Ok(())
}

#[test]
fn files_are_written_without_being_asked_for_and_again_after_a_redrive() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = write(folder.path(), "orders.csv", CSV)?;
    let task = stack.process(&Upload::new(file, "orders-check"))?;
    let begun = Instant::now();
    // The last file that is written. One look at a time, and each may wait for a moment by itself.
    while status_of(&stack, &format!("/v1/tasks/{}/failures", task.id))? != 303 {
        ensure!(begun.elapsed() < WRITTEN_WITHIN, "the stream told nobody of the end");
    }
    check_books(&stack, &task)?;
    for (link, lines) in [("results", 3), ("succeeded", 1), ("failed", 2), ("failures", 0)] {
        let text = if link == "failures" { continue } else { linked(&stack, &task, link)? };
        assert_eq!(text.lines().count(), lines, "{link}");
    }
    let failed = linked(&stack, &task, "failed")?;
    let first: Value = serde_json::from_str(failed.lines().next().context("a line")?)?;
    assert_eq!(first["record"]["customer"], "=1+1");
    ensure!(!task.links.contains_key("unprocessed"), "{task:?}");
    // The rows fail again; the files are those of the new end.
    stack.client().redrive(task.id, &Selection::Failed { code: None })?;
    let again = stack.wait(task.id)?;
    ensure!(again.finished != task.finished && again.failed == 2, "{again:?}");
    check_books(&stack, &again)?;
    failures(&stack, task.id, FailuresFormat::Xlsx, &folder.path().join("again.xlsx"))?;
    Ok(())
}

#[test]
fn a_cancelled_task_has_files_too() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let rows: String = (0..400).map(|row| format!("{row},200,{}\n", row % 10 == 0)).collect();
    let file = write(folder.path(), "slow.csv", format!("id,cost,fail\n{rows}"))?;
    let mut upload = Upload::new(file, "simulate");
    upload.batch_size = Some(20);
    let client = stack.client();
    let task = client.upload(&upload, &mut Silent)?;
    let begun = Instant::now();
    while client.task(task.id)?.failed == 0 {
        ensure!(begun.elapsed() < filas_e2e::PATIENCE, "no batch is done");
        std::thread::sleep(Duration::from_millis(100));
    }
    client.cancel(task.id)?;
    let task = stack.wait(task.id)?;
    ensure!(task.state == TaskState::Cancelled && task.unprocessed > 0 && task.failed > 0, "{task:?}");
    check_books(&stack, &task)?;
    let unprocessed = linked(&stack, &task, "unprocessed")?;
    assert_eq!(unprocessed.lines().count() as u64, task.unprocessed);
    let path = folder.path().join("failures.csv");
    failures(&stack, task.id, FailuresFormat::Csv, &path)?;
    assert_eq!(std::fs::read_to_string(&path)?.lines().count() as u64, task.failed + 1);
    Ok(())
}
