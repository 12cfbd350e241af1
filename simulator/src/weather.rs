//! What goes wrong in a run, and how often.

use std::time::Duration;

use filas_testkit::memory::Strike;

use crate::dice::Dice;

/// A strike at a call: its number over all ports, from 1.
pub type PlannedStrike = (usize, Strike);

/// What goes wrong in a run.
#[derive(Debug, Clone)]
pub enum Weather {
    /// Nothing but these strikes. Calls take no time.
    Planned(Vec<PlannedStrike>),
    /// By chance.
    Random(Odds),
}

impl Weather {
    /// Whether a process may stand still for longer than its lease.
    pub fn may_stall(&self) -> bool {
        match self {
            Self::Planned(strikes) => strikes.iter().any(|(_, strike)| *strike == Strike::Stall),
            Self::Random(odds) => odds.stall > 0,
        }
    }
}

/// How often something goes wrong, in a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Odds {
    /// A call is refused.
    pub throttle: u32,
    /// A call's answer is lost.
    pub lost_answer: u32,
    /// A process dies at a call, before or after its effect.
    pub death: u32,
    /// A process stands still for longer than its lease.
    pub stall: u32,
    /// A call takes time.
    pub slow: u32,
    /// A message is delivered to two at once.
    pub duplicate: u32,
    /// A message comes later.
    pub delay: u32,
    /// A message that was dealt with is not deleted.
    pub lost_acknowledgement: u32,
    /// A message is gone before anybody received it.
    pub lost_message: u32,
    /// A queue says that it is empty, and is not.
    pub wrong_depth: u32,
    /// How many of all these may happen; after them the weather is fine, and everything must heal.
    pub budget: u32,
}

impl Odds {
    /// The weather of a run with this seed: from fine to dreadful, each of its parts for itself.
    pub fn roll(dice: &mut Dice) -> Self {
        let mut part = |most: u64| if dice.chance(350) { 0 } else { u32::try_from(dice.between(1, most)).unwrap_or(0) };
        Self {
            throttle: part(60),
            lost_answer: part(60),
            death: part(55),
            stall: part(35),
            slow: part(300),
            duplicate: part(150),
            delay: part(200),
            lost_acknowledgement: part(150),
            lost_message: part(60),
            wrong_depth: part(300),
            budget: part(80) + 3,
        }
    }

    /// What strikes the next call.
    pub fn strike(&self, dice: &mut Dice) -> Option<Strike> {
        if dice.chance(self.throttle) {
            Some(Strike::FailBefore)
        } else if dice.chance(self.lost_answer) {
            Some(Strike::FailAfter)
        } else if dice.chance(self.death) {
            Some(if dice.chance(500) { Strike::DieBefore } else { Strike::DieAfter })
        } else if dice.chance(self.stall) {
            Some(Strike::Stall)
        } else {
            None
        }
    }
}

/// How long a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// So many others may go first.
    Turns(u64),
    /// Time passes.
    Time(Duration),
}
