//! The reader of the file, as `functions/split` is one: rows and index, head, messages, and the word that they are out.

use std::time::Duration;

use filas_domain::task::{SplitDecision, Task};

use crate::Protocol;
use crate::bug::Bug;
use crate::process::{SeenHead, Step, Upload};
use crate::state::{State, split_done};
use crate::step::{Choice, Next};
use crate::stored::{BATCHES, HeadRow, NOW, TallyRow, task};

/// A bit for each batch.
pub(crate) const EVERY_BATCH: u8 = (1 << BATCHES) - 1;

/// Longer than nothing: until the lease ends.
const LEASE: Duration = Duration::from_millis(1);

impl Protocol {
    pub(crate) fn read_upload(state: &State) -> Next {
        match state.task().decide_split(NOW, LEASE) {
            SplitDecision::Nothing => Next::Done,
            SplitDecision::Wait(_) => Next::Again { waits: true },
            SplitDecision::SendAgain => Next::Go(Step::ReadUnsent),
            SplitDecision::GiveUp(head) => Next::Go(Step::WriteUpload(state.over_head(&head), Upload::GiveUp)),
            SplitDecision::Read(head) => Next::Go(Step::WriteUpload(state.over_head(&head), Upload::Begin)),
        }
    }

    pub(crate) fn write_upload(state: &mut State, head: SeenHead, what: Upload) -> Next {
        if head.is_current {
            state.write_head(head);
        }
        match what {
            Upload::GiveBack => Next::Again { waits: false },
            _ if !head.is_current => Next::Go(Step::ReadUpload),
            Upload::Begin => Next::Go(Step::StoreRows(head)),
            Upload::GiveUp => Next::Done,
        }
    }

    /// The rows and then the index: without the index the rows are nothing to anybody, so they are one step.
    pub(crate) fn store_rows(&self, state: &mut State, head: SeenHead, choice: Choice) -> Next {
        let held = held(head);
        if choice == Choice::Trouble {
            state.left.troubles -= 1;
            let row = HeadRow::of(&held.split_released(NOW));
            return Next::Go(Step::WriteUpload(SeenHead { row, ..head }, Upload::GiveBack));
        }
        state.is_file_stored = true;
        if self.has(Bug::SendBeforeSplit) {
            (0..BATCHES).for_each(|number| state.send(number as u8));
        }
        Next::Go(Step::WriteSplit(SeenHead { row: HeadRow::of(&split_done(&held)), ..head }))
    }

    pub(crate) fn write_split(&self, state: &mut State, head: SeenHead) -> Next {
        if !head.is_current && !self.has(Bug::SplitDoneUnfenced) {
            return Next::Done;
        }
        state.write_head(head);
        let marked = state.over_head(&state.task().fanned_out(NOW));
        if self.has(Bug::MarkBeforeSending) {
            state.write_head(marked);
        }
        Next::Go(Step::Send(marked, EVERY_BATCH))
    }
}

/// The task as the reader that wrote this head has it in its hands.
fn held(head: SeenHead) -> Task {
    task(head.row, TallyRow::default())
}
