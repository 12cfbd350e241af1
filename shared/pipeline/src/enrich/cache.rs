//! Answers of one look-up by URL, each fetched once.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::outbound::Trouble;
use crate::stage::Interrupted;

/// So many answers are remembered, and so many bytes of them: a worker has little memory and may have several look-ups.
const MOST_ENTRIES: usize = 10_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What an entry takes beside its answer and its key, in bytes; a guess.
const ENTRY_BYTES: usize = 256;

/// What a look-up found.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    Value(Value),
    Nothing,
    /// The row's trouble. It is told to all who wait for it, and not remembered.
    Trouble(Trouble),
}

/// Answers by URL.
#[derive(Debug)]
pub(super) struct Cache {
    /// How long an answer is remembered. Those who ask at the same time share one all the same.
    remembered: Duration,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<String, Entry>,
    /// The keys with an answer, the oldest first, each with the serial number of its entry.
    filled: VecDeque<(String, u64)>,
    bytes: usize,
    serial: u64,
}

#[derive(Debug)]
struct Entry {
    flight: Arc<Flight>,
    /// When the answer came, and what it takes.
    filled: Option<Filled>,
}

#[derive(Debug, Clone, Copy)]
struct Filled {
    at: Instant,
    bytes: usize,
    serial: u64,
}

/// One request on its way, or done.
#[derive(Debug, Default)]
struct Flight {
    answer: OnceCell<(Arc<Found>, usize)>,
    /// How often it failed, and how the last time.
    failures: Mutex<(u64, Option<Interrupted>)>,
}

impl Flight {
    fn failures(&self) -> MutexGuard<'_, (u64, Option<Interrupted>)> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the answer, unless a request that this caller was waiting for has failed meanwhile: whoever waited for it
    /// has waited for all its attempts, and must not begin anew one after the other.
    async fn fetch<F>(&self, joined: u64, fetch: impl FnOnce() -> F) -> Result<(Arc<Found>, usize), Interrupted>
    where
        F: Future<Output = Result<(Found, usize), Interrupted>>,
    {
        if let (failures, Some(interrupted)) = &*self.failures()
            && *failures > joined
        {
            return Err(interrupted.clone());
        }
        match fetch().await {
            Ok((found, bytes)) => Ok((Arc::new(found), bytes)),
            // Others may have more time.
            Err(late @ (Interrupted::OutOfTime | Interrupted::NoTurn)) => Err(late),
            Err(interrupted) => {
                let mut failures = self.failures();
                *failures = (failures.0 + 1, Some(interrupted.clone()));
                Err(interrupted)
            }
        }
    }
}

impl Cache {
    /// An empty one.
    pub(super) fn new(remembered: Duration) -> Self {
        Self { remembered, entries: Mutex::default() }
    }

    /// The answer for `key`: remembered, or of a request that is on its way already, or by `fetch`, which says how many
    /// bytes it has.
    pub(super) async fn get<F>(&self, key: &str, fetch: impl FnOnce() -> F) -> Result<Arc<Found>, Interrupted>
    where
        F: Future<Output = Result<(Found, usize), Interrupted>>,
    {
        let flight = self.entries().join(key, self.remembered);
        let joined = flight.failures().0;
        let answer = flight.answer.get_or_try_init(|| flight.fetch(joined, fetch)).await.cloned();
        self.entries().settle(key, &flight, self.remembered);
        answer.map(|(found, _)| found)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// The flight for `key`, a new one where there is none or its answer is too old.
    fn join(&mut self, key: &str, remembered: Duration) -> Arc<Flight> {
        if let Some(entry) = self.by_key.get(key) {
            if entry.filled.is_none_or(|filled| filled.at.elapsed() < remembered) {
                return entry.flight.clone();
            }
            self.remove(key);
        }
        let flight = Arc::new(Flight::default());
        self.by_key.insert(key.to_owned(), Entry { flight: flight.clone(), filled: None });
        flight
    }

    /// Notes that a flight has ended, if nobody has noted it before.
    fn settle(&mut self, key: &str, flight: &Arc<Flight>, remembered: Duration) {
        let Some(entry) = self.by_key.get_mut(key) else { return };
        if !Arc::ptr_eq(&entry.flight, flight) || entry.filled.is_some() {
            return;
        }
        let answer_bytes = match flight.answer.get() {
            Some((found, bytes)) if !remembered.is_zero() && !matches!(**found, Found::Trouble(_)) => *bytes,
            _ => {
                self.by_key.remove(key);
                return;
            }
        };
        self.serial += 1;
        let bytes = answer_bytes + key.len() * 2 + ENTRY_BYTES;
        entry.filled = Some(Filled { at: Instant::now(), bytes, serial: self.serial });
        self.bytes += bytes;
        self.filled.push_back((key.to_owned(), self.serial));
        self.forget_the_oldest();
    }

    fn forget_the_oldest(&mut self) {
        while self.filled.len() > MOST_ENTRIES || self.bytes > MOST_BYTES {
            let Some((key, serial)) = self.filled.pop_front() else { return };
            let is_it = |entry: &Entry| entry.filled.is_some_and(|filled| filled.serial == serial);
            if self.by_key.get(&key).is_some_and(is_it) {
                self.remove(&key);
            }
        }
    }

    fn remove(&mut self, key: &str) {
        let filled = self.by_key.remove(key).and_then(|entry| entry.filled);
        self.bytes -= filled.map_or(0, |filled| filled.bytes);
    }
}

#[cfg(test)]
mod tests;
