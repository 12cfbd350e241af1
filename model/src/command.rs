//! Commands, as `filas_domain::commands` carries them out.

use filas_domain::batch::Batch;
use filas_domain::task::{Changed, Reason, TaskState};

use crate::Protocol;
use crate::bug::Bug;
use crate::process::{HeadCommand, Redriven, Seen, SeenHead, Step};
use crate::state::{Change, State, Writer};
use crate::step::Next;
use crate::stored::{BATCHES, BatchRow, NOW, RowOutcome};

/// A command does not come by a message.
const NO_MESSAGE: &str = "";

/// Batches of one transaction.
type Chunk = [Option<Seen>; BATCHES];

impl Protocol {
    pub(crate) fn read_head(&self, state: &State, command: HeadCommand) -> Next {
        let task = state.task();
        let reason = Reason { code: String::new(), message: String::new() };
        let changed = match command {
            HeadCommand::Cancel => task.cancel(None, NOW),
            HeadCommand::Pause => task.pause(reason, None, NOW),
            HeadCommand::Resume => task.resume(NOW),
        };
        match changed {
            Ok(Changed::To(head)) => {
                let mut head = state.over_head(&head);
                head.row.is_fanned_out |= command == HeadCommand::Resume && self.has(Bug::ResumeWithoutSending);
                Next::Go(Step::WriteHead(command, head))
            }
            Ok(Changed::Already) => after_head(command),
            Err(_) => Next::Done,
        }
    }

    pub(crate) fn write_command(&self, state: &mut State, command: HeadCommand, head: SeenHead) -> Next {
        if !head.is_current {
            return Next::Go(Step::ReadHead(command));
        }
        state.write_head(head);
        after_head(command)
    }

    pub(crate) fn read_closing(&self, state: &State, from: u8) -> Next {
        if state.head.state != TaskState::Cancelling {
            return Next::Go(Step::ReadEnd);
        }
        let batches = self.some(state, from, |batch| self.closed(batch).is_some());
        if batches == [None; BATCHES] {
            return self.after_closing(from);
        }
        let head = state.over_head(&state.task().changed(NOW));
        Next::Go(Step::WriteClosing(from, head, batches))
    }

    pub(crate) fn write_closing(&self, state: &mut State, from: u8, head: SeenHead, batches: &Chunk) -> Next {
        let close = |seen: Seen| self.closed(&seen.row.to_batch(seen.number.into()));
        let changes = changes(batches, close, |_| {});
        if !head.is_current || !State::is_current(&changes) {
            return Next::Go(Step::ReadClosing(from));
        }
        state.write_batches(&changes, Writer::Other);
        state.write_head(head);
        self.after_closing(from)
    }

    fn closed(&self, batch: &Batch) -> Option<Batch> {
        if self.has(Bug::CancelClosesHeld) {
            let free = Batch { lease_until: NOW, ..batch.clone() };
            return free.cancelled(NO_MESSAGE, NOW).ok();
        }
        batch.cancelled(NO_MESSAGE, NOW).ok()
    }

    fn after_closing(&self, from: u8) -> Next {
        Next::Go(self.chunk_after(from).map_or(Step::ReadEnd, Step::ReadClosing))
    }

    pub(crate) fn read_reopening(&self, state: &State, what: Redriven, from: u8) -> Next {
        let Ok(head) = state.task().reopened(NOW) else { return Next::Done };
        let selected = |batch: &Batch| batch.redriven(&what.selection(), NOW).is_some();
        let batches = self.some(state, from, selected);
        if batches == [None; BATCHES] {
            return self.after_reopening(what, from);
        }
        Next::Go(Step::WriteReopening(what, from, state.over_head(&head), batches))
    }

    pub(crate) fn write_reopening(
        &self,
        state: &mut State,
        what: Redriven,
        from: u8,
        head: SeenHead,
        batches: &Chunk,
    ) -> Next {
        let reopen = |seen: Seen| self.reopened(&seen.row, seen.number, what);
        let changes = changes(batches, reopen, |row| set_aside(row, what));
        if !head.is_current || !State::is_current(&changes) {
            return Next::Go(Step::ReadReopening(what, from));
        }
        // The head first: what changes in a finished task must be its redrive.
        state.write_head_unseen(head);
        if !self.has(Bug::ReopenKeepsVersion) {
            state.outdate_head();
        }
        state.write_batches(&changes, Writer::Other);
        changes.iter().for_each(|change| state.age_messages(change.seen.number));
        self.after_reopening(what, from)
    }

    fn reopened(&self, row: &BatchRow, number: u8, what: Redriven) -> Option<Batch> {
        let before = row.to_batch(number.into());
        let mut after = before.redriven(&what.selection(), NOW)?;
        if self.has(Bug::RedriveKeepsUnprocessed) {
            after.counts.unprocessed = before.counts.unprocessed;
        }
        Some(after)
    }

    fn after_reopening(&self, what: Redriven, from: u8) -> Next {
        Next::Go(self.chunk_after(from).map_or(Step::ReadUnsent, |from| Step::ReadReopening(what, from)))
    }

    /// Those of the batches of one transaction that are wanted, as they are now.
    fn some(&self, state: &State, from: u8, wanted: impl Fn(&Batch) -> bool) -> Chunk {
        let mut some = [None; BATCHES];
        for number in (usize::from(from)..BATCHES).take(self.bounds.batches_at_once) {
            if wanted(&state.batches[number].to_batch(number)) {
                some[number] = Some(state.see(number as u8));
            }
        }
        some
    }

    /// The first batch of the next transaction.
    fn chunk_after(&self, from: u8) -> Option<u8> {
        let next = usize::from(from) + self.bounds.batches_at_once;
        (next < BATCHES).then_some(next as u8)
    }
}

fn after_head(command: HeadCommand) -> Next {
    match command {
        HeadCommand::Cancel => Next::Go(Step::ReadClosing(0)),
        HeadCommand::Pause => Next::Done,
        HeadCommand::Resume => Next::Go(Step::ReadUnsent),
    }
}

fn changes(batches: &Chunk, change: impl Fn(Seen) -> Option<Batch>, mend: impl Fn(&mut BatchRow)) -> Vec<Change> {
    let changed = |seen: Seen| {
        let mut change = Change::new(seen, change(seen)?);
        mend(&mut change.row);
        Some(change)
    };
    batches.iter().flatten().copied().filter_map(changed).collect()
}

/// What the outcomes say of rows that are put through again: nothing, until they have another outcome.
fn set_aside(row: &mut BatchRow, what: Redriven) {
    row.is_redriven = true;
    if what == Redriven::Failed {
        let mut which = 0;
        for (number, outcome) in row.outcomes.iter_mut().enumerate() {
            if *outcome == RowOutcome::Failed {
                which |= 1 << number;
                *outcome = RowOutcome::None;
            }
        }
        row.redo = Some(which);
    }
}
