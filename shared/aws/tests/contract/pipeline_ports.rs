//! What pipelines need of the cloud: records, permits, secrets, queues of the users'.

use std::panic::{AssertUnwindSafe, resume_unwind};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};
use filas_aws::{
    Cloud, DynamoAccess, DynamoPermits, DynamoPipelines, DynamoRecords, DynamoWatchers, SqsRowQueue, SsmSecrets,
    random_bytes,
};
use filas_domain::ids::Owner;
use filas_domain::row_queue::RowMessage;
use filas_testkit::contract::{self, RowInbox};
use futures::FutureExt as _;

use crate::sandbox;

/// Runs `test` on a table of its own for records and permits: it has keys and no index.
async fn with_records_table(test: impl AsyncFnOnce(&aws_sdk_dynamodb::Client, &str)) {
    assert!(std::env::var_os("AWS_ENDPOINT_URL").is_some(), "these tests make and delete things: never on AWS itself");
    let client = Cloud::from_env().await.unwrap().dynamodb;
    let table = format!("filas-contract-{:016x}", u64::from_be_bytes(random_bytes().unwrap()));
    let mut create = client.create_table().table_name(&table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        create = create.attribute_definitions(attribute.build().unwrap());
        create = create.key_schema(KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap());
    }
    create.send().await.unwrap();
    loop {
        let found = client.describe_table().table_name(&table).send().await.unwrap().table;
        if found.and_then(|table| table.table_status) == Some(TableStatus::Active) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let tested = AssertUnwindSafe(test(&client, &table)).catch_unwind().await;
    client.delete_table().table_name(&table).send().await.unwrap();
    if let Err(panic) = tested {
        resume_unwind(panic);
    }
}

#[tokio::test]
async fn the_records_keep_the_contract() {
    with_records_table(async |client, table| {
        contract::records(&DynamoRecords::new(client, table)).await;
    })
    .await;
}

#[tokio::test]
async fn the_keys_and_rates_keep_the_contract() {
    with_records_table(async |client, table| {
        contract::keys(&DynamoAccess::new(client, table)).await;
        contract::rates(&DynamoAccess::new(client, table)).await;
    })
    .await;
}

#[tokio::test]
async fn the_pipelines_keep_the_contract() {
    with_records_table(async |client, table| {
        contract::pipelines(&DynamoPipelines::new(client, table)).await;
    })
    .await;
}

/// Prints how well workers keep a rate by a table: `--nocapture` shows it.
#[tokio::test]
async fn the_permits_keep_the_contract_and_a_rate_is_kept_by_them() {
    with_records_table(async |client, table| {
        contract::permits(&DynamoPermits::new(client, table)).await;
    })
    .await;
}

#[tokio::test]
async fn the_watchers_keep_the_contract() {
    with_records_table(async |client, table| {
        contract::watchers(&DynamoWatchers::new(client, table)).await;
    })
    .await;
}

#[tokio::test]
async fn the_secrets_keep_the_contract() {
    // Other tests of this cloud may have secrets of the same owners.
    let prefix = format!("/filas/contract-{}", std::process::id());
    let secrets = SsmSecrets::from_env(&prefix).unwrap();
    contract::secrets(&secrets, async |owner, name, text| put_secret(&prefix, owner, name, text).await).await;
    // The local cloud's own key is a word that stands elsewhere too, so this looks for what is shown in its place.
    assert!(format!("{secrets:?}").contains("redacted"));
}

/// Stores a secret as a person would, by the tools of AWS; the local cloud does not look at the signature.
async fn put_secret(prefix: &str, owner: &Owner, name: &str, text: &str) {
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
    let name = format!("{prefix}/{owner}/{name}");
    let body = serde_json::json!({"Name": name, "Value": text, "Type": "SecureString", "Overwrite": true});
    let put = move || {
        let signed =
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=0";
        let request = ureq::post(endpoint).header("authorization", signed);
        let request = request.header("content-type", "application/x-amz-json-1.1");
        request.header("x-amz-target", "AmazonSSM.PutParameter").send(body.to_string()).unwrap();
    };
    tokio::task::spawn_blocking(put).await.unwrap();
}

#[tokio::test]
async fn the_row_queue_keeps_the_contract() {
    sandbox::with_queues(async |cloud, url, _| {
        let inbox = SqsRowInbox { client: cloud.sqs.clone(), url: url.to_owned() };
        contract::row_queue(&SqsRowQueue::new(cloud.sqs.clone()), url, &inbox).await;
    })
    .await;
}

/// The user's end of a queue in SQS.
struct SqsRowInbox {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl RowInbox for SqsRowInbox {
    async fn take(&self) -> Vec<RowMessage> {
        let receive = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let answer = receive.message_attribute_names("All").send().await.unwrap();
        let mut taken = Vec::new();
        for message in answer.messages.unwrap_or_default() {
            let delete = self.client.delete_message().queue_url(&self.url);
            delete.receipt_handle(message.receipt_handle.unwrap()).send().await.unwrap();
            let attributes = message.message_attributes.unwrap();
            let attribute = |name| attributes[name].string_value.clone().unwrap();
            let (idempotency_key, trace) = (attribute("idempotency-key"), attribute("traceparent").parse().unwrap());
            taken.push(RowMessage { idempotency_key, trace, body: message.body.unwrap() });
        }
        taken
    }
}
