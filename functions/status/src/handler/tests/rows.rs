use filas_domain::outcome::{Failure, Stage};

use super::*;

/// `ROW STATE`, or `ROW CODE` where there is one.
fn show(row: &Value) -> String {
    format!("{} {}", row["row"], row["code"].as_str().or(row["state"].as_str()).unwrap())
}

impl World {
    /// The rows on all pages, page by page.
    async fn pages(&self, path: &str) -> Vec<Vec<String>> {
        let (mut pages, mut next) = (Vec::new(), path.to_owned());
        let join = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.ask("acme", &next).await;
            assert_eq!(page.status, 200, "{next}: {page:?}");
            pages.push(page.body["items"].as_array().unwrap().iter().map(show).collect());
            match page.body["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}{join}cursor={cursor}"),
                None => return pages,
            }
        }
    }

    /// Claims a batch and lets its rows end with these codes; an empty one is a success.
    async fn end_with(&self, id: TaskId, number: u32, codes: &[&str]) {
        self.claim(id, number).await;
        let epoch = self.ledger.batches(id, &[BatchNumber::new(number)]).await.unwrap()[0].epoch();
        let (mut object, mut counts) = (Vec::new(), Counts::default());
        for (row, code) in (2 + number * ROWS_PER_BATCH..).zip(codes) {
            let failure = Failure { stage: Stage::Deliver, code: (*code).into(), message: "no".into() };
            let result = if code.is_empty() { RowResult::Succeeded { kept: None } } else { RowResult::Failed(failure) };
            let line = OutcomeLine::new(RowNumber::new(row), result);
            counts.count(&line);
            line.write_to(&mut object);
        }
        let key = ObjectKey::part(id, BatchNumber::new(number), epoch);
        let bytes = ByteRange { start: 0, end: object.len() as u64 };
        let rows = codes.len() as u32;
        self.objects.put(&key, "application/x-ndjson", object).await.unwrap();
        let part = Some(Part { key, bytes, rows, is_overlay: false });
        let progress = Progress { rows, bytes: u64::from(rows) * 22, counts, part, ..Progress::default() };
        self.change(id, number, |batch| batch.recorded(&progress, self.clock.now())).await;
    }
}

/// Seven batches of two rows: ended, dead half-way, held, waiting.
async fn mixed() -> (World, TaskId) {
    let world = World::new();
    let id = world.split(14).await;
    world.end_with(id, 0, &["", "A"]).await;
    world.end_with(id, 1, &["B", "B"]).await;
    world.end_with(id, 2, &[""]).await;
    world.change(id, 2, |batch| batch.buried(world.clock.now())).await;
    world.claim(id, 3).await;
    world.end_with(id, 5, &["A", ""]).await;
    (world, id)
}

#[tokio::test]
async fn rows_are_listed_by_outcome_and_code() {
    let (world, id) = mixed().await;
    for (filter, expected) in [
        (
            "",
            "2 succeeded, 3 A, 4 B, 5 B, 6 succeeded, 7 BATCH_DEAD, 8 processing, 9 processing, 10 queued, 11 queued, \
             12 A, 13 succeeded, 14 queued, 15 queued",
        ),
        ("outcome=succeeded", "2 succeeded, 6 succeeded, 13 succeeded"),
        ("outcome=failed", "3 A, 4 B, 5 B, 12 A"),
        ("outcome=failed&code=A", "3 A, 12 A"),
        ("code=B", "4 B, 5 B"),
        ("code=C", ""),
        ("outcome=succeeded&code=A", ""),
        ("outcome=unprocessed", "7 BATCH_DEAD"),
        ("code=BATCH_DEAD", "7 BATCH_DEAD"),
        ("outcome=unprocessed&code=CANCELLED", ""),
        ("outcome=queued", "10 queued, 11 queued, 14 queued, 15 queued"),
        ("outcome=processing", "8 processing, 9 processing"),
    ] {
        let whole = world.pages(&format!("tasks/{id}/rows?{filter}")).await;
        assert_eq!(whole.concat().join(", "), expected, "{filter}");
        for limit in [1, 3] {
            let pages = world.pages(&format!("tasks/{id}/rows?{filter}&limit={limit}")).await;
            assert!(pages.iter().all(|page| page.len() <= limit), "{filter}: {pages:?}");
            assert_eq!(pages.concat().join(", "), expected, "{filter} by {limit}");
        }
    }
}

#[tokio::test]
async fn pages_of_rows_stay_as_they_are_while_outcomes_arrive() {
    let (world, id) = mixed().await;
    let first = world.ask("acme", &format!("tasks/{id}/rows?outcome=failed&limit=2")).await.body;
    assert_eq!(first["items"].as_array().unwrap().iter().map(show).collect::<Vec<_>>(), ["3 A", "4 B"]);
    // Rows before and behind the page fail meanwhile.
    world.end_with(id, 4, &["A", "A"]).await;
    world.end_with(id, 6, &["", "A"]).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = world.pages(&format!("tasks/{id}/rows?outcome=failed&limit=2&cursor={cursor}")).await;
    assert_eq!(
        rest.concat(),
        ["5 B", "10 A", "11 A", "12 A", "15 A"],
        "no row twice, and none of the old ones missing"
    );
}

#[tokio::test]
async fn a_page_of_rows_reads_only_batches_that_have_such_rows() {
    let world = World::new();
    let id = world.split(500).await;
    for number in 0..250 {
        world.end_with(id, number, if number % 100 == 7 { &["A", ""] } else { &["", ""] }).await;
    }
    for (number, key) in world.objects.keys().into_iter().enumerate() {
        if key.as_str().contains("/parts/") && number % 100 != 7 {
            let of = key.as_str().split("parts/").nth(1).unwrap()[..7].parse::<u32>().unwrap();
            if of % 100 != 7 {
                world.objects.forget(&key);
            }
        }
    }
    let pages = world.pages(&format!("tasks/{id}/rows?outcome=failed")).await;
    assert_eq!(pages, [["16 A", "216 A", "416 A"]]);
}

#[tokio::test]
async fn a_list_of_many_rows_goes_on_where_a_page_had_to_end() {
    let world = World::new();
    // More batches than are looked at for one page.
    let id = world.split(4500).await;
    world.end_with(id, 2249, &["A", ""]).await;
    let pages = world.pages(&format!("tasks/{id}/rows?code=A")).await;
    assert_eq!(pages, [vec![], vec!["4500 A".to_owned()]], "an empty page is not the end");
    let all = world.pages(&format!("tasks/{id}/rows?limit=500")).await.concat();
    assert_eq!(all.len(), 4500);
}

#[tokio::test]
async fn a_row_is_found_by_its_number_and_by_its_receipt() {
    let (world, id) = mixed().await;
    for (row, expected) in [(2, "2 succeeded"), (5, "5 B"), (7, "7 BATCH_DEAD"), (9, "9 processing"), (15, "15 queued")]
    {
        let found = world.ask("acme", &format!("tasks/{id}/rows/{row}")).await;
        assert_eq!((found.status, show(&found.body)), (200, expected.to_owned()));
        let receipt = found.body["receipt"].as_str().unwrap();
        assert_eq!(receipt, format!("{id}.{row}"));
        assert_eq!(world.ask("acme", &format!("receipts/{receipt}")).await.body, found.body);
        assert_eq!(world.ask("other", &format!("receipts/{receipt}")).await.status, 404);
    }
    let full = world.ask("acme", &format!("tasks/{id}/rows/5")).await.body;
    let expected = json!({
        "row": 5, "receipt": format!("{id}.5"), "batch": 1, "state": "failed", "stage": "deliver", "code": "B",
        "message": "no", "kept": null, "record": {},
    });
    assert_eq!(full, expected);
    for row in [1, 16, 4_000_000_000_u32] {
        assert_eq!(world.ask("acme", &format!("tasks/{id}/rows/{row}")).await.status, 404, "{row}");
        assert_eq!(world.ask("acme", &format!("receipts/{id}.{row}")).await.status, 404, "{row}");
    }
}

#[tokio::test]
async fn a_blank_row_of_the_sheet_is_no_row() {
    let world = World::new();
    let id = world.awaiting("acme").await;
    let mut planner = Planner::new(3, 1 << 20);
    let mut lines = String::new();
    for row in [2, 5, 9, 20] {
        let line = format!("{{\"row\":{row},\"record\":{{\"a\":\"x\",\"n\":0.10}}}}\n");
        planner.line(RowNumber::new(row), line.len() as u64);
        lines.push_str(&line);
    }
    world.objects.put(&ObjectKey::rows(id), "application/x-ndjson", lines.into()).await.unwrap();
    world.objects.put(&ObjectKey::index(id), "application/json", planner.finish().to_json()).await.unwrap();
    world.head(id, |task| Some(task.split_done(4, 2, "csv", world.clock.now()))).await;
    let shown = world.pages(&format!("tasks/{id}/rows")).await;
    assert_eq!(shown, [["2 queued", "5 queued", "9 queued", "20 queued"]]);
    for (row, status) in [(2, 200), (3, 404), (9, 200), (10, 404), (19, 404), (20, 200), (21, 404)] {
        assert_eq!(world.ask("acme", &format!("tasks/{id}/rows/{row}")).await.status, status, "{row}");
    }
    let found = world.ask("acme", &format!("tasks/{id}/rows/9")).await.body;
    assert_eq!(found["record"], json!({"a": "x", "n": 0.10}));
}

#[tokio::test]
async fn a_receipt_is_good_from_the_beginning_and_says_so_when_the_file_was_no_use() {
    let world = World::new();
    let id = world.awaiting("acme").await;
    let ask = async || show(&world.ask("acme", &format!("receipts/{id}.3")).await.body);
    assert_eq!(ask().await, "3 queued");
    assert_eq!(world.pages(&format!("tasks/{id}/rows")).await, [[""; 0]]);
    let reason = Reason { code: "FILE_CORRUPT".into(), message: "It breaks off.".into() };
    world.head(id, |task| Some(task.failed(reason, world.clock.now()))).await;
    assert_eq!(ask().await, "3 FILE_CORRUPT");
}

#[tokio::test]
async fn rows_that_are_done_again_are_open_until_they_are() {
    let (world, id) = mixed().await;
    let body = json!({"failed": {"code": "A"}});
    assert_eq!(world.command(&format!("tasks/{id}/redrive"), body).await.status, 202);
    let shown = world.pages(&format!("tasks/{id}/rows")).await.concat();
    assert_eq!((shown[1].as_str(), shown[2].as_str(), shown[10].as_str()), ("3 queued", "4 B", "12 queued"));
    assert_eq!(world.pages(&format!("tasks/{id}/rows?code=A")).await, [[""; 0]]);
}
