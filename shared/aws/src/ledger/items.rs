//! What is stored, to and from the domain.

use aws_sdk_dynamodb::types::AttributeValue;
use filas_domain::batch::Batch;
use filas_domain::clock::Timestamp;
use filas_domain::ids::{BatchNumber, Owner, TaskId};
use filas_domain::limits::TASK_KEPT;
use filas_domain::outcome::Counts;
use filas_domain::ports::IdempotencyKey;
use filas_domain::task::{Head, Tally, Task, TaskState};
use filas_domain::usage::Usage;
use serde::Serialize;
use serde_json::Value;

use super::values::{Attributes, StoredError, to_attribute, to_attributes, to_json, to_object};

/// Partition key.
pub(crate) const PK: &str = "pk";
/// Sort key.
pub(crate) const SK: &str = "sk";
/// What the partition of a task and its batches begins with.
pub(crate) const TASK_PREFIX: &str = "TASK#";
/// The sort key of a task.
pub(crate) const TASK_SORT_KEY: &str = "TASK";
/// What the sort key of a batch begins with.
pub(crate) const BATCH_PREFIX: &str = "BATCH#";
/// When DynamoDB may delete the item, in seconds.
pub(crate) const EXPIRES_AT: &str = "expires_at";
/// When an idempotency key may be forgotten, in milliseconds.
pub(crate) const EXPIRES: &str = "expires";
/// The attribute, with itself as value, of a task that the sweeper has to look at; the hash key of the index of the same
/// name.
pub(crate) const UNSETTLED: &str = "unsettled";
/// What comes before the code in the attribute that counts its failed rows.
pub(crate) const CODE_PREFIX: &str = "code#";

/// The key of a task.
pub(crate) fn task_key(task: TaskId) -> Attributes {
    key(task_partition(task), TASK_SORT_KEY.into())
}

/// The key of a batch.
pub(crate) fn batch_key(task: TaskId, number: BatchNumber) -> Attributes {
    key(task_partition(task), batch_sort_key(number))
}

/// The key of the note of a task that is being erased. It sorts neither among the batches nor as the task.
pub(crate) fn erasure_key(task: TaskId) -> Attributes {
    key(task_partition(task), "ERASURE".into())
}

/// The key of an idempotency key. An owner's name has no `#`, so no two owners share one.
pub(crate) fn idempotency_key(owner: &Owner, text: &str) -> Attributes {
    key(format!("IDEMPOTENCY#{owner}#{text}"), "KEY".into())
}

/// The partition of a task and its batches.
pub(crate) fn task_partition(task: TaskId) -> String {
    format!("{TASK_PREFIX}{task}")
}

/// The sort key of a batch; sorts as the numbers do.
pub(crate) fn batch_sort_key(number: BatchNumber) -> String {
    format!("{BATCH_PREFIX}{:07}", number.get())
}

/// What the index by state is asked for.
pub(crate) fn owner_state(owner: &Owner, state: TaskState) -> String {
    format!("{owner}#{}", state.as_str())
}

/// A text as an attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number as an attribute.
pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The item of a task that is new.
pub(crate) fn task_item(task: &Task) -> Result<Attributes, StoredError> {
    let mut item = task_key(task.id);
    item.insert("task_id".into(), text(task.id.to_string()));
    item.insert("owner".into(), text(task.head.order.owner.as_str()));
    item.insert("owner_state".into(), text(owner_state(&task.head.order.owner, task.head.state)));
    item.insert("version".into(), number(task.version));
    item.insert("head".into(), head_attribute(&task.head)?);
    item.insert(EXPIRES_AT.into(), number(task.head.created.plus(TASK_KEPT).as_secs()));
    if !task.head.is_settled() {
        item.insert(UNSETTLED.into(), text(UNSETTLED));
    }
    let Tally { counts, done, dead, cancelled, attempts, usage } = &task.tally;
    let counters = [
        ("succeeded", counts.succeeded),
        ("failed", counts.failed),
        ("unprocessed", counts.unprocessed),
        ("done", (*done).into()),
        ("dead", (*dead).into()),
        ("cancelled", (*cancelled).into()),
        ("attempts", *attempts),
    ];
    item.extend(counters.map(|(name, count)| (name.to_owned(), number(count))));
    item.extend(Usage::NAMES.iter().zip(usage.numbers()).map(|(name, count)| ((*name).to_owned(), number(count))));
    item.extend(counts.failed_by_code.iter().map(|(code, rows)| (format!("{CODE_PREFIX}{code}"), number(rows))));
    Ok(item)
}

/// Whether the item's time to live is over at `now`. DynamoDB deletes such items within days, in no order: a task whose
/// batches are deleted already would look as if nobody had claimed them.
pub(crate) fn is_over(item: &Attributes, now: Timestamp) -> bool {
    count_in(item, EXPIRES_AT).is_ok_and(|expires| expires <= now.as_secs())
}

/// The head as an attribute.
pub(crate) fn head_attribute(head: &Head) -> Result<AttributeValue, StoredError> {
    Ok(to_attribute(serde_json::to_value(head)?))
}

/// The task of an item.
pub(crate) fn task_of(mut item: Attributes) -> Result<Task, StoredError> {
    let head = item.remove("head").ok_or_else(|| StoredError::Attribute("head".into()))?;
    Ok(Task {
        id: task_id_of(&item)?,
        version: count_in(&item, "version")?,
        head: serde_json::from_value(to_json(head)?)?,
        tally: tally_of(&item)?,
    })
}

/// The id of the task of an item.
pub(crate) fn task_id_of(item: &Attributes) -> Result<TaskId, StoredError> {
    text_in(item, "task_id")?.parse().map_err(|_| StoredError::Attribute("task_id".into()))
}

fn tally_of(item: &Attributes) -> Result<Tally, StoredError> {
    let batches = |name| u32::try_from(count_in(item, name)?).map_err(|_| StoredError::Attribute(name.to_owned()));
    let mut failed_by_code = std::collections::BTreeMap::new();
    for (name, code) in item.keys().filter_map(|name| Some((name, name.strip_prefix(CODE_PREFIX)?))) {
        // A redrive takes rows away again and leaves a zero behind, which says nothing.
        match count_in(item, name)? {
            0 => None,
            rows => failed_by_code.insert(code.to_owned(), rows),
        };
    }
    Ok(Tally {
        counts: Counts {
            succeeded: count_in(item, "succeeded")?,
            failed: count_in(item, "failed")?,
            unprocessed: count_in(item, "unprocessed")?,
            failed_by_code,
        },
        done: batches("done")?,
        dead: batches("dead")?,
        cancelled: batches("cancelled")?,
        attempts: count_in(item, "attempts")?,
        // Not there in a task of before this was counted.
        usage: Usage::of(Usage::NAMES.map(|name| count_in(item, name).unwrap_or(0))),
    })
}

/// The item of a batch.
pub(crate) fn batch_item(batch: &Batch) -> Result<Attributes, StoredError> {
    let mut item = to_members(batch)?;
    item.extend(batch_key(batch.task, batch.number));
    item.insert(EXPIRES_AT.into(), number(created(batch.task).plus(TASK_KEPT).as_secs()));
    Ok(item)
}

/// The batch of an item.
pub(crate) fn batch_of(mut item: Attributes) -> Result<Batch, StoredError> {
    for ours in [PK, SK, EXPIRES_AT] {
        item.remove(ours);
    }
    Ok(serde_json::from_value(Value::Object(to_object(item)?))?)
}

/// The item that remembers which task an idempotency key made.
pub(crate) fn idempotency_item(owner: &Owner, task: TaskId, used: &IdempotencyKey) -> Attributes {
    let mut item = idempotency_key(owner, &used.key);
    item.insert("task".into(), text(task.to_string()));
    item.insert("fingerprint".into(), text(&used.fingerprint));
    item.insert(EXPIRES.into(), number(used.expires.as_millis()));
    item.insert(EXPIRES_AT.into(), number(used.expires.as_secs()));
    item
}

/// What an idempotency item remembers.
pub(crate) struct Remembered {
    /// The task that was made.
    pub(crate) task: TaskId,
    /// The digest of the request that made it.
    pub(crate) fingerprint: String,
    /// From when on it counts no more.
    pub(crate) expires: Timestamp,
}

/// What the idempotency item remembers.
pub(crate) fn remembered(item: &Attributes) -> Result<Remembered, StoredError> {
    Ok(Remembered {
        task: text_in(item, "task")?.parse().map_err(|_| StoredError::Attribute("task".into()))?,
        fingerprint: text_in(item, "fingerprint")?.to_owned(),
        expires: Timestamp::from_millis(count_in(item, EXPIRES)?),
    })
}

/// When a task was created: the first 48 bits of its id, which is a UUIDv7 (RFC 9562, section 5.7), are milliseconds.
fn created(task: TaskId) -> Timestamp {
    let digits: String = task.to_string().chars().filter(char::is_ascii_hexdigit).take(12).collect();
    Timestamp::from_millis(u64::from_str_radix(&digits, 16).unwrap_or_default())
}

fn key(partition: String, sort: String) -> Attributes {
    Attributes::from([(PK.to_owned(), AttributeValue::S(partition)), (SK.to_owned(), AttributeValue::S(sort))])
}

fn to_members(value: &impl Serialize) -> Result<Attributes, StoredError> {
    match serde_json::to_value(value)? {
        Value::Object(members) => Ok(to_attributes(members)),
        _ => Err(StoredError::ForeignType),
    }
}

fn text_in<'a>(item: &'a Attributes, name: &str) -> Result<&'a str, StoredError> {
    let found = item.get(name).and_then(|value| value.as_s().ok());
    found.map(String::as_str).ok_or_else(|| StoredError::Attribute(name.to_owned()))
}

fn count_in(item: &Attributes, name: &str) -> Result<u64, StoredError> {
    let found = item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok());
    found.ok_or_else(|| StoredError::Attribute(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use filas_domain::message::BatchMessage;
    use filas_domain::plan::{BatchPlan, ByteRange};
    use filas_domain::task::Order;
    use filas_domain::{ids::PipelineRef, ids::RowNumber};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn task() -> Task {
        let order = Order {
            owner: "acme".parse().unwrap(),
            pipeline: PipelineRef { name: "prices".into(), version: "12ab".into() },
            filename: None,
            media_type: Some("text/csv".into()),
            size: 12,
            sheet: None,
            batch_size: 1000,
        };
        Task::registered(TaskId::new(NOW, [3; 10]), order, NOW)
    }

    #[test]
    fn a_task_reads_back() {
        let mut task = task();
        task.tally.counts.failed_by_code.insert("HTTP_422".into(), 7);
        task.tally.attempts = 9;
        let item = task_item(&task).unwrap();
        assert_eq!(item["code#HTTP_422"], number(7));
        assert_eq!(item["owner_state"], text("acme#awaiting_upload"));
        assert_eq!(item["expires_at"], number(1_700_000_000 + 90 * 24 * 60 * 60));
        assert_eq!(task_of(item).unwrap(), task);
    }

    /// What an earlier version stored is read by this one: a stack is updated while tasks are under way. The members that
    /// are taken out came later than the first version that was deployed.
    #[test]
    fn what_the_first_version_stored_is_read() {
        let mut item = task_item(&task()).unwrap();
        Usage::NAMES.iter().for_each(|name| assert!(item.remove(*name).is_some(), "{name}"));
        let AttributeValue::M(head) = item.get_mut("head").unwrap() else { panic!("the head is no object") };
        assert!(head.remove("is_audited").is_some());
        let kept: Vec<_> = ["resume_at", "trace"].iter().filter(|name| head.contains_key(**name)).collect();
        assert!(kept.is_empty(), "members that a new task need not have: {kept:?}");
        assert_eq!(task_of(item).unwrap(), task());
        let head = r#"{"order":{"owner":"acme","pipeline":{"name":"prices","version":"12ab"},"filename":null,
            "media_type":"text/csv","size":12,"sheet":null,"batch_size":1000},"state":"processing",
            "created":1700000000123,"updated":1700000000123,"split":{"epoch":1,"lease_until":1700000000123,
            "started":1700000000123,"ended":1700000000123,"format":"csv","fanned_out":true},"total":1,"batches":1,
            "finished":null,"reason":null}"#;
        let head: Head = serde_json::from_str(head).unwrap();
        assert_eq!(
            (head.state, head.trace, head.resume_at, head.is_audited),
            (TaskState::Processing, None, None, false)
        );
        let batch = r#"{"task":"018bcfe5-6800-7707-8707-070707070707","number":7,"version":2,"state":"processing",
            "plan":{"first_row":2,"last_row":9,"rows":8,"start":10,"end":90},"lease_until":1700000000123,"processed":1,
            "processed_bytes":10,"counts":{"succeeded":1,"failed":0,"unprocessed":0,"failed_by_code":{}},
            "parts":[{"key":"tasks/018bcfe5-6800-7707-8707-070707070707/parts/7.1.ndjson","start":0,"end":9,"rows":1}],
            "attempts":[{"epoch":1,"worker":"w","message":"m","started":1700000000123}],"attempts_counted":1,
            "reason":null}"#;
        let batch: Batch = serde_json::from_str(batch).unwrap();
        assert_eq!((batch.epoch(), batch.redo, batch.redrives.len()), (1, None, 0));
    }

    #[test]
    fn a_task_past_its_time_to_live_is_not_there() {
        let item = task_item(&task()).unwrap();
        let end = NOW.plus(TASK_KEPT);
        assert!(!is_over(&item, Timestamp::from_millis(end.as_secs() * 1000 - 1)));
        assert!(is_over(&item, end));
    }

    #[test]
    fn a_code_that_is_counted_down_to_nothing_is_gone() {
        let mut item = task_item(&task()).unwrap();
        item.insert("code#HTTP_422".into(), number(0));
        assert_eq!(task_of(item).unwrap(), task());
    }

    #[test]
    fn a_batch_reads_back_and_expires_with_its_task() {
        let plan = BatchPlan {
            first_row: RowNumber::new(2),
            last_row: RowNumber::new(9),
            rows: 8,
            bytes: ByteRange { start: 10, end: 90 },
        };
        let message = BatchMessage { task: task().id, batch: BatchNumber::new(7), plan };
        let batch =
            Batch::unclaimed(&message).claimed("worker", "message", NOW, NOW).unwrap().released("no answer", NOW);
        let item = batch_item(&batch).unwrap();
        assert_eq!(item["sk"], text("BATCH#0000007"));
        assert_eq!(item["expires_at"], task_item(&task()).unwrap()["expires_at"]);
        assert_eq!(batch_of(item).unwrap(), batch);
    }

    #[test]
    fn a_damaged_item_is_an_error_that_names_the_attribute() {
        for (name, expected) in [
            ("head", "the stored item has no usable head"),
            ("version", "the stored item has no usable version"),
            ("succeeded", "the stored item has no usable succeeded"),
            ("done", "the stored item has no usable done"),
        ] {
            let mut item = task_item(&task()).unwrap();
            item.remove(name);
            assert_eq!(task_of(item).unwrap_err().to_string(), expected);
        }
    }
}
