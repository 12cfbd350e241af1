//! What becomes of a write whose answer the network loses: it was done, and its repetition is refused as stale. The ledger
//! has to see that it was its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use filas_aws::{Cloud, DynamoLedger};
use filas_domain::ids::BatchNumber;
use filas_domain::ports::{
    BatchLedger as _, IdempotencyKey, Registered, TaskCatalogue as _, TaskLedger as _, TaskRegister as _, WriteError,
};
use filas_domain::task::{Head, TaskState};
use filas_testkit::contract::samples;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::sandbox;

/// A way to the cloud on which answers get lost.
struct LossyWay {
    to_lose: Arc<AtomicUsize>,
}

impl LossyWay {
    /// The ledger at the end of this way, and the way.
    async fn to(cloud: &Cloud, table: &str) -> (DynamoLedger, Self) {
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
        let upstream = endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let to_lose = Arc::new(AtomicUsize::new(0));
        let losing = Arc::clone(&to_lose);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&upstream).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&losing)));
            }
        });
        let config = cloud.dynamodb.config().to_builder().endpoint_url(here).build();
        (DynamoLedger::new(&aws_sdk_dynamodb::Client::from_conf(config), table), Self { to_lose })
    }

    fn lose(&self, answers: usize) {
        self.to_lose.store(answers, Ordering::SeqCst);
    }

    /// Whether every answer that was to be lost is.
    fn is_done(&self) -> bool {
        self.to_lose.load(Ordering::SeqCst) == 0
    }
}

/// Carries bytes both ways until an answer is to be lost, which closes the connection in place of the answer.
async fn carry(client: TcpStream, server: TcpStream, to_lose: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut some = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = from_server.read(&mut some).await {
        let lost = to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if lost.is_ok() || to_client.write_all(&some[..len]).await.is_err() {
            break;
        }
    }
    requests.abort();
}

#[tokio::test]
async fn a_claim_that_was_written_is_not_stale() {
    sandbox::with_table(async |cloud, table| {
        let (ledger, way) = LossyWay::to(cloud, table).await;
        let task = samples::task();
        ledger.register(&task, None).await.unwrap();
        let claim = samples::claim(task.id, 0, "me");
        way.lose(1);
        ledger.write_batches(std::slice::from_ref(&claim)).await.unwrap();
        assert!(way.is_done());
        assert_eq!(ledger.batches(task.id, &[BatchNumber::new(0)]).await.unwrap(), [claim.after]);
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_claim_is_stale_though_the_answer_was_lost() {
    sandbox::with_table(async |cloud, table| {
        let (ledger, way) = LossyWay::to(cloud, table).await;
        let task = samples::task();
        ledger.register(&task, None).await.unwrap();
        ledger.write_batches(&[samples::claim(task.id, 0, "you")]).await.unwrap();
        way.lose(1);
        let written = ledger.write_batches(&[samples::claim(task.id, 0, "me")]).await;
        assert!(matches!(written, Err(WriteError::Stale)), "{written:?}");
        assert!(way.is_done());
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_was_written_is_counted_once() {
    sandbox::with_table(async |cloud, table| {
        let (ledger, way) = LossyWay::to(cloud, table).await;
        let task = samples::task();
        ledger.register(&task, None).await.unwrap();
        let claims: Vec<_> = (0..2).map(|number| samples::claim(task.id, number, "me")).collect();
        let ends: Vec<_> = claims.iter().map(|claim| samples::close(&claim.after, 2, "TWO")).collect();
        for changes in [&claims, &ends] {
            way.lose(2);
            ledger.write_batches(changes).await.unwrap();
            assert!(way.is_done());
        }
        let tally = ledger.task(task.id).await.unwrap().unwrap().tally;
        assert_eq!((tally.counts.succeeded, tally.counts.failed, tally.done, tally.attempts), (16, 4, 2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_head_that_was_written_is_not_stale() {
    sandbox::with_table(async |cloud, table| {
        let (ledger, way) = LossyWay::to(cloud, table).await;
        let task = samples::task();
        ledger.register(&task, None).await.unwrap();
        let head = Head { state: TaskState::Splitting, ..task.head.clone() };
        way.lose(1);
        ledger.write_head(&task, &head).await.unwrap();
        way.lose(1);
        let written = ledger.write_head(&task, &task.head).await;
        assert!(matches!(written, Err(WriteError::Stale)), "{written:?}");
        assert_eq!(ledger.task(task.id).await.unwrap().unwrap().version, 2);
    })
    .await;
}

#[tokio::test]
async fn a_registration_that_was_written_is_new() {
    sandbox::with_table(async |cloud, table| {
        let (ledger, way) = LossyWay::to(cloud, table).await;
        let expires = samples::NOW.plus(Duration::from_secs(60));
        let key = IdempotencyKey { key: samples::key(), fingerprint: "one".into(), expires };
        for key in [None, Some(&key)] {
            way.lose(1);
            assert_eq!(ledger.register(&samples::task(), key).await.unwrap(), Registered::New);
            assert!(way.is_done());
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_read_is_read_again_and_no_answer_at_all_is_transient() {
    sandbox::with_table(async |cloud, table| {
        let (ledger, way) = LossyWay::to(cloud, table).await;
        let task = samples::task();
        ledger.register(&task, None).await.unwrap();
        way.lose(3);
        assert_eq!(ledger.task(task.id).await.unwrap(), Some(task.clone()));
        way.lose(1);
        let listed = ledger.list(&task.head.order.owner, None, None, 5).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&task));
        way.lose(100);
        let error = ledger.task(task.id).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        assert_eq!(error.to_string(), format!("read task {} from the ledger", task.id));
    })
    .await;
}
