//! The end of a task, as `filas_domain::completion` brings it about.

use crate::Protocol;
use crate::bug::Bug;
use crate::process::{SeenHead, Step};
use crate::state::State;
use crate::step::Next;
use crate::stored::NOW;

impl Protocol {
    pub(crate) fn read_end(state: &State) -> Next {
        match state.task().finished(NOW) {
            Some(head) => Next::Go(Step::WriteEnd(state.over_head(&head))),
            None => Next::Done,
        }
    }

    pub(crate) fn write_end(&self, state: &mut State, head: SeenHead) -> Next {
        if !head.is_current && !self.has(Bug::FinishUnfenced) {
            return Next::Go(Step::ReadEnd);
        }
        state.write_head(head);
        Next::Done
    }
}
