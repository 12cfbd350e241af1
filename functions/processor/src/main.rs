//! The `processor` function: batches from the queue, through the pipeline, to outcomes.
//!
//! * [`handler`]: an invocation: which batches go together, and which messages are to come again
//! * [`group`]: batches that go together: claim → read → run
//! * [`settle`]: what was done is stored and counted, what is left is handed on
//! * [`rows`]: the rows of one batch through the pipeline, until they end or the time does
//! * [`pipelines`]: the compiled pipelines of this instance

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

mod group;
mod handler;
mod pipelines;
mod rows;
mod settle;

use filas_aws::{Cloud, SystemClock, env, telemetry};
use filas_domain::delivery::QueueEvent;
use filas_pipeline::Variables;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::handler::{Invocation, Processor};
use crate::pipelines::Pipelines;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let objects = cloud.objects()?;
    let processor = Processor {
        ledger: cloud.ledger()?,
        queue: cloud.batch_queue()?,
        deliveries: cloud.deliveries(env::BATCH_QUEUE_URL)?,
        pipelines: Pipelines::new(objects.clone(), Variables::of_installation(|name| std::env::var(name).ok())),
        objects,
        clock: SystemClock,
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<QueueEvent>| {
        let invocation = Invocation::of(&event.context);
        let processor = &processor;
        async move { Ok::<_, lambda_runtime::Error>(processor.run(&event.payload.deliveries, &invocation).await) }
    }))
    .await
}
