//! [`Deliveries`]: when a message comes again.

use std::time::Duration;

use aws_sdk_sqs::Client;
use filas_domain::ports::{Deliveries, PortError};

use crate::errors::port_error;

/// SQS hides a message for twelve hours at most.
const LONGEST_WAIT_SECONDS: i32 = 43_200;

/// The deliveries of a queue.
#[derive(Debug, Clone)]
pub struct SqsDeliveries {
    client: Client,
    url: String,
}

impl SqsDeliveries {
    /// The deliveries of the queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

impl Deliveries for SqsDeliveries {
    async fn postpone(&self, receipt_handle: &str, wait: Duration) -> Result<(), PortError> {
        let change = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt_handle);
        let answer = change.visibility_timeout(whole_seconds(wait)).send().await;
        answer.map(|_| ()).map_err(|error| port_error("postpone a delivery", error))
    }
}

/// Rounded up, so that the message does not come before its time.
fn whole_seconds(wait: Duration) -> i32 {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    i32::try_from(seconds).unwrap_or(LONGEST_WAIT_SECONDS).min(LONGEST_WAIT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_what_the_queue_takes() {
        for (wait, expected) in [
            (Duration::ZERO, 0),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(7), 7),
            (Duration::from_secs(43_200), 43_200),
            (Duration::MAX, 43_200),
        ] {
            assert_eq!(whole_seconds(wait), expected);
        }
    }
}
