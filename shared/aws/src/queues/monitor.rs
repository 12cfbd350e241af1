//! [`QueueMonitor`]: how full the queues are.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use filas_domain::ports::{PortError, QueueDepth, QueueMonitor};
use futures::future::{try_join, try_join_all};

use crate::errors::port_error;

/// A queue to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedQueue {
    /// What people call it.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// The URL of its dead-letter queue.
    pub dead_letter_url: String,
}

/// The depths of some queues.
#[derive(Debug, Clone)]
pub struct SqsMonitor {
    client: Client,
    queues: Vec<WatchedQueue>,
}

/// Messages in one queue.
struct Depth {
    visible: u64,
    in_flight: u64,
    delayed: u64,
}

impl SqsMonitor {
    /// The depths of `queues`, in that order.
    pub fn new(client: Client, queues: Vec<WatchedQueue>) -> Self {
        Self { client, queues }
    }

    async fn depth(&self, name: &str, url: &str) -> Result<Depth, PortError> {
        let operation = format!("look at the queue {name}");
        let wanted = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
            Attribute::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.client.get_queue_attributes().queue_url(url).set_attribute_names(Some(wanted.to_vec()));
        let answer = request.send().await.map_err(|error| port_error(&operation, error))?;
        let found = answer.attributes.unwrap_or_default();
        let count = |attribute: &Attribute| -> Result<u64, PortError> {
            let text = found.get(attribute).and_then(|text| text.parse().ok());
            text.ok_or_else(|| PortError::permanent(&operation, format!("the answer has no {attribute}")))
        };
        let [visible, in_flight, delayed] = &wanted;
        Ok(Depth { visible: count(visible)?, in_flight: count(in_flight)?, delayed: count(delayed)? })
    }

    async fn look(&self, queue: &WatchedQueue) -> Result<QueueDepth, PortError> {
        let dead_name = format!("{} (dead letters)", queue.name);
        let looks = (self.depth(&queue.name, &queue.url), self.depth(&dead_name, &queue.dead_letter_url));
        let (alive, dead) = try_join(looks.0, looks.1).await?;
        Ok(QueueDepth {
            name: queue.name.clone(),
            visible: alive.visible,
            in_flight: alive.in_flight,
            delayed: alive.delayed,
            // Those that a function has in its hands are still dead.
            dead: dead.visible + dead.in_flight + dead.delayed,
        })
    }
}

impl QueueMonitor for SqsMonitor {
    async fn depths(&self) -> Result<Vec<QueueDepth>, PortError> {
        try_join_all(self.queues.iter().map(|queue| self.look(queue))).await
    }
}
