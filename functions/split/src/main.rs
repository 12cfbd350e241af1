//! The `split` function: an uploaded file to rows, batches and messages. The only fan-out.
//!
//! * [`handler`]: an invocation: which files to read, and what becomes of each
//! * [`reading`]: the file to one object of rows and the index of its batches
//! * [`sink`]: rows as lines, in chunks on their way to the bucket

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

mod handler;
mod reading;
mod sink;

use filas_aws::{Cloud, SystemClock, env, telemetry};
use filas_domain::delivery::QueueEvent;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::handler::{Invocation, Splitter};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let splitter = Splitter {
        ledger: cloud.ledger()?,
        objects: cloud.objects()?,
        queue: cloud.batch_queue()?,
        deliveries: cloud.deliveries(env::INGEST_QUEUE_URL)?,
        clock: SystemClock,
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<QueueEvent>| {
        let invocation = Invocation::of(&event.context);
        let splitter = &splitter;
        async move { Ok::<_, lambda_runtime::Error>(splitter.run(&event.payload.deliveries, &invocation).await) }
    }))
    .await
}
