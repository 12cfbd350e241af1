//! The gate before a partner: when the next request may go.
//!
//! Where the pipeline gives a rate, all workers together take permits in blocks, and each worker lets its rows go one by
//! one, each at its permit's instant. Whatever the rate, nobody goes while the partner has asked everyone to wait.
//!
//! * [`pacer`]: the permits of this worker, and the pause, without a clock
//! * [`Gate`]: waits, and takes permits before they run out

mod pacer;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use filas_domain::permits::{Answer, Destination, Micros, Rate};
use filas_domain::ports::PortError;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::outbound::{back_off, random_share};
use crate::services::{Services, interrupted};
use crate::spec::RateSpec;
use crate::stage::Interrupted;
use pacer::Pacer;

/// How often a worker looks whether another has learnt of a pause, where it takes no permits that would tell it.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// A pause that is longer is not waited for in a worker, which may have less time than that: the task is paused.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// No partner can stop us for longer than this by one answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// A pause that is longer by less than this is the same one, told to two rows.
const SAME_PAUSE: Duration = Duration::from_millis(250);

/// Workers that found nothing to take do not ask again all at once.
const SPREAD: Duration = Duration::from_millis(200);

/// The gate of one destination in this worker.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    services: Services,
    destination: Destination,
    rate: Option<Rate>,
    pacer: Mutex<Pacer>,
    /// Held by whoever takes permits for all rows of this worker.
    taking: tokio::sync::Mutex<()>,
    looked: Mutex<Option<Instant>>,
}

impl Gate {
    /// The gate before `destination` of a worker that runs so many rows at once.
    pub(crate) fn new(
        services: Services,
        destination: Destination,
        rate: Option<RateSpec>,
        concurrency: usize,
    ) -> Self {
        let rate = rate.and_then(|rate| Some(Rate::new(NonZeroU32::new(rate.permits)?, rate.per)));
        let pacer = Mutex::new(Pacer::new(rate, concurrency));
        let (taking, looked) = Default::default();
        Self(Arc::new(Shared { services, destination, rate, pacer, taking, looked }))
    }

    /// Waits until a request may go.
    ///
    /// # Errors
    /// [`NoTurn`](Interrupted::NoTurn) when that is not before the deadline; something else when nobody can say when it is.
    pub(crate) async fn pass(&self, deadline: Instant) -> Result<(), Interrupted> {
        loop {
            if Instant::now() >= deadline {
                return Err(Interrupted::NoTurn);
            }
            self.0.wait_out_pause(deadline).await?;
            let Some(rate) = self.0.rate else {
                match self.0.look(deadline).await? {
                    true => continue,
                    false => return Ok(()),
                }
            };
            let next = self.0.pacer().next(rate, self.0.now());
            let Some(instant) = next else {
                self.0.take_until_there_are_some(rate, deadline).await?;
                continue;
            };
            self.take_ahead(rate);
            if let Err(error) = self.0.wait_for(instant, deadline).await {
                self.0.pacer().give_back(instant);
                return Err(error);
            }
            let now = self.0.now();
            if self.0.pacer().may_go(rate, instant, now) {
                return Ok(());
            }
        }
    }

    /// Lets no worker go for so long: the partner asks for it.
    ///
    /// # Errors
    /// When the other workers cannot be told, or the pause is too long to be waited for.
    pub(crate) async fn pause_everyone(&self, pause: Duration) -> Result<(), Interrupted> {
        let pause = pause.min(LONGEST_PAUSE);
        let until = self.0.now().plus(pause);
        let is_news = {
            let mut pacer = self.0.pacer();
            let is_news = until > pacer.paused_until().plus(SAME_PAUSE);
            pacer.pause(until);
            is_news
        };
        if is_news {
            self.0.services.pause(&self.0.destination, until).await.map_err(|error| interrupted(&error))?;
        }
        if pause > LONGEST_WAIT { Err(paused_for(pause)) } else { Ok(()) }
    }

    /// Takes the next permits in the background when there will soon be none. Whatever goes wrong with that goes wrong
    /// again when there are none, and is told then.
    fn take_ahead(&self, rate: Rate) {
        if !self.0.pacer().is_low() || self.0.taking.try_lock().is_err() {
            return;
        }
        let shared = self.0.clone();
        tokio::spawn(async move {
            if let Ok(_alone) = shared.taking.try_lock()
                && shared.pacer().is_low()
            {
                let _ = shared.take(rate).await;
            }
        });
    }
}

impl Shared {
    fn now(&self) -> Micros {
        self.services.now().into()
    }

    fn pacer(&self) -> MutexGuard<'_, Pacer> {
        // A panic elsewhere leaves numbers behind, not a broken structure.
        self.pacer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a moment of the clock's.
    async fn wait_for(&self, moment: Micros, deadline: Instant) -> Result<(), Interrupted> {
        let wait = moment.since(self.now());
        if wait.is_zero() {
            return Ok(());
        }
        self.wait_for_turn(Instant::now().checked_add(wait), deadline).await
    }

    async fn wait_for_turn(&self, moment: Option<Instant>, deadline: Instant) -> Result<(), Interrupted> {
        wait_until(moment, deadline).await.map_err(|_| Interrupted::NoTurn)
    }

    async fn wait_out_pause(&self, deadline: Instant) -> Result<(), Interrupted> {
        loop {
            let until = self.pacer().paused_until();
            let left = until.since(self.now());
            if left.is_zero() {
                return Ok(());
            }
            if left > LONGEST_WAIT {
                return Err(paused_for(left));
            }
            self.wait_for(until, deadline).await?;
        }
    }

    /// Looks once in a while whether another worker has learnt of a pause. Whether there is one now.
    async fn look(&self, deadline: Instant) -> Result<bool, Interrupted> {
        let is_due = {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = looked.is_none_or(|looked| looked.elapsed() >= BETWEEN_LOOKS);
            if is_due {
                *looked = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            let paused_until = timeout_at(deadline, self.services.paused_until(&self.destination)).await;
            let paused_until = paused_until.map_err(|_| Interrupted::NoTurn)?.map_err(|error| interrupted(&error))?;
            self.pacer().pause(paused_until);
        }
        Ok(self.pacer().paused_until() > self.now())
    }

    /// Takes permits for all rows of this worker, or waits while another row does.
    async fn take_until_there_are_some(&self, rate: Rate, deadline: Instant) -> Result<(), Interrupted> {
        let Ok(_alone) = timeout_at(deadline, self.taking.lock()).await else { return Err(Interrupted::NoTurn) };
        let mut failures = 0;
        while self.pacer().is_empty() {
            match timeout_at(deadline, self.take(rate)).await {
                Err(_) => return Err(Interrupted::NoTurn),
                Ok(Ok(answer)) if answer.lease.is_some() => return Ok(()),
                // The caller waits out a pause.
                Ok(Ok(answer)) if answer.paused_until > self.now() => return Ok(()),
                Ok(Ok(answer)) => {
                    let wait = answer.ask_again.since(self.now()) + SPREAD.mul_f64(random_share());
                    self.wait_for_turn(Instant::now().checked_add(wait), deadline).await?;
                }
                Ok(Err(error)) if !error.is_transient() => return Err(interrupted(&error)),
                Ok(Err(error)) => {
                    failures += 1;
                    let next = Instant::now().checked_add(back_off(failures, None));
                    wait_until(next, deadline).await.map_err(|_| interrupted(&error))?;
                }
            }
        }
        Ok(())
    }

    async fn take(&self, rate: Rate) -> Result<Answer, PortError> {
        let wanted = self.pacer().wanted(rate);
        let answer = self.services.take(&self.destination, rate, wanted).await?;
        let mut pacer = self.pacer();
        if let Some(lease) = answer.lease {
            pacer.add(lease);
        }
        pacer.pause(answer.paused_until);
        Ok(answer)
    }
}

fn paused_for(pause: Duration) -> Interrupted {
    let reason = format!("the partner asks to be left alone for {} s", pause.as_secs_f64().ceil());
    Interrupted::PartnerDown { reason, probe_after: pause }
}

/// Waits, unless that would not be before the deadline.
pub(crate) async fn wait_until(moment: Option<Instant>, deadline: Instant) -> Result<(), Interrupted> {
    // A partner may ask for more time than a clock can add.
    match moment {
        Some(moment) if moment < deadline => {
            sleep_until(moment).await;
            Ok(())
        }
        _ => Err(Interrupted::OutOfTime),
    }
}
