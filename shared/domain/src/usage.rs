//! What a task asked of the cloud, and about what that costs.
//!
//! What is counted is the call that registered the task, what reading the file took, what a worker did for the batches that
//! it recorded, up to and with the write that records them, and, once the sweeper has looked at the task after its end, what
//! writing its files took. Not counted: attempts that died before they recorded anything, further calls of the API, events
//! and webhooks, the idle polls of event source mappings, storage, data transfer, logs. So it is a floor, and close to the
//! bill of a task that went well; docs/COST.md sets a counted run beside other ways to do the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Requests, and the time of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Invocations of functions.
    pub lambda_requests: u64,
    /// Time of functions by their memory, in MB × ms.
    pub lambda_mb_ms: u64,
    /// Requests to SQS, of 64 KiB each: sent, received and deleted.
    pub sqs_requests: u64,
    /// Requests to S3 that write or list.
    pub s3_writes: u64,
    /// Requests to S3 that read.
    pub s3_reads: u64,
    /// Write request units of DynamoDB: one for each KiB written, two within a transaction.
    pub table_writes: u64,
    /// Read request units of DynamoDB.
    pub table_reads: u64,
}

/// What a million of each costs in dollars; of time, a GB × s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// A million invocations.
    pub lambda_requests: f64,
    /// A GB × s.
    pub lambda_gb_second: f64,
    /// A million requests to SQS.
    pub sqs_requests: f64,
    /// A million writes to S3.
    pub s3_writes: f64,
    /// A million reads of S3.
    pub s3_reads: f64,
    /// A million write request units.
    pub table_writes: f64,
    /// A million read request units.
    pub table_reads: f64,
}

impl Prices {
    /// On demand in us-east-1 on arm64, from the price pages of AWS Lambda, Amazon SQS (standard queues), Amazon S3
    /// (Standard) and Amazon DynamoDB (on-demand, Standard), without the free tier.
    pub const US_EAST_1: Self = Self {
        lambda_requests: 0.20,
        lambda_gb_second: 0.000_013_333_4,
        sqs_requests: 0.40,
        s3_writes: 5.0,
        s3_reads: 0.40,
        table_writes: 0.625,
        table_reads: 0.125,
    };
}

impl Usage {
    /// How many numbers there are.
    pub const COUNT: usize = 7;

    /// What each number is called where it is stored.
    pub const NAMES: [&'static str; Self::COUNT] = [
        "used#lambda_requests",
        "used#lambda_mb_ms",
        "used#sqs_requests",
        "used#s3_writes",
        "used#s3_reads",
        "used#table_writes",
        "used#table_reads",
    ];

    /// The numbers, in the order of their names.
    pub const fn numbers(&self) -> [u64; Self::COUNT] {
        let Self { lambda_requests, lambda_mb_ms, sqs_requests, s3_writes, s3_reads, table_writes, table_reads } =
            *self;
        [lambda_requests, lambda_mb_ms, sqs_requests, s3_writes, s3_reads, table_writes, table_reads]
    }

    /// The usage with these numbers.
    pub const fn of(numbers: [u64; Self::COUNT]) -> Self {
        let [lambda_requests, lambda_mb_ms, sqs_requests, s3_writes, s3_reads, table_writes, table_reads] = numbers;
        Self { lambda_requests, lambda_mb_ms, sqs_requests, s3_writes, s3_reads, table_writes, table_reads }
    }

    /// What is left of this without `other`, and nothing where there is less.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let (mine, others) = (self.numbers(), other.numbers());
        Self::of(std::array::from_fn(|index| mine[index].saturating_sub(others[index])))
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let (mine, others) = (self.numbers(), other.numbers());
        Self::of(std::array::from_fn(|index| mine[index].saturating_add(others[index])))
    }

    /// Whether there was nothing.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The requests, without the time of functions, in dollars.
    pub fn request_dollars(&self, prices: &Prices) -> f64 {
        let million = |count: u64, price: f64| count as f64 * price / 1e6;
        million(self.lambda_requests, prices.lambda_requests)
            + million(self.sqs_requests, prices.sqs_requests)
            + million(self.s3_writes, prices.s3_writes)
            + million(self.s3_reads, prices.s3_reads)
            + million(self.table_writes, prices.table_writes)
            + million(self.table_reads, prices.table_reads)
    }

    /// GB × s of functions.
    pub fn gb_seconds(&self) -> f64 {
        self.lambda_mb_ms as f64 / 1024.0 / 1000.0
    }

    /// All of it in dollars.
    pub fn dollars(&self, prices: &Prices) -> f64 {
        self.request_dollars(prices) + self.gb_seconds() * prices.lambda_gb_second
    }
}

/// What a task asked of the cloud, as the API shows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct UsageView {
    /// Invocations of functions.
    pub lambda_requests: u64,
    /// Time of functions by their memory, in GB × s.
    pub lambda_gb_seconds: f64,
    /// Requests to SQS.
    pub sqs_requests: u64,
    /// Requests to S3 that write or list.
    pub s3_writes: u64,
    /// Requests to S3 that read.
    pub s3_reads: u64,
    /// Write request units of DynamoDB.
    pub table_writes: u64,
    /// Read request units of DynamoDB.
    pub table_reads: u64,
    /// About what it costs in US dollars, by the prices of us-east-1 without the free tier.
    pub dollars: f64,
}

impl From<&Usage> for UsageView {
    fn from(usage: &Usage) -> Self {
        Self {
            lambda_requests: usage.lambda_requests,
            lambda_gb_seconds: usage.gb_seconds(),
            sqs_requests: usage.sqs_requests,
            s3_writes: usage.s3_writes,
            s3_reads: usage.s3_reads,
            table_writes: usage.table_writes,
            table_reads: usage.table_reads,
            dollars: usage.dollars(&Prices::US_EAST_1),
        }
    }
}

/// Counts what this process asks of the cloud.
pub trait Meter: Send + Sync {
    /// An invocation begins, with messages of a queue where `from_queue`: from now on its time counts.
    fn begin(&self, from_queue: bool);

    /// What was asked since this was last called, or since the invocation began, and what will be asked to record it,
    /// `ahead`: it is paid for then, and left out of what is taken next.
    fn take(&self, ahead: Usage) -> Usage;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_of_each_costs_its_price() {
        let million = |index: usize| {
            let mut numbers = [0; Usage::COUNT];
            numbers[index] = 1_000_000;
            Usage::of(numbers).dollars(&Prices::US_EAST_1)
        };
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
        for (index, expected) in [(0, 0.20), (2, 0.40), (3, 5.0), (4, 0.40), (5, 0.625), (6, 0.125)] {
            assert!(close(million(index), expected), "{}: {}", Usage::NAMES[index], million(index));
        }
        // A GB for an hour.
        let hour = Usage { lambda_mb_ms: 1024 * 1000 * 3600, ..Usage::default() };
        assert!(close(hour.dollars(&Prices::US_EAST_1), 0.048_000_24));
        assert!(close(hour.request_dollars(&Prices::US_EAST_1), 0.0));
    }

    #[test]
    fn usages_add_up() {
        let one = Usage::of([1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(one.plus(&one).numbers(), [2, 4, 6, 8, 10, 12, 14]);
        assert_eq!(one.plus(&one).without(&one), one);
        assert!(one.without(&one.plus(&one)).is_zero());
        assert_eq!((one.is_zero(), Usage::default().is_zero()), (false, true));
    }
}
