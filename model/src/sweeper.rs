//! The sweeper: what a death or a lost message left, as `filas_domain::sweep` decides it. It has no patience here, so
//! that what it does comes at the worst of moments.

use std::time::Duration;

use filas_domain::batch::Batch;
use filas_domain::sweep::{self, Observation, Patience, Sweep};

use crate::Protocol;
use crate::bounds::SweeperDuty;
use crate::process::{Event, Origin, SeenHead, Step};
use crate::state::State;
use crate::step::Next;
use crate::stored::NOW;

/// None.
const IMPATIENT: Patience = Patience {
    step: Duration::ZERO,
    empty_queue: Duration::ZERO,
    retention: Duration::ZERO,
    upload: Duration::ZERO,
    stuck: Duration::ZERO,
};

impl Protocol {
    pub(crate) fn read_swept(&self, state: &State) -> Next {
        let task = state.task();
        if let Some(head) = task.finished(NOW) {
            return Next::Go(Step::WriteEnd(state.over_head(&head)));
        }
        let claimed = state.batches.iter().enumerate().filter(|(_, row)| row.exists);
        let batches: Vec<Batch> = claimed.map(|(number, row)| row.to_batch(number)).collect();
        let is_in_flight = state.processes.iter().any(|process| matches!(process.origin, Origin::Message(_)));
        let is_queue_empty = state.messages.is_empty() && !is_in_flight;
        let seen = Observation { task: &task, batches: &batches, is_queue_empty };
        match sweep::decide(&seen, NOW, &IMPATIENT) {
            // The file is there: the model begins with it.
            Sweep::LookForUpload { .. } | Sweep::ReadAgain => {
                Next::Go(Step::WriteArrival(state.over_head(&task.changed(NOW))))
            }
            Sweep::SendOpen => Next::Go(Step::ReadUnsent),
            Sweep::SendAgain if self.bounds.sweeper == SweeperDuty::All => {
                Next::Go(Step::WriteSwept(state.over_head(&task.to_be_sent_again(NOW))))
            }
            Sweep::CloseOpen => Next::Go(Step::ReadClosing(0)),
            Sweep::SendAgain | Sweep::Resume | Sweep::LastAudit | Sweep::Nothing => Next::Done,
        }
    }

    pub(crate) fn write_swept(state: &mut State, head: SeenHead) -> Next {
        if !head.is_current {
            return Next::Done;
        }
        state.write_head(head);
        Next::Go(Step::ReadUnsent)
    }

    pub(crate) fn write_arrival(state: &mut State, head: SeenHead) -> Next {
        if !head.is_current {
            return Next::Done;
        }
        state.write_head(head);
        Next::Go(Step::SendArrival)
    }

    pub(crate) fn send_arrival(state: &mut State) -> Next {
        state.events.push(Event { receives: 0, waits: false });
        Next::Done
    }
}
