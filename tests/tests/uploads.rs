//! Files in, outcomes out, on the stack as a person would deploy it.
#![cfg(feature = "cloud")]

use anyhow::{Result, ensure};
use filas_cli::client::Upload;
use filas_cli::progress::Silent;
use filas_domain::limits::DIRECT_UPLOAD_BYTES;
use filas_domain::outcome::OutcomeLine;
use filas_domain::task::TaskState;
use filas_e2e::{Stack, check_books, folder, write};
use filas_testkit::workbooks::{self, OrdersTruth};
use rust_xlsxwriter::{Format, Workbook};

const ORDERS: &str = "order_id,sku,customer,quantity,unit_price,currency,order_date\n";

#[test]
fn a_small_csv_goes_through_with_a_reason_for_the_bad_row() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let rows = "A1,00012345,José,3,1.5,EUR,2024-01-02\nA2,00012346,Zoë,0,1.5,EUR,2024-01-02\nA3,1\n";
    let file = write(folder.path(), "small.csv", format!("{ORDERS}{rows}"))?;
    let task = stack.process(&Upload::new(file, "orders-check"))?;
    ensure!(task.state == TaskState::CompletedWithFailures, "{task:?}");
    let outcomes = check_books(&stack, &task)?;
    let OutcomeLine::Failed { row, failure } = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!((row.get(), failure.code.as_str()), (3, "INVALID_ROW"));
    assert!(failure.message.starts_with("quantity: "), "{}", failure.message);
    let OutcomeLine::Failed { row, failure } = &outcomes[2] else { panic!("{outcomes:?}") };
    assert_eq!((row.get(), failure.code.as_str()), (4, "RAGGED_ROW"));
    Ok(())
}

fn check_orders(stack: &Stack, upload: &Upload, truth: &OrdersTruth) -> Result<()> {
    let task = stack.process(upload)?;
    ensure!(task.state == TaskState::CompletedWithFailures, "{task:?}");
    let outcomes = check_books(stack, &task)?;
    let failed: Vec<u32> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            OutcomeLine::Failed { row, .. } => Some(row.get()),
            _ => None,
        })
        .collect();
    assert_eq!(failed, truth.bad_row_numbers);
    assert_eq!(outcomes.len(), truth.rows as usize);
    assert_eq!(task.attempts, u64::from(task.batches.total.unwrap_or_default()), "no batch was delivered twice");
    Ok(())
}

#[test]
fn a_workbook_of_100_000_rows_goes_through_by_presigned_upload() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = folder.path().join("orders.xlsx");
    let truth = workbooks::orders(&file, 100_000, 7)?;
    ensure!(file.metadata()?.len() > DIRECT_UPLOAD_BYTES, "small enough for the direct way");
    check_orders(&stack, &Upload::new(file, "orders-check"), &truth)
}

/// 100,000 orders in the seven columns that are required, few enough bytes for the direct way.
fn plain_orders(path: &std::path::Path) -> Result<OrdersTruth> {
    let mut workbook = Workbook::new();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = workbook.add_worksheet_with_low_memory()?;
    for (column, name) in (0..).zip(ORDERS.trim().split(',')) {
        sheet.write_string(0, column, name)?;
    }
    let mut truth = OrdersTruth { rows: 100_000, ..OrdersTruth::default() };
    for row in 1..=truth.rows {
        let is_bad = row % 1000 == 0;
        sheet.write_number(row, 0, row)?;
        sheet.write_string(row, 1, "00012345")?;
        sheet.write_string(row, 2, "Zoë")?;
        sheet.write_number(row, 3, if is_bad { 0 } else { 2 })?;
        sheet.write_number(row, 4, 1.25)?;
        sheet.write_string(row, 5, "EUR")?;
        sheet.write_number_with_format(row, 6, 45_000, &day)?;
        if is_bad {
            truth.bad_rows += 1;
            truth.bad_row_numbers.push(row + 1);
        }
    }
    workbook.save(path)?;
    Ok(truth)
}

#[test]
fn a_workbook_of_100_000_rows_goes_through_by_direct_upload() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = folder.path().join("plain.xlsx");
    let truth = plain_orders(&file)?;
    ensure!(file.metadata()?.len() <= DIRECT_UPLOAD_BYTES, "too large for the direct way");
    check_orders(&stack, &Upload::new(file, "orders-check"), &truth)
}

#[test]
fn every_text_format_gives_the_same_outcomes() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let record = r#"{"order_id":"A1","sku":"00012345","customer":"José","quantity":3,"unit_price":1.5,"currency":"EUR","order_date":"2024-01-02"}"#;
    let bad = record.replace("EUR", "XYZ").replace("A1", "A2");
    let row = "A1,00012345,José,3,1.5,EUR,2024-01-02\n";
    let csv = format!("{ORDERS}{row}{}", row.replace("EUR", "XYZ").replace("A1", "A2"));
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(csv.encode_utf16()).flat_map(|unit: u16| unit.to_le_bytes()).collect();
    for (name, bytes) in [
        ("a.csv", csv.clone().into_bytes()),
        ("utf16.csv", utf16),
        ("a.tsv", csv.replace(',', "\t").into_bytes()),
        ("a.ndjson", format!("{record}\n{bad}\n").into_bytes()),
        ("a.json", format!("[{record},\n {bad}]").into_bytes()),
    ] {
        let task = stack.process(&Upload::new(write(folder.path(), name, bytes)?, "orders-check"))?;
        assert_eq!((task.total, task.succeeded, task.failed), (Some(2), 1, 1), "{name}: {task:?}");
        check_books(&stack, &task)?;
    }
    Ok(())
}

#[test]
fn a_file_that_cannot_be_read_ends_its_task_with_a_reason() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let client = stack.client();
    let mut tasks = Vec::new();
    for (number, broken) in (0..).zip(workbooks::broken::all()) {
        let subfolder = folder.path().join(format!("{number}"));
        std::fs::create_dir(&subfolder)?;
        let file = write(&subfolder, broken.filename, &broken.bytes)?;
        tasks.push((client.upload(&Upload::new(file, "orders-check"), &mut Silent)?.id, broken));
    }
    for (id, broken) in tasks {
        let task = stack.wait(id)?;
        match broken.code {
            None => {
                assert_eq!((task.state, task.total), (TaskState::Completed, Some(0)), "{}: {task:?}", broken.what);
                assert!(stack.outcomes(id)?.is_empty());
            }
            Some(code) => {
                assert_eq!(task.state, TaskState::Failed, "{}: {task:?}", broken.what);
                let reason = task.reason.expect("a failed task has a reason");
                assert_eq!(reason.code, code, "{}: {}", broken.what, reason.message);
                assert!(reason.message.len() > 20, "{}: {}", broken.what, reason.message);
            }
        }
    }
    Ok(())
}

#[test]
fn rows_are_delivered_to_the_partner_once_each() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let rows: String = (0..2_000).map(|row| format!("{row:08},{}.50\n", row % 90)).collect();
    let file = write(folder.path(), "prices.csv", format!("sku,price\n{rows}"))?;
    let mut upload = Upload::new(file, "prices");
    upload.batch_size = Some(100);
    let task = stack.process(&upload)?;
    ensure!(task.state == TaskState::Completed && task.succeeded == 2_000, "{task:?}");
    check_books(&stack, &task)?;
    let journal = stack.journal(task.id)?;
    assert_eq!(journal.len(), 2_000);
    assert!(journal.iter().all(|entry| entry.effects == 1));
    Ok(())
}
