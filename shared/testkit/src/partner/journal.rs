//! What the partner received, by idempotency key: how duplicates and losses are counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The journal in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalSummary {
    /// Deliveries received, whatever became of them. One without a key counts here and nowhere else but `by_status`.
    pub requests: u64,
    /// Distinct idempotency keys received.
    pub keys: u64,
    /// Deliveries that changed something: at most one for each key.
    pub effects: u64,
    /// Repeated deliveries that were answered with the first answer.
    pub replays: u64,
    /// Deliveries that used a key again for something else.
    pub conflicts: u64,
    /// Deliveries that were never answered.
    pub hangs: u64,
    /// Deliveries whose connection was reset.
    pub resets: u64,
    /// Catalogue look-ups.
    pub lookups: u64,
    /// Most deliveries that were under way at once.
    pub max_in_flight: u64,
    /// Answers to deliveries, by status.
    pub by_status: BTreeMap<u16, u64>,
}

/// What is known of one idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The idempotency key.
    pub key: String,
    /// Deliveries received with it.
    pub requests: u64,
    /// How often it changed something: 0 or 1.
    pub effects: u64,
    /// The last status it was answered with; `null` when no answer was ever sent.
    pub last_status: Option<u16>,
    /// Where its effect was: the path of the delivery. Absent while there was none. Two keys with one path are one thing
    /// that was delivered twice in effect.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
}

/// What the partner does with a delivery that reached its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applied {
    /// The first of its key.
    First { receipt: u64 },
    /// The same again.
    Replay { receipt: u64 },
    /// Another delivery under the same key.
    Conflict,
}

#[derive(Debug, Default)]
struct KeyRecord {
    requests: u64,
    last_status: Option<u16>,
    effect: Option<Effect>,
}

#[derive(Debug)]
struct Effect {
    fingerprint: u64,
    receipt: u64,
    path: Box<str>,
}

/// All that the partner received since it was started or cleared.
#[derive(Debug, Default)]
pub(super) struct Journal {
    keys: HashMap<String, KeyRecord>,
    totals: JournalSummary,
    in_flight: u64,
}

impl Journal {
    /// A delivery begins; gives how many came with this key, this one included.
    pub(super) fn begin(&mut self, key: &str) -> u64 {
        self.totals.requests += 1;
        self.in_flight += 1;
        self.totals.max_in_flight = self.totals.max_in_flight.max(self.in_flight);
        // Not the entry API: a repeated key is the rarer case only by number, and needs no new string.
        let record = match self.keys.get_mut(key) {
            Some(record) => record,
            None => self.keys.entry(key.to_owned()).or_default(),
        };
        record.requests += 1;
        record.requests
    }

    /// A delivery is over, answered or given up.
    pub(super) fn end(&mut self) {
        // The journal may have been cleared in between.
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Applies a delivery to `path`, once in effect for each key.
    pub(super) fn apply(&mut self, key: &str, fingerprint: u64, path: &str) -> Applied {
        let record = self.keys.entry(key.to_owned()).or_default();
        match &record.effect {
            None => {
                self.totals.effects += 1;
                let receipt = self.totals.effects;
                record.effect = Some(Effect { fingerprint, receipt, path: path.into() });
                Applied::First { receipt }
            }
            Some(effect) if effect.fingerprint == fingerprint => {
                self.totals.replays += 1;
                Applied::Replay { receipt: effect.receipt }
            }
            Some(_) => {
                self.totals.conflicts += 1;
                Applied::Conflict
            }
        }
    }

    /// Notes the status that a delivery is answered with.
    pub(super) fn answered(&mut self, key: &str, status: u16) {
        *self.totals.by_status.entry(status).or_default() += 1;
        if let Some(record) = self.keys.get_mut(key) {
            record.last_status = Some(status);
        }
    }

    /// Notes a delivery that had no key and was answered so.
    pub(super) fn refused_without_key(&mut self, status: u16) {
        self.totals.requests += 1;
        *self.totals.by_status.entry(status).or_default() += 1;
    }

    /// Notes a delivery that is never answered.
    pub(super) fn hung(&mut self) {
        self.totals.hangs += 1;
    }

    /// Notes a delivery whose connection is reset.
    pub(super) fn reset(&mut self) {
        self.totals.resets += 1;
    }

    /// Notes a look-up in the catalogue.
    pub(super) fn looked_up(&mut self) {
        self.totals.lookups += 1;
    }

    /// Forgets everything but what is under way.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.totals = JournalSummary { max_in_flight: self.in_flight, ..JournalSummary::default() };
    }

    /// The journal in numbers.
    pub(super) fn summary(&self) -> JournalSummary {
        JournalSummary { keys: self.keys.len() as u64, ..self.totals.clone() }
    }

    /// Every key, in the order of the keys.
    pub(super) fn entries(&self) -> Vec<JournalEntry> {
        let entry = |(key, record): (&String, &KeyRecord)| JournalEntry {
            key: key.clone(),
            requests: record.requests,
            effects: u64::from(record.effect.is_some()),
            last_status: record.last_status,
            path: record.effect.as_ref().map(|effect| effect.path.to_string()),
        };
        let mut entries: Vec<_> = self.keys.iter().map(entry).collect();
        entries.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        entries
    }

    /// The entries as one JSON object a line.
    pub(super) fn entries_ndjson(&self) -> Result<String, serde_json::Error> {
        let mut text = String::with_capacity(self.keys.len() * 96);
        for entry in self.entries() {
            let line = serde_json::to_string(&entry)?;
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{line}");
        }
        Ok(text)
    }
}
