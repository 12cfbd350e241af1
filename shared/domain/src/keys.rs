//! Where things lie in the bucket. One function for each kind of object, so that nothing else spells a key.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{BatchNumber, Owner, PipelineRef, TaskId};
use crate::report::ResultFile;

/// The key of an object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The key as S3 takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The uploaded file.
    pub fn upload(task: TaskId) -> Self {
        Self(format!("uploads/{task}/source"))
    }

    /// Every row of the file, once, as a line of JSON.
    pub fn rows(task: TaskId) -> Self {
        Self(format!("rows/{task}/rows.ndjson"))
    }

    /// The batches and where they lie in the rows object.
    pub fn index(task: TaskId) -> Self {
        Self(format!("rows/{task}/index.json"))
    }

    /// The outcomes that one invocation wrote. Named after a batch and the epoch of its lease: nobody else ever holds
    /// the same pair, so nobody else writes the same key.
    pub fn part(task: TaskId, first: BatchNumber, epoch: u32) -> Self {
        Self(format!("results/{task}/parts/{:07}-{epoch:05}.ndjson", first.get()))
    }

    /// The outcomes that a worker wrote on its way through a batch, from the row behind the first `processed` ones on. Named
    /// after the epoch as [`part`](Self::part) is.
    pub fn checkpoint(task: TaskId, batch: BatchNumber, epoch: u32, processed: u32) -> Self {
        Self(format!("results/{task}/parts/{:07}-{epoch:05}-{processed:05}.ndjson", batch.get()))
    }

    /// The columns of the uploaded file.
    pub fn columns(task: TaskId) -> Self {
        Self(format!("rows/{task}/columns.json"))
    }

    /// A file of results, of a task that ended at that moment.
    pub fn result(task: TaskId, finished: Timestamp, file: ResultFile) -> Self {
        Self::of_report(task, finished, file.name())
    }

    /// What the outcomes came to: there once the files of outcomes are.
    pub fn report_summary(task: TaskId, finished: Timestamp) -> Self {
        Self::of_report(task, finished, "summary.json")
    }

    /// What is there: there once every file is.
    pub fn manifest(task: TaskId, finished: Timestamp) -> Self {
        Self::of_report(task, finished, "manifest.json")
    }

    /// Who writes the files, and until when.
    pub fn report_claim(task: TaskId, finished: Timestamp) -> Self {
        Self::of_report(task, finished, "claim.json")
    }

    fn of_report(task: TaskId, finished: Timestamp, name: &str) -> Self {
        Self(format!("results/{task}/{}/{name}", finished.as_millis()))
    }

    /// The text of one version of an owner's pipeline. The owner is part of the key, because a version is a short digest:
    /// nobody's text can ever be taken for another's.
    pub fn pipeline(owner: &Owner, pipeline: &PipelineRef) -> Self {
        Self(format!("pipelines/{owner}/{}/{}.yaml", pipeline.name, pipeline.version))
    }

    /// The folders in which everything of a task lies, with the slash at their end.
    pub fn folders(task: TaskId) -> [String; 3] {
        ["uploads", "rows", "results"].map(|kind| format!("{kind}/{task}/"))
    }

    /// The task whose file lies under `key`, a key as it is after decoding.
    pub fn task_of_upload(key: &str) -> Option<TaskId> {
        key.strip_prefix("uploads/")?.strip_suffix("/source")?.parse().ok()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The key in an S3 event, decoded: `+` is a space, `%2B` a plus. Emulators and AWS encode differently, and both decode so.
pub fn decode_event_key(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (rest.next()?, rest.next()?);
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(high)? * 16 + digit(low)?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_names_its_task() {
        let task = TaskId::new(Timestamp::from_millis(1), [1; 10]);
        assert_eq!(ObjectKey::task_of_upload(ObjectKey::upload(task).as_str()), Some(task));
        for wrong in ["", "uploads/x/source", "rows/x/rows.ndjson"] {
            assert_eq!(ObjectKey::task_of_upload(wrong), None);
        }
    }

    #[test]
    fn everything_of_a_task_lies_in_its_folders() {
        let task = TaskId::new(Timestamp::from_millis(1), [1; 10]);
        let batch = BatchNumber::new(7);
        for key in [
            ObjectKey::upload(task),
            ObjectKey::rows(task),
            ObjectKey::index(task),
            ObjectKey::part(task, batch, 1),
            ObjectKey::checkpoint(task, batch, 1, 500),
            ObjectKey::columns(task),
            ObjectKey::result(task, Timestamp::from_millis(7), ResultFile::Workbook),
            ObjectKey::manifest(task, Timestamp::from_millis(7)),
        ] {
            assert!(ObjectKey::folders(task).iter().any(|folder| key.as_str().starts_with(folder)), "{key}");
        }
    }

    #[test]
    fn event_keys_are_decoded() {
        for (encoded, expected) in [
            ("a+b%2Bc", Some("a b+c")),
            ("a%20b%2Bc", Some("a b+c")),
            ("caf%C3%A9", Some("café")),
            ("plain/key", Some("plain/key")),
            ("%", None),
            ("%2", None),
            ("%zz", None),
            ("%ff", None),
        ] {
            assert_eq!(decode_event_key(encoded).as_deref(), expected, "{encoded}");
        }
    }
}
