//! Wires the `dead-letter` function to the cloud.

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

use dead_letter::handler::Undertaker;
use filas_aws::{Cloud, SystemClock, telemetry};
use filas_domain::delivery::QueueEvent;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let undertaker = Undertaker { ledger: cloud.ledger()?, clock: SystemClock };
    lambda_runtime::run(service_fn(|event: LambdaEvent<QueueEvent>| {
        let undertaker = &undertaker;
        async move { Ok::<_, lambda_runtime::Error>(undertaker.run(&event.payload.deliveries).await) }
    }))
    .await
}
