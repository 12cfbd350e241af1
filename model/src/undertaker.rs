//! The undertaker, as `functions/dead-letter` is one: dead batches, files that are given up.

use filas_domain::batch::{Batch, Refusal};
use filas_domain::task::{Reason, TaskState};

use crate::Protocol;
use crate::bug::Bug;
use crate::process::{SeenHead, Step};
use crate::state::State;
use crate::step::Next;
use crate::stored::{LATER, NOW};

impl Protocol {
    /// The batch once it is buried for the letter of this message. What is left alone is refused as closed.
    pub(crate) fn buried(&self, batch: &Batch, message: &str) -> Result<Batch, Refusal> {
        let mut batch = batch.clone();
        if self.has(Bug::BuryRedriven) {
            batch.redrives.clear();
        }
        let is_left_alone = batch.state.is_closed() || !batch.answers_to(message);
        match self.has(Bug::BuryUnconditionally) {
            true => Ok(batch.buried(NOW)),
            false if is_left_alone => Err(Refusal::Closed),
            false if batch.is_held(NOW) => Err(Refusal::Leased(LATER)),
            false => Ok(batch.buried(NOW)),
        }
    }

    pub(crate) fn read_given_up(state: &State) -> Next {
        let task = state.task();
        match state.head.state {
            TaskState::AwaitingUpload => {}
            TaskState::Splitting if !state.head.is_split_leased => {}
            TaskState::Splitting => return Next::Again { waits: false },
            TaskState::Processing if !state.head.is_fanned_out => return Next::Again { waits: false },
            _ => return Next::Done,
        }
        let reason = Reason { code: String::new(), message: String::new() };
        Next::Go(Step::WriteGivenUp(state.over_head(&task.failed(reason, NOW))))
    }

    pub(crate) fn write_given_up(state: &mut State, head: SeenHead) -> Next {
        if !head.is_current {
            return Next::Go(Step::ReadGivenUp);
        }
        state.write_head(head);
        Next::Done
    }
}
