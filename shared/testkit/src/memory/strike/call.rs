//! What is called, and with what.

use std::fmt;

use filas_domain::batch::{Batch, BatchChange};
use filas_domain::ids::{BatchNumber, TaskId};
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::task::{Head, Task};

/// A call of a port.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The method's name.
    pub operation: &'static str,
    /// What it is about.
    pub subject: Subject<'a>,
}

/// What a call is about. Shown by [`fmt::Display`] in few words, and only when somebody wants to read it.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Nothing in particular.
    Nothing,
    /// A task.
    Task(TaskId),
    /// Batches of a task.
    Batches(TaskId, &'a [BatchNumber]),
    /// A head that is to be written, and batches with it.
    Head(&'a Task, &'a Head, &'a [BatchChange]),
    /// Batches that are to be written.
    Changes(&'a [BatchChange]),
    /// An object.
    Object(&'a ObjectKey),
    /// Messages that are to be sent.
    Messages(&'a [BatchMessage]),
    /// Something with a name of its own.
    Text(&'a str),
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.operation, self.subject)
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Task(id) => write!(formatter, "{}", Short(*id)),
            Self::Batches(id, numbers) => {
                let numbers: Vec<u32> = numbers.iter().map(|number| number.get()).collect();
                write!(formatter, "{} {numbers:?}", Short(*id))
            }
            Self::Head(read, head, changes) => {
                let (from, to) = (read.head.state.as_str(), head.state.as_str());
                write!(formatter, "{} v{} {from} -> {to}", Short(read.id), read.version)?;
                if head.split.fanned_out != read.head.split.fanned_out {
                    write!(formatter, " fanned_out={}", head.split.fanned_out)?;
                }
                changes.iter().try_for_each(|change| show_change(formatter, change))
            }
            Self::Changes(changes) => {
                if let Some(first) = changes.first() {
                    write!(formatter, "{}", Short(first.after.task))?;
                }
                changes.iter().try_for_each(|change| show_change(formatter, change))
            }
            Self::Object(key) => formatter.write_str(key.as_str()),
            Self::Messages(messages) => {
                let numbers: Vec<u32> = messages.iter().map(|message| message.batch.get()).collect();
                write!(formatter, "{numbers:?}")
            }
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

fn show_change(formatter: &mut fmt::Formatter<'_>, change: &BatchChange) -> fmt::Result {
    let BatchChange { before, after } = change;
    write!(formatter, ", #{} v{} {} -> {}", before.number, before.version, show(before), show(after))
}

fn show(batch: &Batch) -> String {
    format!("{:?}({}/{} e{})", batch.state, batch.counts.rows(), batch.plan.rows, batch.epoch())
}

/// The end of a task's id, which is enough to tell tasks of one test apart.
struct Short(TaskId);

impl fmt::Display for Short {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.to_string();
        formatter.write_str(id.get(id.len() - 4..).unwrap_or(&id))
    }
}
