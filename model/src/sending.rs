//! Messages for open batches, as `filas_domain::fan_out` sends them.

use filas_domain::fan_out;
use filas_domain::task::TaskState;

use crate::Protocol;
use crate::bug::Bug;
use crate::process::{SeenHead, Step};
use crate::state::State;
use crate::step::Next;
use crate::stored::{NOW, small};

impl Protocol {
    pub(crate) fn read_unsent(state: &State) -> Next {
        let task = state.task();
        if !fan_out::is_to_be_sent(&task) {
            return Next::Done;
        }
        Next::Go(Step::ReadOpen(state.over_head(&task.fanned_out(NOW))))
    }

    pub(crate) fn read_open(&self, state: &mut State, head: SeenHead) -> Next {
        let mut open = 0;
        for (number, row) in state.batches.iter().enumerate() {
            let batch = row.to_batch(number);
            if !batch.state.is_closed() && !batch.is_held(NOW) {
                open |= 1 << number;
            }
        }
        if self.has(Bug::MarkBeforeSending) && head.is_current {
            state.write_head(head);
        }
        Next::Go(if open == 0 { Step::Mark(head) } else { Step::Send(head, open) })
    }

    pub(crate) fn send_one(state: &mut State, head: SeenHead, batches: u8) -> Next {
        state.send(small(batches.trailing_zeros().into()));
        let rest = batches & (batches - 1);
        Next::Go(if rest == 0 { Step::Mark(head) } else { Step::Send(head, rest) })
    }

    pub(crate) fn mark(&self, state: &mut State, head: SeenHead) -> Next {
        if head.is_current {
            state.write_head(head);
        } else if self.has(Bug::MarkUnfenced) && state.head.state == TaskState::Processing {
            state.write_head(state.over_head(&state.task().fanned_out(NOW)));
        }
        Next::Done
    }
}
