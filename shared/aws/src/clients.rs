//! One client for each service, made once per cold start and shared from then on.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_http_client::Builder as HttpClientBuilder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::env::{self, EnvError};
use crate::ledger::DynamoLedger;
use crate::meter::{CloudMeter, Service};
use crate::objects::S3Objects;
use crate::queues::{SqsBatchQueue, SqsDeliveries, SqsIngestQueue, SqsMonitor, SqsReportQueue, WatchedQueue};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an answer may take to begin.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// A part of 8 MiB goes up within one attempt, so a slow line must not end it.
const S3_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The clients.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// For the ledger.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// For objects.
    pub s3: aws_sdk_s3::Client,
    /// For queues.
    pub sqs: aws_sdk_sqs::Client,
    /// What is asked of them.
    pub meter: CloudMeter,
}

impl Cloud {
    /// The clients, as `AWS_REGION`, the credentials in the environment and `AWS_ENDPOINT_URL` say; the endpoint of one
    /// service can be set apart (`AWS_ENDPOINT_URL_DYNAMODB`). No file is read and nobody is asked: Lambda has put
    /// everything into the environment.
    ///
    /// # Errors
    /// When there is no region, no key, or an endpoint that is not an HTTP URL.
    pub async fn from_env() -> Result<Self, EnvError> {
        let region = match env::optional("AWS_REGION")? {
            Some(region) => region,
            None => env::required("AWS_DEFAULT_REGION").map_err(|_| EnvError::Missing("AWS_REGION".into()))?,
        };
        for needed in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            // Without them every request would fail, as an error of the network that seems worth another try.
            env::required(needed)?;
        }
        let config = shared_config(Region::new(region));
        let meter = CloudMeter::from_env()?;
        Ok(Self {
            dynamodb: dynamodb(&config, endpoint("AWS_ENDPOINT_URL_DYNAMODB")?, &meter),
            s3: s3(&config, endpoint("AWS_ENDPOINT_URL_S3")?, &meter),
            sqs: sqs(&config, endpoint("AWS_ENDPOINT_URL_SQS")?, &meter),
            meter,
        })
    }

    /// The ledger in the table that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn ledger(&self) -> Result<DynamoLedger, EnvError> {
        Ok(DynamoLedger::new(&self.dynamodb, env::required(env::TABLE)?))
    }

    /// The objects in the bucket that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn objects(&self) -> Result<S3Objects, EnvError> {
        Ok(S3Objects::new(self.s3.clone(), env::required(env::BUCKET)?))
    }

    /// The batch queue that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn batch_queue(&self) -> Result<SqsBatchQueue, EnvError> {
        Ok(SqsBatchQueue::new(self.sqs.clone(), env::required(env::BATCH_QUEUE_URL)?))
    }

    /// The queue of arrivals that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn ingest_queue(&self) -> Result<SqsIngestQueue, EnvError> {
        Ok(SqsIngestQueue::new(self.sqs.clone(), env::required(env::INGEST_QUEUE_URL)?))
    }

    /// The queue of files to be written that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn report_queue(&self) -> Result<SqsReportQueue, EnvError> {
        Ok(SqsReportQueue::new(self.sqs.clone(), env::required(env::REPORT_QUEUE_URL)?))
    }

    /// The deliveries of the queue whose URL is in `variable`, [`env::BATCH_QUEUE_URL`] for instance.
    ///
    /// # Errors
    /// When it is not set.
    pub fn deliveries(&self, variable: &str) -> Result<SqsDeliveries, EnvError> {
        Ok(SqsDeliveries::new(self.sqs.clone(), env::required(variable)?))
    }

    /// The depths of the queues `batch`, `ingest` and `report`, and of `webhook` and `live` where the environment names them.
    ///
    /// # Errors
    /// When a URL of the first three is not set.
    pub fn monitor(&self) -> Result<SqsMonitor, EnvError> {
        let watched = |name: &str, url, dead_letter_url| -> Result<WatchedQueue, EnvError> {
            Ok(WatchedQueue {
                name: name.to_owned(),
                url: env::required(url)?,
                dead_letter_url: env::required(dead_letter_url)?,
            })
        };
        let mut queues = vec![
            watched("batch", env::BATCH_QUEUE_URL, env::BATCH_DLQ_URL)?,
            watched("ingest", env::INGEST_QUEUE_URL, env::INGEST_DLQ_URL)?,
            watched("report", env::REPORT_QUEUE_URL, env::REPORT_DLQ_URL)?,
        ];
        for (name, url, dead_letter_url) in [
            ("webhook", env::WEBHOOK_QUEUE_URL, env::WEBHOOK_DLQ_URL),
            ("live", env::LIVE_QUEUE_URL, env::LIVE_DLQ_URL),
        ] {
            if env::optional(url)?.is_some() {
                queues.push(watched(name, url, dead_letter_url)?);
            }
        }
        Ok(SqsMonitor::new(self.sqs.clone(), queues))
    }
}

/// Built by hand and not by the SDK's default chain: the chain reads profiles, panics over an empty `AWS_ENDPOINT_URL`,
/// and where the credentials are missing waits seconds for a metadata service that Lambda does not have.
fn shared_config(region: Region) -> SdkConfig {
    let http = HttpClientBuilder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(http)
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts(ATTEMPT_TIMEOUT))
        .build()
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .build()
}

/// The endpoint of one service, or the one for all, where one is set.
fn endpoint(variable: &str) -> Result<Option<String>, EnvError> {
    Ok(env::optional_url(variable)?.or(env::optional_url("AWS_ENDPOINT_URL")?))
}

fn dynamodb(config: &SdkConfig, endpoint: Option<String>, meter: &CloudMeter) -> aws_sdk_dynamodb::Client {
    let mut builder = aws_sdk_dynamodb::config::Builder::from(config).interceptor(meter.of_service(Service::DynamoDb));
    builder.set_endpoint_url(endpoint);
    aws_sdk_dynamodb::Client::from_conf(builder.build())
}

fn s3(config: &SdkConfig, endpoint: Option<String>, meter: &CloudMeter) -> aws_sdk_s3::Client {
    let mut builder = aws_sdk_s3::config::Builder::from(config)
        .timeout_config(timeouts(S3_ATTEMPT_TIMEOUT))
        .interceptor(meter.of_service(Service::S3));
    // A local cloud has one host name: the bucket cannot be part of it.
    builder.set_force_path_style(Some(endpoint.is_some()));
    builder.set_endpoint_url(endpoint);
    aws_sdk_s3::Client::from_conf(builder.build())
}

fn sqs(config: &SdkConfig, endpoint: Option<String>, meter: &CloudMeter) -> aws_sdk_sqs::Client {
    let mut builder = aws_sdk_sqs::config::Builder::from(config).interceptor(meter.of_service(Service::Sqs));
    builder.set_endpoint_url(endpoint);
    aws_sdk_sqs::Client::from_conf(builder.build())
}
