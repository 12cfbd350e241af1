//! `deliver: queue`.

use futures::future::join_all;

use super::*;

const URL: &str = "https://sqs.eu-west-1.amazonaws.com/1/orders";

fn outside() -> Outside {
    let outside = Outside::new();
    Outside { variables: Variables::new().with("ORDERS_QUEUE_URL", URL), ..outside }
}

const YAML: &str = "name: a\ndeliver: { queue: { url: '${ORDERS_QUEUE_URL}', body: \"{'id': row.id}\" } }\n";

async fn send(pipeline: &Pipeline, numbers: std::ops::Range<u32>) -> Vec<String> {
    let context = context();
    let rows = numbers.map(|number| pipeline.run_row(row(number, &json!({"id": number})), &context));
    join_all(rows).await.into_iter().map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn rows_that_run_at_once_go_ten_to_a_call() {
    let outside = outside();
    let pipeline = outside.worker(YAML);
    assert_eq!(pipeline.concurrency(), 40);
    assert_eq!(send(&pipeline, 2..27).await, ["succeeded"; 25]);
    let calls = outside.queue.calls();
    assert_eq!(calls.iter().map(|call| call.messages.len()).collect::<Vec<_>>(), [10, 10, 5]);
    let mut messages: Vec<_> = calls.into_iter().flat_map(|call| call.messages).collect();
    messages.sort_by_key(|message| message.body.clone());
    assert_eq!(messages[0].body, r#"{"id":10}"#);
    assert_eq!(messages[0].idempotency_key, format!("{}.10", task(1)));
    assert_eq!(messages.len(), 25);
}

#[tokio::test(start_paused = true)]
async fn large_messages_go_in_smaller_calls() {
    let outside = outside();
    let pipeline = outside.worker("name: a\ndeliver: { queue: { url: '${ORDERS_QUEUE_URL}' } }\n");
    let context = context();
    let large = json!({"note": "x".repeat(100_000)});
    let rows = (2..7).map(|number| pipeline.run_row(row(number, &large), &context));
    assert!(join_all(rows).await.into_iter().all(|outcome| told(outcome) == "succeeded"));
    assert_eq!(outside.queue.calls().iter().map(|call| call.messages.len()).collect::<Vec<_>>(), [2, 2, 1]);
    let huge = pipeline.run_row(row(2, &json!({"note": "x".repeat(300_000)})), &context).await;
    assert_eq!(told(huge), "Deliver MESSAGE_TOO_LARGE: a message may have 261632 bytes, this has 300011");
}

#[tokio::test(start_paused = true)]
async fn trouble_with_the_queue_is_not_the_rows() {
    let outside = outside();
    let pipeline = outside.worker(YAML);
    outside.queue.fail_next("send", 2);
    assert_eq!(send(&pipeline, 2..12).await, ["succeeded"; 10]);
    // Sent, and not known: sent again, with the same key, by which the consumer tells.
    outside.queue.lose_answers("send", 1);
    assert_eq!(send(&pipeline, 12..13).await, ["succeeded"]);
    let keys: Vec<_> = outside.queue.calls().into_iter().flat_map(|call| call.messages).collect();
    assert_eq!(keys.iter().filter(|message| message.idempotency_key.ends_with(".12")).count(), 2);
    outside.queue.fail_next("send", 100_000);
    let seen = send(&pipeline, 13..14).await;
    assert!(seen[0].starts_with("unavailable: send in memory"), "{seen:?}");
}

#[test]
fn a_queue_is_the_same_for_every_row() {
    let variables = Variables::new().with("Q", "orders");
    for url in ["${Q}", "https://sqs/{row.queue}", "orders", "ftp://sqs/q"] {
        let spec = parse(&format!("name: a\ndeliver: {{ queue: {{ url: '{url}' }} }}\n")).unwrap();
        let error = Pipeline::compile(&spec, &variables).unwrap_err().to_string();
        assert!(error.contains("deliver.queue.url: expected the URL of a queue, the same for every row"), "{error}");
    }
}
