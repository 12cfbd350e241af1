//! Counts what this process asks of AWS, by looking at each request as it goes out, repetitions included: that is what is
//! billed.
//!
//! DynamoDB's units are reckoned from the size of the request, which is what AWS counts for what is written and at least as
//! much as it; an update counts the size of the whole item, taken for 2 KiB.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use filas_domain::usage::{Meter, Usage};

use crate::env::{self, EnvError};

/// What Lambda says of the memory of a function, in MB.
const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// What a message of ours takes from the queue, apart from being sent: it is received and deleted, by Lambda.
const REQUESTS_OF_A_DELIVERY: u64 = 2;

/// Units of an update: its item has between 1 and 2 KiB.
const UNITS_OF_AN_UPDATE: u64 = 2;

#[derive(Debug, Default)]
struct Counted([AtomicU64; Usage::COUNT]);

impl Counted {
    fn add(&self, usage: &Usage) {
        for (counter, more) in self.0.iter().zip(usage.numbers()) {
            counter.fetch_add(more, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Usage {
        Usage::of(std::array::from_fn(|index| self.0[index].swap(0, Ordering::Relaxed)))
    }
}

/// What was taken of an invocation so far.
#[derive(Debug)]
struct Taken {
    /// Its time is taken until then.
    until: Instant,
    /// Requests that are paid for, and come to be counted when they are made.
    ahead: Usage,
}

impl Taken {
    fn nothing() -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { until: Instant::now(), ahead: Usage::default() }))
    }
}

/// Counts for one process. Its clones count together.
#[derive(Debug, Clone)]
pub struct CloudMeter {
    counted: Arc<Counted>,
    memory_mb: u64,
    taken: Arc<Mutex<Taken>>,
}

impl CloudMeter {
    /// A meter of a function with the memory that Lambda says it has; elsewhere, of none.
    ///
    /// # Errors
    /// When the variable is not text.
    pub fn from_env() -> Result<Self, EnvError> {
        let memory_mb = env::optional(MEMORY)?.and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Self { counted: Arc::default(), memory_mb, taken: Taken::nothing() })
    }

    pub(crate) fn of_service(&self, service: Service) -> ServiceMeter {
        ServiceMeter { service, counted: self.counted.clone() }
    }

    /// Says that all is taken until now but what lies `ahead`, and what was taken before.
    fn take_until_now(&self, ahead: Usage) -> Taken {
        let now = Taken { until: Instant::now(), ahead };
        std::mem::replace(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

impl Meter for CloudMeter {
    fn begin(&self, from_queue: bool) {
        // An instance that waits for work is not billed. And what the last invocation asked for after it last took was
        // reckoned ahead by it, or belongs to a call that came to nothing: it is not for the task of this one.
        self.take_until_now(Usage::default());
        self.counted.take();
        let sqs_requests = if from_queue { REQUESTS_OF_A_DELIVERY } else { 0 };
        self.counted.add(&Usage { lambda_requests: 1, sqs_requests, ..Usage::default() });
    }

    fn take(&self, ahead: Usage) -> Usage {
        let before = self.take_until_now(ahead);
        let ms = u64::try_from(before.until.elapsed().as_millis()).unwrap_or(u64::MAX);
        let time = Usage { lambda_mb_ms: ms.saturating_mul(self.memory_mb), ..Usage::default() };
        self.counted.take().without(&before.ahead).plus(&time).plus(&ahead)
    }
}

/// Which service a client talks to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Service {
    DynamoDb,
    S3,
    Sqs,
}

/// Sees every request of one client.
#[derive(Debug)]
pub(crate) struct ServiceMeter {
    service: Service,
    counted: Arc<Counted>,
}

impl Intercept for ServiceMeter {
    fn name(&self) -> &'static str {
        "ServiceMeter"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        self.counted.add(&match self.service {
            Service::Sqs => Usage { sqs_requests: 1, ..Usage::default() },
            Service::S3 => of_s3(request.method(), request.uri()),
            Service::DynamoDb => {
                let target = request.headers().get("x-amz-target").unwrap_or_default();
                let body = request.body().bytes().unwrap_or_default();
                of_dynamodb(target.rsplit('.').next().unwrap_or_default(), body)
            }
        });
        Ok(())
    }
}

fn of_s3(method: &str, uri: &str) -> Usage {
    match method {
        // Deleting is free.
        "DELETE" => Usage::default(),
        "GET" | "HEAD" if !uri.contains("list-type=") => Usage { s3_reads: 1, ..Usage::default() },
        _ => Usage { s3_writes: 1, ..Usage::default() },
    }
}

fn of_dynamodb(operation: &str, body: &[u8]) -> Usage {
    let kibibytes = (body.len() as u64).div_ceil(1024).max(1);
    let writes = |table_writes| Usage { table_writes, ..Usage::default() };
    match operation {
        "PutItem" | "DeleteItem" => writes(kibibytes),
        "UpdateItem" => writes(UNITS_OF_AN_UPDATE),
        // An item has at least a KiB, and each is written twice: prepared, and committed.
        "TransactWriteItems" => writes(2 * occurrences(body, b"\"TableName\"").max(kibibytes)),
        "BatchGetItem" => Usage { table_reads: occurrences(body, b"\"sk\"").max(1), ..Usage::default() },
        _ => Usage { table_reads: 1, ..Usage::default() },
    }
}

/// How often `word` is in `text`.
fn occurrences(text: &[u8], word: &[u8]) -> u64 {
    text.windows(word.len()).filter(|window| *window == word).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Usage = Usage::of([0; Usage::COUNT]);

    fn meter() -> CloudMeter {
        CloudMeter { counted: Arc::default(), memory_mb: 0, taken: Taken::nothing() }
    }

    #[test]
    fn an_invocation_does_not_pay_for_the_one_before_it() {
        let meter = meter();
        let write = Usage { table_writes: 4, ..Usage::default() };
        meter.begin(false);
        meter.counted.add(&write);
        let taken = meter.take(write);
        assert_eq!(taken, Usage { lambda_requests: 1, ..write.plus(&write) }, "with the write that records it");
        meter.counted.add(&write);
        meter.begin(true);
        assert_eq!(meter.take(NONE), Usage { lambda_requests: 1, sqs_requests: 2, ..NONE });
    }

    #[test]
    fn a_write_that_records_what_was_asked_is_paid_for_once() {
        let meter = meter();
        let write = Usage { table_writes: 4, ..Usage::default() };
        let read = Usage { s3_reads: 1, ..Usage::default() };
        let mut taken = NONE;
        meter.begin(false);
        for _ in 0..3 {
            meter.counted.add(&read);
            taken = taken.plus(&meter.take(write));
            meter.counted.add(&write);
        }
        assert_eq!(taken, Usage { lambda_requests: 1, s3_reads: 3, table_writes: 12, ..NONE });
    }

    #[test]
    fn requests_to_s3_are_reads_or_writes() {
        let read = Usage { s3_reads: 1, ..Usage::default() };
        let write = Usage { s3_writes: 1, ..Usage::default() };
        for (method, uri, expected) in [
            ("GET", "http://s3/bucket/rows/1", read),
            ("HEAD", "http://s3/bucket/rows/1", read),
            ("GET", "http://s3/bucket?list-type=2&prefix=rows", write),
            ("PUT", "http://s3/bucket/rows/1", write),
            ("POST", "http://s3/bucket/rows/1?uploads", write),
            ("DELETE", "http://s3/bucket/rows/1", Usage::default()),
        ] {
            assert_eq!(of_s3(method, uri), expected, "{method} {uri}");
        }
    }

    #[test]
    fn units_of_dynamodb_follow_items_and_sizes() {
        let check = |operation: &str, body: &str, writes: u64, reads: u64| {
            let usage = of_dynamodb(operation, body.as_bytes());
            assert_eq!((usage.table_writes, usage.table_reads), (writes, reads), "{operation} {body:.40}");
        };
        check("PutItem", "", 1, 0);
        check("PutItem", &"x".repeat(1025), 2, 0);
        check("UpdateItem", &"x".repeat(200), 2, 0);
        check("TransactWriteItems", &r#"{"Put":{"TableName":"t"}}"#.repeat(11), 22, 0);
        check("TransactWriteItems", &"x".repeat(5000), 10, 0);
        check("GetItem", "{}", 0, 1);
        check("BatchGetItem", &r#"{"pk":{"S":"a"},"sk":{"S":"b"}}"#.repeat(10), 0, 10);
        check("Query", "{}", 0, 1);
    }

    #[test]
    fn what_is_taken_is_counted_once() {
        let meter = meter();
        meter.begin(true);
        meter.counted.add(&Usage { s3_reads: 2, ..Usage::default() });
        let expected = Usage { lambda_requests: 1, sqs_requests: 2, s3_reads: 2, ..Usage::default() };
        assert_eq!(meter.take(NONE), expected);
        assert!(meter.take(NONE).is_zero());
    }
}
