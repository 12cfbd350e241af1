//! One step of one process, and what it leads to.

use crate::Protocol;
use crate::process::{Origin, Process, Step};
use crate::state::State;

/// What a worker meets when it runs rows. Every other step has one way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// There is nothing to choose.
    None,
    /// So many rows end, of which those fail whose bits are set: bits by position among the rows that are run.
    Rows(u8, u8),
    /// Trouble outside the rows, or the rows are not there.
    Trouble,
}

/// What a process does after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Its next step.
    Go(Step),
    /// It is done with its work: its message, if it has one, is to be deleted.
    Done,
    /// Its message is to come again: after the lease that it met, if it met one.
    Again {
        /// Whether it waits for a lease.
        waits: bool,
    },
    /// It is gone, and its message with it.
    Gone,
}

impl Protocol {
    /// The state after a process has taken its next step.
    pub fn step(&self, state: &mut State, index: usize, choice: Choice) {
        let mut process = state.processes.remove(index);
        match self.next(state, &mut process, choice) {
            Next::Go(step) => state.processes.push(Process { step, ..process }),
            Next::Done if matches!(process.origin, Origin::Command | Origin::Schedule) => {}
            Next::Done => state.processes.push(Process { step: Step::Acknowledge, ..process }),
            Next::Again { waits } => state.give_back(process, waits, self.bounds.receives),
            Next::Gone => {}
        }
    }

    fn next(&self, state: &mut State, process: &mut Process, choice: Choice) -> Next {
        match process.step {
            Step::ReadTask => self.read_task(state),
            Step::ReadBatch(purpose) => self.read_batch(state, process, purpose),
            Step::WriteBatch(purpose, seen) => self.write_batch(state, process, purpose, seen),
            Step::Run(seen) => self.run(state, process, seen, choice),
            Step::Record(seen, ran) => self.record(state, seen, ran),
            Step::RecordRest(seen, ran) => self.record_rest(state, seen, ran),
            Step::GiveBack(seen) => Self::give_batch_back(state, seen),
            Step::SendOn => Self::send_on(state, process),
            Step::LookAgain => Self::look_again(state),
            Step::ReadEnd => Self::read_end(state),
            Step::WriteEnd(head) => self.write_end(state, head),
            Step::Acknowledge => Next::Gone,
            Step::ReadUpload => Self::read_upload(state),
            Step::WriteUpload(head, what) => Self::write_upload(state, head, what),
            Step::StoreRows(head) => self.store_rows(state, head, choice),
            Step::WriteSplit(head) => self.write_split(state, head),
            Step::ReadGivenUp => Self::read_given_up(state),
            Step::WriteGivenUp(head) => Self::write_given_up(state, head),
            Step::ReadUnsent => Self::read_unsent(state),
            Step::ReadOpen(head) => self.read_open(state, head),
            Step::Send(head, batches) => Self::send_one(state, head, batches),
            Step::Mark(head) => self.mark(state, head),
            Step::ReadHead(command) => self.read_head(state, command),
            Step::WriteHead(command, head) => self.write_command(state, command, head),
            Step::ReadClosing(from) => self.read_closing(state, from),
            Step::WriteClosing(from, head, batches) => self.write_closing(state, from, head, &batches),
            Step::ReadReopening(what, from) => self.read_reopening(state, what, from),
            Step::WriteReopening(what, from, head, batches) => self.write_reopening(state, what, from, head, &batches),
            Step::ReadSwept => self.read_swept(state),
            Step::WriteSwept(head) => Self::write_swept(state, head),
            Step::WriteArrival(head) => Self::write_arrival(state, head),
            Step::SendArrival => Self::send_arrival(state),
        }
    }
}
