//! Ports that fail, stall, or take the whole worker with them.
//!
//! A [`Fragile`] port hands every call to a [`Fate`] before it happens and after it happened. The fate says what strikes
//! the call: [`PlannedFate`] what a test planned, the simulator what a seed or an exhaustive search says.
//!
//! * [`call`]: what is called, and with what
//! * [`planned`]: the fate that a test plans
//! * [`ports`]: every port under a fate
//! * [`world_clock`]: the clock that follows tokio's paused time

mod call;
mod planned;
mod ports;
mod world_clock;

use std::error::Error;
use std::future::Future;
use std::time::Duration;

pub use call::{Call, Subject};
pub use planned::{At, PlannedFate};
pub use ports::{Fragile, FragileStream};
pub use world_clock::WorldClock;

/// How long a worker that stalls stands still: longer than its lease.
pub const STALL: Duration = Duration::from_secs(60);

/// What strikes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strike {
    /// It has no effect and answers with a transient error: a throttle.
    FailBefore,
    /// It has its effect and answers with a transient error: a lost answer.
    FailAfter,
    /// The worker is gone before the effect.
    DieBefore,
    /// The worker is gone after the effect.
    DieAfter,
    /// The worker stands still for [`STALL`], and goes on as if nothing had been.
    Stall,
}

impl Strike {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::FailBefore, Self::FailAfter, Self::DieBefore, Self::DieAfter, Self::Stall];
}

/// Decides what becomes of every call of a port. Its clones are the same fate.
pub trait Fate: Clone + Send + Sync {
    /// A call is about to be made. May take its time, as a network does; what strikes the call is the answer. A fate that
    /// answers with one of the deaths drops the future that called, or never polls it again.
    fn begin(&self, call: &Call<'_>) -> impl Future<Output = Option<Strike>> + Send;

    /// The call had its effect, or would have had it but for `error`. Its answer is on its way. `strike` is what
    /// [`begin`](Self::begin) answered.
    fn end(
        &self,
        call: &Call<'_>,
        strike: Option<Strike>,
        error: Option<&(dyn Error + Send + Sync)>,
    ) -> impl Future<Output = ()> + Send;
}
