//! Keeping, finding and listing records.

use filas_domain::ids::{Owner, Receipt, RowNumber};
use filas_domain::record::{KEY_BYTES, Record, RecordId, Records, Stored};
use futures::future::join_all;

use super::samples;

/// Records, whole.
///
/// # Panics
/// Where they do not do what the port says.
pub async fn records(records: &impl Records) {
    a_record_reads_back(records).await;
    a_key_is_the_first_rows(records).await;
    of_many_rows_with_one_key_one_is_kept(records).await;
    keys_are_unique_within_owner_and_pipeline(records).await;
    records_are_listed_by_key(records).await;
}

/// A record that row `row` of some task makes.
fn record(owner: &Owner, pipeline: &str, key: &str, row: u32) -> Record {
    Record {
        id: RecordId { owner: owner.clone(), pipeline: pipeline.to_owned(), key: key.to_owned() },
        source: Receipt { task: samples::task().id, row: RowNumber::new(row) },
        stored: samples::NOW,
        json: format!(r#"{{"row":{row},"price":0.10000000000000000000000001,"ñ#":null}}"#),
    }
}

async fn a_record_reads_back(records: &impl Records) {
    for key in ["A-1", "ñ # / '\"", " ", &"k".repeat(KEY_BYTES)] {
        let kept = record(&samples::owner(), "orders", key, 2);
        assert_eq!(records.record(&kept.id).await.unwrap(), None);
        assert_eq!(records.keep(&kept).await.unwrap(), Stored::Kept);
        assert_eq!(records.record(&kept.id).await.unwrap(), Some(kept));
    }
}

async fn a_key_is_the_first_rows(records: &impl Records) {
    let owner = samples::owner();
    let first = record(&owner, "orders", "A-1", 2);
    records.keep(&first).await.unwrap();
    // The same row again is a success, and the record stays as it is.
    let again = Record { json: "{}".into(), ..first.clone() };
    assert_eq!(records.keep(&again).await.unwrap(), Stored::Kept);
    // Another row of the task, and the same row number of another task, are not.
    let sibling = Receipt { row: RowNumber::new(3), ..first.source };
    for source in [sibling, Receipt { task: samples::task().id, ..first.source }] {
        let other = Record { source, ..first.clone() };
        assert_eq!(records.keep(&other).await.unwrap(), Stored::TakenBy(first.source));
    }
    assert_eq!(records.record(&first.id).await.unwrap(), Some(first));
}

async fn of_many_rows_with_one_key_one_is_kept(records: &impl Records) {
    let owner = samples::owner();
    let rivals: Vec<_> = (2..12).map(|row| record(&owner, "orders", "A-1", row)).collect();
    let answers = join_all(rivals.iter().map(|rival| records.keep(rival))).await;
    let kept = records.record(&rivals[0].id).await.unwrap().unwrap();
    for (rival, answer) in rivals.iter().zip(answers) {
        let expected = if rival.source == kept.source { Stored::Kept } else { Stored::TakenBy(kept.source) };
        assert_eq!(answer.unwrap(), expected);
    }
}

async fn keys_are_unique_within_owner_and_pipeline(records: &impl Records) {
    let (one, other) = (samples::owner(), samples::owner());
    for (owner, pipeline, key) in [(&one, "orders", "b"), (&one, "orders-b", "b"), (&other, "orders", "b")] {
        assert_eq!(records.keep(&record(owner, pipeline, key, 2)).await.unwrap(), Stored::Kept);
    }
    assert_eq!(records.list(&one, "orders", None, 9).await.unwrap().len(), 1);
    assert_eq!(records.list(&other, "orders-b", None, 9).await.unwrap(), []);
}

async fn records_are_listed_by_key(records: &impl Records) {
    let owner = samples::owner();
    // In the order of bytes.
    let keys = ["10", "9", "A", "a", "b c", "ñ"];
    for (row, key) in (2..).zip(keys.iter().rev()) {
        records.keep(&record(&owner, "orders", key, row)).await.unwrap();
    }
    for (after, limit, expected) in [
        (None, 100, &keys[..]),
        (None, 2, &keys[..2]),
        (Some("9"), 2, &keys[2..4]),
        (Some("a0"), 9, &keys[4..]),
        (Some("ñ"), 9, &[]),
    ] {
        let listed = records.list(&owner, "orders", after, limit).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|record| record.id.key.as_str()).collect();
        assert_eq!(listed, expected, "{limit} after {after:?}");
    }
}
