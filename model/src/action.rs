//! What can happen next: steps of the protocol, which are free, and faults and commands, which cost.

use filas_domain::batch::BatchState;
use filas_domain::task::TaskState;

use crate::Protocol;
use crate::bounds::SweeperDuty;
use crate::process::{Event, HeadCommand, Message, Origin, Process, Purpose, Redriven, Step};
use crate::state::State;
use crate::step::Choice;
use crate::stored::{BATCHES, BatchRow, NOW};

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A process takes its next step.
    Step(usize, Choice),
    /// A worker gets a message of the batch queue.
    Deliver(usize),
    /// The undertaker gets a dead letter of the batch queue.
    DeliverDeadMessage(usize),
    /// A reader gets an event.
    DeliverEvent(usize),
    /// The undertaker gets a dead letter of the ingest queue.
    DeliverDeadEvent(usize),
    /// The lease of a batch ends.
    LeaseEnds(usize),
    /// The lease of the file ends.
    SplitLeaseEnds,
    /// Somebody goes on with a paused task.
    Resume,
    /// The sweeper comes by.
    Sweep,
    /// A process dies.
    Crash(usize),
    /// The visibility timeout of what a process was called with ends while the process lives.
    VisibilityEnds(usize),
    /// A message is there twice.
    Duplicate(usize),
    /// A dead letter is there twice.
    DuplicateDead(usize),
    /// An event is there twice.
    DuplicateEvent(usize),
    /// A message is gone.
    Lose(usize),
    /// A dead letter is gone.
    LoseDead(usize),
    /// An event is gone.
    LoseEvent(usize),
    /// A person gives a command.
    Give(HeadCommand),
    /// A person puts rows through again.
    Redrive(Redriven),
}

impl Protocol {
    /// The steps of the protocol that can be taken without a fault, a person, or the sweeper.
    pub fn steps(&self, state: &State, actions: &mut Vec<Action>) {
        for (index, process) in state.processes.iter().enumerate() {
            match &process.step {
                Step::Run(seen) => {
                    actions.extend(Self::choices(state, seen).into_iter().map(|choice| Action::Step(index, choice)));
                }
                Step::StoreRows(_) if state.left.troubles > 0 => {
                    actions.extend([Choice::None, Choice::Trouble].map(|choice| Action::Step(index, choice)));
                }
                _ => actions.push(Action::Step(index, Choice::None)),
            }
        }
        self.deliveries(state, actions);
        let holds = |number| state.processes.iter().any(|process| process.holds() == Some(number));
        for number in 0..BATCHES {
            if state.batches[number].is_leased && (!holds(number as u8) || state.left.late > 0) {
                actions.push(Action::LeaseEnds(number));
            }
        }
        let holds_file = state.processes.iter().any(Process::holds_file);
        if state.head.is_split_leased && (!holds_file || state.left.late > 0) {
            actions.push(Action::SplitLeaseEnds);
        }
        if state.head.state == TaskState::Paused && self.has_room(state, Origin::Command) {
            actions.push(Action::Resume);
        }
    }

    fn deliveries(&self, state: &State, actions: &mut Vec<Action>) {
        let is_leased = |message: &Message| state.batches[usize::from(message.batch)].is_leased;
        let workers = count(state, |origin| matches!(origin, Origin::Message(_)));
        if workers < self.bounds.workers {
            let ready = |message: &Message| !message.waits || !is_leased(message);
            actions.extend(distinct(&state.messages, ready).map(Action::Deliver));
        }
        let undertakers = count(state, |origin| matches!(origin, Origin::DeadMessage(_) | Origin::DeadEvent(_)));
        if undertakers == 0 {
            // One that is not ready would come again and again until it is.
            let ready = |message: &Message| !is_leased(message);
            actions.extend(distinct(&state.dead_messages, ready).map(Action::DeliverDeadMessage));
            let head = &state.head;
            let waits = head.is_split_leased || (head.state == TaskState::Processing && !head.is_fanned_out);
            actions.extend(distinct(&state.dead_events, |_| !waits).map(Action::DeliverDeadEvent));
        }
        if count(state, |origin| matches!(origin, Origin::Event(_))) < self.bounds.splitters {
            let is_split_leased = state.head.is_split_leased;
            actions.extend(distinct(&state.events, |event| !event.waits || !is_split_leased).map(Action::DeliverEvent));
        }
    }

    /// What a person or the sweeper has to do because nothing else happens: nothing, when the task has ended.
    pub fn rescue(&self, state: &State) -> Option<Action> {
        let can_sweep = self.bounds.sweeper != SweeperDuty::None && state.heals > 0;
        (can_sweep && !state.head.state.is_final()).then_some(Action::Sweep)
    }

    /// The sweeper comes by although others are at work.
    pub fn impatient_sweep(&self, state: &State) -> Option<Action> {
        let can_sweep = self.bounds.sweeper != SweeperDuty::None && state.left.sweeps > 0;
        (can_sweep && self.has_room(state, Origin::Schedule)).then_some(Action::Sweep)
    }

    /// Faults and commands, as far as the budget goes.
    pub fn intrusions(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        let all = 0..state.processes.len();
        let can_die = |index: &usize| {
            left.crashes > 0 || (left.commands_dying > 0 && state.processes[*index].origin == Origin::Command)
        };
        actions.extend(all.clone().filter(can_die).map(Action::Crash));
        if left.late > 0 {
            let can = |index: &usize| {
                let process = &state.processes[*index];
                process.owns && !matches!(process.origin, Origin::Command | Origin::Schedule)
            };
            actions.extend(all.filter(can).map(Action::VisibilityEnds));
        }
        if left.duplicates > 0 {
            actions.extend(distinct(&state.messages, |_| true).map(Action::Duplicate));
            actions.extend(distinct(&state.dead_messages, |_| true).map(Action::DuplicateDead));
            actions.extend(distinct(&state.events, |_| true).map(Action::DuplicateEvent));
        }
        if left.losses > 0 {
            actions.extend(distinct(&state.messages, |_| true).map(Action::Lose));
            actions.extend(distinct(&state.dead_messages, |_| true).map(Action::LoseDead));
            actions.extend(distinct(&state.events, |_| true).map(Action::LoseEvent));
        }
        self.commands(state, actions);
    }

    fn commands(&self, state: &State, actions: &mut Vec<Action>) {
        if !self.has_room(state, Origin::Command) {
            return;
        }
        let task_state = state.head.state;
        if state.left.cancels > 0 && !task_state.is_final() && task_state != TaskState::Cancelling {
            actions.push(Action::Give(HeadCommand::Cancel));
        }
        if state.left.pauses > 0 && task_state == TaskState::Processing {
            actions.push(Action::Give(HeadCommand::Pause));
        }
        if state.left.redrives > 0 && state.task().reopened(NOW).is_ok() {
            let any = |is_so: fn(&BatchRow) -> bool| state.batches.iter().any(is_so);
            if any(|row| row.state == BatchState::Dead) {
                actions.push(Action::Redrive(Redriven::Dead));
            }
            if any(|row| row.failed > 0) {
                actions.push(Action::Redrive(Redriven::Failed));
            }
        }
    }

    fn has_room(&self, state: &State, origin: Origin) -> bool {
        let most = if origin == Origin::Command { self.bounds.commands } else { 1 };
        count(state, |other| *other == origin) < most
    }

    /// The state after `action`, which was one of those that could happen.
    pub fn after(&self, mut state: State, action: Action) -> State {
        let is_quiet = action == Action::Sweep && self.is_quiet(&state);
        if is_quiet {
            state.heals -= 1;
        }
        match action {
            Action::Step(index, choice) => self.step(&mut state, index, choice),
            Action::Deliver(_)
            | Action::DeliverDeadMessage(_)
            | Action::DeliverEvent(_)
            | Action::DeliverDeadEvent(_) => deliver(&mut state, action),
            Action::LeaseEnds(_) | Action::SplitLeaseEnds => self.end_lease(&mut state, action),
            Action::Resume => begin(&mut state, Origin::Command, Step::ReadHead(HeadCommand::Resume)),
            Action::Sweep => {
                state.left.sweeps -= u8::from(!is_quiet);
                begin(&mut state, Origin::Schedule, Step::ReadSwept);
            }
            fault_or_command => {
                self.intrude(&mut state, fault_or_command);
                state.heals = self.bounds.heals;
            }
        }
        state.normalise();
        state
    }

    /// Whether nothing happens unless somebody from outside does something.
    pub fn is_quiet(&self, state: &State) -> bool {
        // Whatever runs can take a step.
        if !state.processes.is_empty() {
            return false;
        }
        let mut steps = Vec::new();
        self.steps(state, &mut steps);
        steps.is_empty()
    }

    /// The end of a lease is a fault when its holder lives.
    fn end_lease(&self, state: &mut State, action: Action) {
        let is_held = if let Action::LeaseEnds(number) = action {
            state.batches[number].is_leased = false;
            state.processes.iter().any(|process| process.holds() == Some(number as u8))
        } else {
            state.head.is_split_leased = false;
            state.processes.iter().any(Process::holds_file)
        };
        if is_held {
            state.left.late -= 1;
            state.heals = self.bounds.heals;
        }
    }

    fn intrude(&self, state: &mut State, action: Action) {
        match action {
            Action::Crash(index) => {
                let process = state.processes.remove(index);
                match process.origin == Origin::Command && state.left.commands_dying > 0 {
                    true => state.left.commands_dying -= 1,
                    false => state.left.crashes -= 1,
                }
                state.give_back(process, false, self.bounds.receives);
            }
            Action::VisibilityEnds(index) => {
                state.left.late -= 1;
                state.give_back(state.processes[index], false, self.bounds.receives);
                state.processes[index].owns = false;
            }
            Action::Duplicate(_) | Action::DuplicateDead(_) | Action::DuplicateEvent(_) => {
                state.left.duplicates -= 1;
                match action {
                    Action::Duplicate(index) => state.messages.push(state.messages[index]),
                    Action::DuplicateDead(index) => state.dead_messages.push(state.dead_messages[index]),
                    Action::DuplicateEvent(index) => state.events.push(state.events[index]),
                    _ => {}
                }
            }
            Action::Lose(_) | Action::LoseDead(_) | Action::LoseEvent(_) => {
                state.left.losses -= 1;
                match action {
                    Action::Lose(index) => drop(state.messages.remove(index)),
                    Action::LoseDead(index) => drop(state.dead_messages.remove(index)),
                    Action::LoseEvent(index) => drop(state.events.remove(index)),
                    _ => {}
                }
            }
            Action::Give(command) => {
                match command {
                    HeadCommand::Cancel => state.left.cancels -= 1,
                    HeadCommand::Pause => state.left.pauses -= 1,
                    HeadCommand::Resume => {}
                }
                begin(state, Origin::Command, Step::ReadHead(command));
            }
            Action::Redrive(what) => {
                state.left.redrives -= 1;
                begin(state, Origin::Command, Step::ReadReopening(what, 0));
            }
            _ => {}
        }
    }
}

fn deliver(state: &mut State, action: Action) {
    let (origin, step) = match action {
        Action::Deliver(index) => {
            let message = state.messages.remove(index);
            let message = Message { receives: message.receives + 1, waits: false, ..message };
            (Origin::Message(message), Step::ReadTask)
        }
        Action::DeliverDeadMessage(index) => {
            (Origin::DeadMessage(state.dead_messages.remove(index)), Step::ReadBatch(Purpose::Bury))
        }
        Action::DeliverEvent(index) => {
            let event = state.events.remove(index);
            let event = Event { receives: event.receives + 1, waits: false };
            (Origin::Event(event), Step::ReadUpload)
        }
        Action::DeliverDeadEvent(index) => (Origin::DeadEvent(state.dead_events.remove(index)), Step::ReadGivenUp),
        _ => return,
    };
    begin(state, origin, step);
}

fn begin(state: &mut State, origin: Origin, step: Step) {
    state.processes.push(Process::new(origin, step));
}

fn count(state: &State, wanted: impl Fn(&Origin) -> bool) -> usize {
    state.processes.iter().filter(|process| wanted(&process.origin)).count()
}

/// The positions of what is wanted, each kind once: equal ones lie side by side.
fn distinct<T: PartialEq>(sorted: &[T], wanted: impl Fn(&T) -> bool) -> impl Iterator<Item = usize> {
    let is_new = |index: usize| index == 0 || sorted[index] != sorted[index - 1];
    (0..sorted.len()).filter(move |index| is_new(*index) && wanted(&sorted[*index]))
}
