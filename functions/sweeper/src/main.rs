//! Wires the `sweeper` function to the cloud.

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

use filas_aws::{Cloud, SystemClock, env, telemetry};
use filas_domain::clock::Timestamp;
use filas_domain::metrics::Metrics;
use filas_domain::ports::Clock as _;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use sweeper::handler::{Sweeper, patience};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let sweeper = Sweeper {
        ledger: cloud.ledger()?,
        objects: cloud.objects()?,
        queue: cloud.batch_queue()?,
        ingest: cloud.ingest_queue()?,
        reports: cloud.report_queue()?,
        monitor: cloud.monitor()?,
        clock: SystemClock,
        patience: patience(env::optional)?,
    };
    let stack = env::required(env::STACK)?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let (sweeper, stack) = (&sweeper, &stack);
        async move {
            let deadline = Timestamp::from_millis(event.context.deadline);
            let report = sweeper.run(deadline).await?;
            let metrics = Metrics::new();
            report.observe(&metrics);
            if let Some(line) = metrics.line(stack, SystemClock.now()) {
                println!("{line}");
            }
            Ok::<_, lambda_runtime::Error>(report)
        }
    }))
    .await
}
