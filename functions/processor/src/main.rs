//! The `processor` function: batches from the queue, through the pipeline, to outcomes.
//!
//! * [`handler`]: an invocation: which batches go together, and which messages are to come again
//! * [`group`]: batches that go together: claim → read → run
//! * [`settle`]: what was done is stored and counted, what is left is handed on
//! * [`rows`]: the rows of one batch through the pipeline, until they end or the time does
//! * [`pipelines`]: the compiled pipelines of this instance

mod group;
mod handler;
mod pipelines;
mod rows;
mod settle;

use filas_aws::{Cloud, SystemClock, env, telemetry};
use filas_domain::delivery::QueueEvent;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::handler::{Invocation, Processor};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let bucket = cloud.objects(env::required("FILAS_BUCKET")?);
    let processor = Processor {
        ledger: cloud.ledger(env::required("FILAS_TABLE")?),
        queue: cloud.batch_queue(env::required("FILAS_BATCH_QUEUE_URL")?),
        deliveries: cloud.deliveries(env::required("FILAS_BATCH_QUEUE_URL")?),
        pipelines: pipelines::Pipelines::new(bucket.clone(), std::env::vars().collect()),
        objects: bucket,
        clock: SystemClock,
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<QueueEvent>| {
        let invocation = Invocation::of(&event.context);
        let processor = &processor;
        async move { anyhow::Ok(processor.run(&event.payload.deliveries, &invocation).await) }
    }))
    .await
}
