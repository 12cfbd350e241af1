//! A table, a bucket, queues: made for one test and deleted after it.

use std::panic::{AssertUnwindSafe, resume_unwind};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableStatus,
};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;
use filas_aws::{Cloud, random_bytes};
use futures::FutureExt as _;

/// The local cloud. Never AWS itself: these tests make and delete things.
async fn local_cloud() -> Cloud {
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap_or_default();
    assert!(!endpoint.is_empty(), "AWS_ENDPOINT_URL is not set; run `cargo xtask test`, which starts a local cloud");
    Cloud::from_env().await.unwrap()
}

fn unique_name() -> String {
    let random = u64::from_be_bytes(random_bytes().unwrap());
    format!("filas-contract-{random:016x}")
}

/// Runs `test`, then `clean_up`, then lets the test's panic go on where there was one.
async fn and_then_always(test: impl Future<Output = ()>, clean_up: impl Future<Output = ()>) {
    let tested = AssertUnwindSafe(test).catch_unwind().await;
    clean_up.await;
    if let Err(panic) = tested {
        resume_unwind(panic);
    }
}

/// Runs `test` on a table of its own, which is as the template makes it.
pub async fn with_table(test: impl AsyncFnOnce(&Cloud, &str)) {
    let (cloud, table) = (local_cloud().await, unique_name());
    create_table(&cloud.dynamodb, &table).await;
    and_then_always(test(&cloud, &table), async {
        cloud.dynamodb.delete_table().table_name(&table).send().await.unwrap();
    })
    .await;
}

async fn create_table(client: &aws_sdk_dynamodb::Client, table: &str) {
    let attribute = |name: &str| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        definition.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let keys = |hash: &str, range: &str| Some(vec![key(hash, KeyType::Hash), key(range, KeyType::Range)]);
    let index = |name: &str, hash: &str| {
        let all = Projection::builder().projection_type(ProjectionType::All).build();
        let index = GlobalSecondaryIndex::builder().index_name(name).set_key_schema(keys(hash, "task_id"));
        index.projection(all).build().unwrap()
    };
    let create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let create = create.set_attribute_definitions(Some(
        ["pk", "sk", "owner", "owner_state", "task_id", "unsettled"].map(attribute).to_vec(),
    ));
    let create = create.set_key_schema(keys("pk", "sk"));
    let create = create.set_global_secondary_indexes(Some(vec![
        index("by_owner", "owner"),
        index("by_state", "owner_state"),
        index("unsettled", "unsettled"),
    ]));
    create.send().await.unwrap();
    loop {
        let found = client.describe_table().table_name(table).send().await.unwrap().table;
        if found.and_then(|table| table.table_status) == Some(TableStatus::Active) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Runs `test` on a bucket of its own.
pub async fn with_bucket(test: impl AsyncFnOnce(&Cloud, &str)) {
    let (cloud, bucket) = (local_cloud().await, unique_name());
    create_bucket(&cloud.s3, &bucket).await;
    and_then_always(test(&cloud, &bucket), async {
        let listed = cloud.s3.list_objects_v2().bucket(&bucket).send().await.unwrap();
        for object in listed.contents() {
            cloud.s3.delete_object().bucket(&bucket).key(object.key().unwrap()).send().await.unwrap();
        }
        cloud.s3.delete_bucket().bucket(&bucket).send().await.unwrap();
    })
    .await;
}

async fn create_bucket(client: &aws_sdk_s3::Client, bucket: &str) {
    let region = client.config().region().unwrap().as_ref();
    // The first region is the one that may not be named.
    let place = (region != "us-east-1").then(|| {
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
    });
    client.create_bucket().bucket(bucket).set_create_bucket_configuration(place).send().await.unwrap();
}

/// Runs `test` on an empty queue with a visibility timeout of a minute, whose messages die when they would be received for
/// the third time, and its dead-letter queue.
pub async fn with_queues(test: impl AsyncFnOnce(&Cloud, &str, &str)) {
    let (cloud, name) = (local_cloud().await, unique_name());
    let dead_letter_url = create_queue(&cloud.sqs, &format!("{name}-dead"), None).await;
    let arn = QueueAttributeName::QueueArn;
    let attributes = cloud.sqs.get_queue_attributes().queue_url(&dead_letter_url).attribute_names(arn.clone());
    let dead_letter_arn = attributes.send().await.unwrap().attributes.unwrap().remove(&arn).unwrap();
    let redrive = format!(r#"{{"deadLetterTargetArn":"{dead_letter_arn}","maxReceiveCount":2}}"#);
    let url = create_queue(&cloud.sqs, &name, Some(redrive)).await;
    and_then_always(test(&cloud, &url, &dead_letter_url), async {
        for url in [&url, &dead_letter_url] {
            cloud.sqs.delete_queue().queue_url(url).send().await.unwrap();
        }
    })
    .await;
}

async fn create_queue(client: &aws_sdk_sqs::Client, name: &str, redrive_policy: Option<String>) -> String {
    let create = client.create_queue().queue_name(name).attributes(QueueAttributeName::VisibilityTimeout, "60");
    let redrive = redrive_policy.map(|policy| (QueueAttributeName::RedrivePolicy, policy));
    let create = redrive.into_iter().fold(create, |create, (name, policy)| create.attributes(name, policy));
    create.send().await.unwrap().queue_url.unwrap()
}
