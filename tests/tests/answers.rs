//! What became of every row: rows, receipts, records, and tasks that go, on the deployed stack.
#![cfg(feature = "cloud")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use filas_cli::client::{Client, Upload};
use filas_cli::progress::Silent;
use filas_domain::fate::RowState;
use filas_domain::ids::RowNumber;
use filas_domain::view::{ReceiptView, RowInFull};
use filas_domain::{Receipt, TaskId};
use filas_e2e::{PATIENCE, Stack, check_books, folder, write};

const ORDERS: &str = "order_id,sku,customer,quantity,unit_price,currency,order_date\n";

#[test]
fn rows_of_a_large_task_are_found_by_number_and_by_code() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let client = stack.client();
    let row = |row: u32| format!("A-{row},00012345,Zoë,{},1.25,EUR,2024-01-02\n", u32::from(!row.is_multiple_of(500)));
    let file = write(folder.path(), "orders.csv", format!("{ORDERS}{}", (2..=60_001).map(row).collect::<String>()))?;
    let task = stack.process(&Upload::new(file, "orders-check"))?;
    assert_eq!((task.total, task.failed), (Some(60_000), 120));

    let failed = client.rows(task.id, Some("failed"), Some("INVALID_ROW"), u32::MAX)?;
    let expected: Vec<u32> = (1..=120).map(|number| number * 500).collect();
    assert_eq!(failed.iter().map(|row| row.row.get()).collect::<Vec<_>>(), expected);
    assert!(client.rows(task.id, Some("failed"), Some("HTTP_422"), u32::MAX)?.is_empty());
    assert_eq!(client.rows(task.id, Some("succeeded"), None, 1234)?.len(), 1234);

    for (number, state) in [(2, RowState::Succeeded), (31_000, RowState::Failed), (60_001, RowState::Succeeded)] {
        let begun = Instant::now();
        let found = client.row(task.id, RowNumber::new(number))?;
        ensure!(begun.elapsed() < Duration::from_secs(5), "row {number} took {:?}", begun.elapsed());
        assert_eq!((found.row.row.get(), found.row.state), (number, state));
        let record = found.record.context("the row has cells")?;
        assert!(record.get().contains(&format!("\"A-{number}\"")), "{record}");
        assert_eq!(client.receipt(found.row.receipt)?.row, found.row);
    }
    for missing in [1, 60_002] {
        let answer = client.row(task.id, RowNumber::new(missing));
        assert_eq!(answer.err().and_then(|error| error.status()), Some(404), "row {missing}");
    }
    Ok(())
}

#[test]
fn what_a_receipt_says_at_once_is_what_becomes_of_its_row() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let client = stack.client();
    let elements = r#"[{"id":"a"}, {"id":"b","cost":-1}, 7, {"cost":1}, {"id":"c","fail":"yes"}, {"id":"d"}]"#;
    let file = write(folder.path(), "jobs.json", elements)?;
    let accepted = client.send_records(&Upload::new(file, "simulate"))?;
    let receipts = accepted.receipts.context("an array has receipts")?;
    let said = |receipt: &ReceiptView| (receipt.row.get(), receipt.code.clone());
    let code = |code: &str| Some(code.to_owned());
    assert_eq!(
        receipts.iter().map(said).collect::<Vec<_>>(),
        [
            (1, None),
            (2, code("INVALID_ROW")),
            (3, code("INVALID_RECORD")),
            (4, code("INVALID_ROW")),
            (5, None),
            (6, None)
        ]
    );
    let task = stack.wait(accepted.task.id)?;
    assert_eq!((task.total, task.succeeded, task.failed), (Some(6), 2, 4), "{task:?}");
    check_books(&stack, &task)?;
    let becomes = |receipt: &ReceiptView| -> Result<RowInFull> { Ok(client.receipt(receipt.receipt)?) };
    for receipt in &receipts {
        let row = becomes(receipt)?.row;
        let expected = match receipt.row.get() {
            1 | 6 => RowState::Succeeded,
            _ => RowState::Failed,
        };
        assert_eq!((row.row, row.state), (receipt.row, expected), "{row:?}");
        if receipt.code.is_some() {
            assert_eq!(
                (row.code, row.message),
                (receipt.code.clone(), receipt.message.clone()),
                "told at once, and so it was"
            );
        }
    }
    let theirs = stack.other_client().receipt(receipts[0].receipt);
    assert_eq!(theirs.err().and_then(|error| error.status()), Some(404));
    Ok(())
}

/// What the bucket has of a task.
fn objects(stack: &Stack, id: TaskId) -> Result<usize> {
    let mut found = 0;
    for kind in ["uploads", "rows", "results"] {
        let url = format!("{}/{}?list-type=2&prefix={kind}/{id}/", stack.cloud()?, stack.bucket);
        // The emulator checks no signature; the scope says which service is meant.
        let scope =
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let listed = ureq::get(url).header("authorization", scope).call()?.into_body().read_to_string()?;
        ensure!(listed.contains("<ListBucketResult"), "{listed}");
        found += listed.matches("<Key>").count();
    }
    Ok(found)
}

/// Waits until `look` sees it.
fn eventually(what: &str, mut look: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !look()? {
        ensure!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn is_gone(client: &Client, id: TaskId) -> bool {
    client.task(id).err().and_then(|error| error.status()) == Some(404)
}

#[test]
fn a_finished_task_is_erased_with_everything_of_it() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let client = stack.client();
    let rows: String = (0..500).map(|row| format!("A-{row},00012345,Zoë,1,1.25,EUR,2024-01-02\n")).collect();
    let mut upload = Upload::new(write(folder.path(), "orders.csv", format!("{ORDERS}{rows}"))?, "orders-check");
    upload.batch_size = Some(10);
    let task = stack.process(&upload)?;
    stack.outcomes(task.id)?;
    ensure!(objects(&stack, task.id)? >= 4, "file, rows, index, parts and results lie there");
    let theirs = stack.other_client().delete(task.id);
    assert_eq!(theirs.err().and_then(|error| error.status()), Some(404));
    ensure!(!is_gone(&client, task.id), "nobody deletes what belongs to another");

    client.delete(task.id)?;
    assert_eq!(objects(&stack, task.id)?, 0);
    ensure!(is_gone(&client, task.id), "it is gone");
    assert!(client.batches(task.id, 10).is_err());
    assert!(client.receipt(Receipt { task: task.id, row: RowNumber::new(2) }).is_err());
    ensure!(client.tasks(None, 500)?.iter().all(|other| other.id != task.id), "no list has it");
    assert_eq!(client.delete(task.id).err().and_then(|error| error.status()), Some(404));
    Ok(())
}

#[test]
fn a_running_task_is_erased_and_its_workers_count_nothing_and_leave_nothing_behind() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let client = stack.client();
    let rows: String = (0..3000).map(|row| format!("r{row},20\n")).collect();
    let mut upload = Upload::new(write(folder.path(), "jobs.csv", format!("id,cost\n{rows}"))?, "simulate");
    upload.batch_size = Some(100);
    let task = client.upload(&upload, &mut Silent)?;
    eventually("the first rows end", || Ok(client.task(task.id)?.succeeded > 0))?;
    client.delete(task.id)?;
    ensure!(is_gone(&client, task.id), "it is gone");

    // The messages of its batches are dropped, and none ends as a dead letter.
    let dead = |client: &Client| -> Result<u64> { Ok(client.queues()?.iter().map(|queue| queue.dead).sum()) };
    eventually("the batch queue runs dry", || {
        let batch = client.queues()?.into_iter().find(|queue| queue.name == "batch").context("no batch queue")?;
        Ok(batch.visible + batch.in_flight + batch.delayed == 0)
    })?;
    assert_eq!(dead(&client)?, 0);
    // What workers wrote after it was gone is the sweeper's. The emulator runs it each minute.
    eventually("nothing is left", || Ok(objects(&stack, task.id)? == 0))?;
    ensure!(is_gone(&client, task.id), "and it stays so");
    Ok(())
}
