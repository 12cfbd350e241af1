//! A worker, as `functions/processor` is one: claim, run, store, count, hand on; park or cancel when the task says so.

use filas_domain::batch::{Batch, Progress, Refusal, difference};
use filas_domain::task::TaskState;

use crate::Protocol;
use crate::bug::Bug;
use crate::process::{Message, Process, Purpose, Ran, Seen, Step};
use crate::rule::Rule;
use crate::state::{Change, State, Writer};
use crate::step::{Choice, Next};
use crate::stored::{LATER, NOW, ROWS, RowOutcome, counts, small};

impl Protocol {
    pub(crate) fn read_task(&self, state: &State) -> Next {
        Next::Go(Step::ReadBatch(match state.head.state {
            TaskState::Paused => Purpose::Park,
            TaskState::Cancelling => Purpose::Cancel,
            _ => Purpose::Claim,
        }))
    }

    /// What becomes of a batch for this purpose.
    fn change(&self, purpose: Purpose, seen: &Seen, message: Message) -> Result<Batch, Refusal> {
        let (id, mut row) = (message.id.to_string(), seen.row);
        if purpose == Purpose::Claim && self.has(Bug::ClaimIgnoresLease) {
            row.is_leased = false;
        }
        let batch = row.to_batch(seen.number.into());
        match purpose {
            Purpose::Claim => batch.claimed("", &id, NOW, LATER),
            Purpose::Park => batch.parked(&id, NOW),
            Purpose::Cancel => batch.cancelled(&id, NOW),
            Purpose::Bury => self.buried(&batch, &id),
        }
    }

    pub(crate) fn read_batch(&self, state: &State, process: &Process, purpose: Purpose) -> Next {
        let Some(message) = process.message() else { return Next::Done };
        let seen = state.see(message.batch);
        match self.change(purpose, &seen, message) {
            Ok(_) => Next::Go(Step::WriteBatch(purpose, seen)),
            Err(Refusal::Leased(_)) => Next::Again { waits: true },
            Err(Refusal::Closed) if self.has(Bug::NoLookAfterRedelivery) => Next::Go(Step::Acknowledge),
            Err(Refusal::Closed | Refusal::Duplicate) => Next::Go(Step::ReadEnd),
        }
    }

    pub(crate) fn write_batch(&self, state: &mut State, process: &mut Process, purpose: Purpose, seen: Seen) -> Next {
        let is_unfenced = match purpose {
            Purpose::Claim => self.has(Bug::ClaimUnfenced),
            Purpose::Bury => self.has(Bug::BuryUnconditionally),
            Purpose::Park | Purpose::Cancel => false,
        };
        let Some(message) = process.message() else { return Next::Done };
        let Ok(after) = self.change(purpose, &seen, message) else { return Next::Done };
        if !seen.is_current && !is_unfenced {
            return Next::Go(Step::ReadBatch(purpose));
        }
        if purpose == Purpose::Bury && seen.row.is_redriven && message.is_old {
            state.broken.get_or_insert(Rule::BuriedByAnOldLetter);
        }
        let mut change = Change::new(seen, after);
        change.row.is_redriven &= purpose != Purpose::Claim;
        let row = change.row;
        state.write_batches(&[change], Writer::Other);
        if purpose == Purpose::Claim {
            state.forget_age(message.batch);
            process.forget_age();
        }
        Next::Go(match purpose {
            Purpose::Claim => Step::Run(Seen { row, is_current: true, ..seen }),
            Purpose::Park if !self.has(Bug::ParkWithoutLookingAgain) => Step::LookAgain,
            Purpose::Park | Purpose::Cancel | Purpose::Bury => Step::ReadEnd,
        })
    }

    pub(crate) fn look_again(state: &State) -> Next {
        match state.head.state {
            TaskState::Paused => Next::Go(Step::ReadEnd),
            _ => Next::Again { waits: false },
        }
    }

    /// What a worker may meet when it runs the rows of a batch.
    pub(crate) fn choices(state: &State, seen: &Seen) -> Vec<Choice> {
        if !state.is_file_stored {
            return vec![Choice::Trouble];
        }
        let rows = u8::try_from(seen.row.rows_to_run().len()).unwrap_or(u8::MAX);
        let mut choices: Vec<Choice> = Vec::new();
        for ended in 1..=rows {
            if ended < rows && state.left.handovers == 0 {
                continue;
            }
            let failing = (0..1_u8 << ended).filter(|failed| failed.count_ones() <= state.left.failures.into());
            choices.extend(failing.map(|failed| Choice::Rows(ended, failed)));
        }
        if state.left.troubles > 0 {
            choices.push(Choice::Trouble);
        }
        choices
    }

    pub(crate) fn run(&self, state: &mut State, process: &mut Process, seen: Seen, choice: Choice) -> Next {
        let Choice::Rows(ended, failed) = choice else {
            // A file that cannot be read is no chance: it costs nothing.
            state.left.troubles = state.left.troubles.saturating_sub(state.is_file_stored.into());
            return Next::Go(Step::GiveBack(seen));
        };
        let rows = seen.row.rows_to_run();
        if ended < small(rows.len() as u64) {
            state.left.handovers -= 1;
        }
        state.left.failures -= small(failed.count_ones().into());
        let mut outcomes = [RowOutcome::None; ROWS];
        for (position, row) in rows.into_iter().take(ended.into()).enumerate() {
            outcomes[row] = if failed & (1 << position) == 0 { RowOutcome::Succeeded } else { RowOutcome::Failed };
            // A worker that lost the batch meanwhile cannot know: its rows go out twice under one idempotency key.
            if seen.is_current && seen.row.outcomes[row] != RowOutcome::None {
                state.broken.get_or_insert(Rule::RanACountedRow);
            }
        }
        if !state.head.is_split {
            state.broken.get_or_insert(Rule::RanBeforeTheSplit);
        }
        process.owns &= !self.has(Bug::AcknowledgeBeforeCommit);
        let is_stored = !self.has(Bug::CountBeforeStoring);
        Next::Go(Step::Record(seen, Ran { outcomes, is_stored }))
    }

    pub(crate) fn record(&self, state: &mut State, seen: Seen, ran: Ran) -> Next {
        if !seen.is_current && !self.has(Bug::CommitUnfenced) {
            // Whoever took it over has a message for it; this one comes again and finds it closed.
            return Next::Again { waits: false };
        }
        let change = recorded(seen, ran);
        if self.has(Bug::CountOutsideTransaction) {
            state.write_uncounted(&[change], Writer::Holder);
            return Next::Go(Step::RecordRest(seen, ran));
        }
        if self.has(Bug::CountAbsolutely) {
            let all = change.after.contribution();
            let changes = [change];
            state.write_uncounted(&changes, Writer::Holder);
            state.count(&all, &changes);
        } else {
            state.write_batches(&[change], Writer::Holder);
        }
        if ran.is_stored { self.after_recording(state, seen) } else { Next::Go(Step::RecordRest(seen, ran)) }
    }

    /// What a seeded bug left to be done.
    pub(crate) fn record_rest(&self, state: &mut State, seen: Seen, ran: Ran) -> Next {
        if self.has(Bug::CountOutsideTransaction) {
            let changes = [recorded(seen, ran)];
            state.count(&difference(&[changes[0].to_domain()]), &changes);
        } else {
            let outcomes = &mut state.batches[usize::from(seen.number)].outcomes;
            for (stored, ran) in outcomes.iter_mut().zip(ran.outcomes) {
                if *stored == RowOutcome::Missing {
                    *stored = ran;
                }
            }
        }
        self.after_recording(state, seen)
    }

    fn after_recording(&self, state: &State, seen: Seen) -> Next {
        let is_closed = state.batches[usize::from(seen.number)].state.is_closed();
        Next::Go(if is_closed || self.has(Bug::HandOnWithoutMessage) { Step::ReadEnd } else { Step::SendOn })
    }

    pub(crate) fn give_batch_back(state: &mut State, seen: Seen) -> Next {
        if seen.is_current {
            let after = seen.row.to_batch(seen.number.into()).released("trouble", NOW);
            state.write_batches(&[Change::new(seen, after)], Writer::Holder);
        }
        Next::Again { waits: false }
    }

    pub(crate) fn send_on(state: &mut State, process: &Process) -> Next {
        if let Some(message) = process.message() {
            state.send(message.batch);
        }
        Next::Go(Step::ReadEnd)
    }
}

/// A held batch with what was done of it.
fn recorded(seen: Seen, ran: Ran) -> Change {
    let ended = |outcome| small(ran.outcomes.iter().filter(|ran| **ran == outcome).count() as u64);
    let (succeeded, failed) = (ended(RowOutcome::Succeeded), ended(RowOutcome::Failed));
    let rows = u32::from(succeeded) + u32::from(failed);
    let progress = Progress { rows, bytes: rows.into(), counts: counts(succeeded, failed, 0), ..Progress::default() };
    let mut change = Change::new(seen, seen.row.to_batch(seen.number.into()).recorded(&progress, NOW));
    for (stored, ran_to) in change.row.outcomes.iter_mut().zip(ran.outcomes) {
        *stored = match (*stored, ran_to) {
            (before, RowOutcome::None) => before,
            (RowOutcome::None, ran_to) if ran.is_stored => ran_to,
            (RowOutcome::None, _) => RowOutcome::Missing,
            _ => RowOutcome::Two,
        };
    }
    change
}
