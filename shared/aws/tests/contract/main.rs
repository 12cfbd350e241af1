//! The contracts of the ports, held against a cloud: the one at `AWS_ENDPOINT_URL`, which `cargo xtask test` starts.
//! Every test makes a table, a bucket or queues of its own and deletes them, whatever became of it.

#![expect(clippy::unwrap_used, reason = "a test ends where something is otherwise")]

mod lost_answers;
mod pipeline_ports;
mod presigned;
mod sandbox;

use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use filas_aws::{S3Objects, SqsBatchQueue, SqsDeliveries, SqsMonitor, WatchedQueue};
use filas_testkit::contract::{self, Inbox};
use filas_testkit::memory::Delivery;

#[tokio::test]
async fn the_ledger_keeps_the_contract() {
    sandbox::with_table(async |cloud, table| {
        contract::ledger(&filas_aws::DynamoLedger::new(&cloud.dynamodb, table)).await;
    })
    .await;
}

#[tokio::test]
async fn the_objects_keep_the_contract() {
    sandbox::with_bucket(async |cloud, bucket| {
        contract::objects(&S3Objects::new(cloud.s3.clone(), bucket)).await;
        contract::object_eraser(&S3Objects::new(cloud.s3.clone(), bucket)).await;
        let unfinished = cloud.s3.list_multipart_uploads().bucket(bucket).send().await.unwrap();
        assert!(unfinished.uploads().is_empty(), "{:?}", unfinished.uploads());
    })
    .await;
}

#[tokio::test]
async fn the_queue_keeps_the_contract() {
    sandbox::with_queues(async |cloud, url, dead_letter_url| {
        let watched = WatchedQueue { name: "batch".into(), url: url.into(), dead_letter_url: dead_letter_url.into() };
        contract::queue(
            &SqsBatchQueue::new(cloud.sqs.clone(), url),
            &SqsDeliveries::new(cloud.sqs.clone(), url),
            &SqsMonitor::new(cloud.sqs.clone(), vec![watched]),
            &SqsInbox { client: cloud.sqs.clone(), url: url.to_owned() },
        )
        .await;
    })
    .await;
}

/// The other end of a queue in SQS.
struct SqsInbox {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Inbox for SqsInbox {
    async fn receive(&self) -> Vec<Delivery> {
        let receive = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let counted = MessageSystemAttributeName::ApproximateReceiveCount;
        let group = MessageSystemAttributeName::MessageGroupId;
        let receive = receive.message_system_attribute_names(counted.clone());
        let answer =
            receive.message_system_attribute_names(group.clone()).message_attribute_names("All").send().await.unwrap();
        let messages = answer.messages.unwrap_or_default().into_iter();
        messages
            .map(|message| Delivery {
                receive_count: message.attributes.as_ref().unwrap()[&counted].parse().unwrap(),
                group: message.attributes.unwrap().remove(&group),
                trace: message
                    .message_attributes
                    .and_then(|set| set.get("traceparent")?.string_value.as_ref()?.parse().ok()),
                message_id: message.message_id.unwrap(),
                receipt_handle: message.receipt_handle.unwrap(),
                body: message.body.unwrap(),
            })
            .collect()
    }

    async fn delete(&self, receipt_handle: &str) {
        let delete = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt_handle);
        delete.send().await.unwrap();
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
