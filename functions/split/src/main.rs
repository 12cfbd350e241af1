//! Wires the `split` function to the cloud.

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

use std::sync::Arc;

use filas_aws::{Cloud, SystemClock, env, telemetry};
use filas_domain::delivery::QueueEvent;
use lambda_runtime::{LambdaEvent, service_fn};
use split::handler::{Invocation, Splitter};

fn main() -> Result<(), lambda_runtime::Error> {
    // Started by itself to read a file that may crash its reader.
    if filas_sheets::child::serve_if_asked() {
        return Ok(());
    }
    serve_lambda()
}

#[tokio::main]
async fn serve_lambda() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let splitter = Splitter {
        ledger: cloud.ledger()?,
        objects: cloud.objects()?,
        queue: cloud.batch_queue()?,
        deliveries: cloud.deliveries(env::INGEST_QUEUE_URL)?,
        clock: SystemClock,
        meter: Arc::new(cloud.meter.clone()),
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<QueueEvent>| {
        let invocation = Invocation::of(&event.context);
        let splitter = &splitter;
        async move { Ok::<_, lambda_runtime::Error>(splitter.run(&event.payload.deliveries, &invocation).await) }
    }))
    .await
}
